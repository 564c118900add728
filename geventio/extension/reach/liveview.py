"""A read-only mapping over registries that change while it is looked at.

What the mappings under ``socketio.server`` have in common; which registries they show does not
live here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import TypeVar

Key = TypeVar('Key')
Value = TypeVar('Value')


class LiveView(Mapping[Key, Value]):
    """Looks things up when it is asked and holds nothing itself.

    Iterating goes over a copy: it may be done on any thread, and in a loop that changes what is
    iterated over. A subclass brings ``__getitem__`` and :meth:`copy`.
    """

    __slots__ = ()

    @abstractmethod
    def copy(self) -> dict[Key, Value]:
        """Everything there is now, as a dict of the caller's own."""

    def __iter__(self) -> Iterator[Key]:
        return iter(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def items(self) -> ItemsView[Key, Value]:
        return self.copy().items()

    def values(self) -> ValuesView[Value]:
        return self.copy().values()

    def __repr__(self) -> str:
        return repr(self.copy())
