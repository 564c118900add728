"""A small auction: lots one after another, bids, a countdown by the server's clock, a winner.

The first bid on a lot starts its clock, and a bid near the end moves the end. Whenever something
has changed, everybody gets the same event `auction` with the whole state; times in it are seconds
on the clock that `now` was read from. A bid that cannot be taken answers `{'error': <sentence>}`.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, current_app, render_template, request

from demo_app.pace import Pace
from demo_app.visitors import visitor
from geventio import EventBlueprint, emit

BIDDING = 45.0  # seconds from the first bid to the hammer
LATE = 15.0  # a bid leaves at least so many seconds to answer it
PAUSE = 8.0  # seconds between the hammer and the next lot
MOST_STEPS = 20  # a bid may raise the price by so many steps
BIDS_SHOWN = 12


@dataclass(frozen=True)
class Lot:
    """Something for sale; prices are whole euros. `picture` names a symbol in auction.svg."""

    picture: str
    name: str
    about: str
    start: int
    step: int


LOTS = (
    Lot('radio', 'Transistor radio', 'Medium wave, 1962. Leather case, fresh battery.', 40, 5),
    Lot('camera', 'Rangefinder camera', '50 mm lens, and a shutter that sounds right.', 120, 10),
    Lot('globe', 'Desk globe', 'Borders of 1974, a beech stand, no squeak.', 60, 5),
    Lot('robot', 'Tin robot', 'Winds up, walks four steps and waves. With key.', 80, 10),
    Lot('lamp', 'Architect’s lamp', 'Sprung arms, enamelled shade, new wiring.', 50, 5),
    Lot('typewriter', 'Portable typewriter', 'Every key strikes. The e stands proud.', 100, 10),
)


class Auction:
    """The state of the sale.

    :ivar clock: tells the seconds; tests put their own here.
    """

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.visitors: dict[str, dict[str, str]] = {}  # sid -> person
        self.pace = Pace(rate=2, burst=4)
        self._call = 0  # how many lots were called before this one
        self._bids: list[dict[str, Any]] = []  # on this lot, the highest last
        self._ends_at: float | None = None  # None until there is a bid
        self._sold = False
        self._results: dict[int, dict[str, Any]] = {}  # index of a lot -> its winning bid

    @property
    def _index(self) -> int:
        return self._call % len(LOTS)

    def settle(self) -> bool:
        """Do what is due by the clock; True if anything was."""
        now, ends_at = self.clock(), self._ends_at
        if ends_at is None or now < ends_at:
            return False
        hammer_falls = not self._sold
        if hammer_falls:
            self._sold = True
            self._results[self._index] = self._bids[-1]
        if now < ends_at + PAUSE:
            return hammer_falls
        self._call += 1
        self._bids, self._ends_at, self._sold = [], None, False
        if self._index == 0:
            self._results = {}
        return True

    def limits(self) -> tuple[int, int]:
        """The least and the most that can be bid now."""
        lot = LOTS[self._index]
        least = self._bids[-1]['amount'] + lot.step if self._bids else lot.start
        return least, least + (MOST_STEPS - 1) * lot.step

    def bid(self, person: dict[str, str], call: object, amount: object) -> str | None:
        """Take a bid; returns what is wrong with it."""
        self.settle()
        least, most = self.limits()
        if call != self._call or type(call) is not int or self._sold:
            return 'Too late: the hammer has fallen.'
        if type(amount) is not int:
            return 'A bid is a whole number of euros.'
        if self._bids and self._bids[-1]['id'] == person['id']:
            return 'The highest bid is yours already.'
        if amount < least:
            return f'Too low: bid at least €{least}.'
        if amount > most:
            return f'Too high for one bid: at most €{most}.'
        now = self.clock()
        self._bids.append({**person, 'amount': amount})
        self._ends_at = now + BIDDING if self._ends_at is None else max(self._ends_at, now + LATE)
        return None

    def state(self) -> dict[str, Any]:
        """What everybody sees."""
        least, most = self.limits()
        return {
            'now': self.clock(), 'ends_at': self._ends_at, 'bidding': BIDDING, 'late': LATE,
            'pause': PAUSE, 'call': self._call, 'index': self._index, 'sold': self._sold,
            'least': least, 'most': most, 'count': len(self._bids),
            'bids': self._bids[:-BIDS_SHOWN - 1:-1],
            'lots': [{**asdict(lot), 'result': self._results.get(index)}
                     for index, lot in enumerate(LOTS)],
            'people': len({person['id'] for person in self.visitors.values()}),
        }


pages = Blueprint('auction', __name__)
events = EventBlueprint('auction', namespace='/auction')


@pages.record
def _begin(state: Any) -> None:
    state.app.extensions['auction'] = Auction()


def _auction() -> Auction:
    auction: Auction = current_app.extensions['auction']
    return auction


def _announce() -> None:
    auction = _auction()
    auction.settle()
    emit('auction', auction.state(), broadcast=True)


@pages.get('/auction')
def page() -> str:
    return render_template('auction.html')


@events.on('connect')
def connect(auth: Any = None) -> None:
    person = _auction().visitors[request.sid] = visitor(auth)
    emit('you', person)
    _announce()


@events.on('disconnect')
def disconnect() -> None:
    auction = _auction()
    auction.visitors.pop(request.sid, None)
    auction.pace.forget(request.sid)
    _announce()


@events.on('bid')
def bid(call: Any = None, amount: Any = None, *rest: Any) -> dict[str, str]:
    """Bid an amount on the lot of that call; the answer is empty when the bid counts."""
    auction = _auction()
    if not auction.pace.allows(request.sid, auction.clock()):
        return {'error': 'Not so fast: wait a second.'}
    error = auction.bid(auction.visitors[request.sid], call, amount)
    if error is not None:
        return {'error': error}
    _announce()
    return {}


@events.every(0.25)
def watch_the_clock() -> None:
    """Runs only while somebody is there; what was due meanwhile is settled when they come."""
    if _auction().settle():
        _announce()
