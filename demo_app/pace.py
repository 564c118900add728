"""How much one client may send: a budget that fills up again with time. No network, no clock."""
from __future__ import annotations


class Pace:
    """One budget for each key, such as a connection's sid.

    :param rate: what comes back each second.
    :param burst: what may be spent at once after a rest.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._budgets: dict[str, tuple[float, float]] = {}  # key -> (left, at)

    def allows(self, key: str, now: float, cost: float = 1) -> bool:
        """Spend, and tell whether there was enough; otherwise nothing is spent.

        :param now: seconds on any clock that does not go backwards.
        """
        left, at = self._budgets.get(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        enough = cost <= left
        self._budgets[key] = (left - cost if enough else left, now)
        return enough

    def forget(self, key: str) -> None:
        """The key will not come again."""
        self._budgets.pop(key, None)
