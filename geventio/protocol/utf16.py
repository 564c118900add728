"""Text measured as JavaScript measures it: in UTF-16 code units.

A character beyond U+FFFF counts two. Framings that announce such lengths live in the modules of
their protocols.
"""

from __future__ import annotations


def utf16_length(text: str) -> int:
    """Return the length of *text* in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode('utf-16-le', 'surrogatepass')) // 2


def take_utf16(text: str, start: int, units: int) -> str:
    """Return the part of *text* that begins at the character *start* and is *units* long.

    It is shorter where the text ends before, and where its end would cut a character: half a
    character is left out. Costs time in proportion to *units*.
    """
    part = text[start : start + units]
    if part.isascii():
        return part
    encoded = part.encode('utf-16-le', 'surrogatepass')
    if len(encoded) > 2 * units:
        part = encoded[: 2 * units].decode('utf-16-le', 'ignore')
    return part
