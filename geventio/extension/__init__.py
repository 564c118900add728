"""The Flask extension: the only floor that knows Flask."""
