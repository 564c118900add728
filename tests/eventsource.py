"""A reader of Server-Sent Events, written from the standard's own algorithm, for the tests."""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    name: str
    data: str
    id: str


class Parser:
    """WHATWG HTML, section 9.2.6 "Interpreting an event stream".

    :ivar last_id: what an EventSource would send as Last-Event-ID.
    """

    def __init__(self):
        self.last_id = ''
        self._rest = b''
        self._after_cr = False
        self._reset()

    def _reset(self):
        self._name, self._data = '', []

    def feed(self, data):
        """The events that are complete with these bytes."""
        events = []
        for byte in data:
            if self._after_cr and byte == 10:
                self._after_cr = False
                continue
            self._after_cr = byte == 13
            if byte not in (10, 13):
                self._rest += bytes((byte,))
                continue
            line, self._rest = self._rest.decode(), b''
            if line:
                self._field(*line.partition(':'))
            else:
                if self._data:
                    events.append(Event(self._name or 'message', '\n'.join(self._data),
                                        self.last_id))
                self._reset()
        return events

    def _field(self, name, colon, value):
        value = value.removeprefix(' ')
        if name == 'event':
            self._name = value
        elif name == 'data':
            self._data.append(value)
        elif name == 'id' and '\0' not in value:
            self.last_id = value
