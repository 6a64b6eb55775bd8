"""Rolling windows: how many clocks were judged lately, how many were met, and how long they took.

A ticket's contributions follow from its state alone. Whoever changes a ticket retracts what it contributed before
and adds what it contributes now, so a repeat, a late event or a changed policy cannot count twice. Time is cut
into slots; a window is the sum of its slots, kept up by adding the slots that enter it and retracting those that
leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.facts import CANCELLED
from streams.instants import DAY, HOUR, MINUTE, SECOND
from streams.policies import TARGETS
from streams.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.fold import State

ARRIVALS = len(TARGETS)
REPLIES = ARRIVALS + 1
MEASURES = (*TARGETS, "arrivals", "replies")
"""What is counted: judged clocks by target; tickets created; public replies, `total` being their handling time."""


class Window(NamedTuple):
    """A rolling window: its name, its length, and the step in which it moves (microseconds)."""

    name: str
    length: int
    step: int


WINDOWS = (
    Window("5m", 5 * MINUTE, 10 * SECOND),
    Window("1h", HOUR, MINUTE),
    Window("8h", 8 * HOUR, MINUTE),
    Window("24h", DAY, 15 * MINUTE),
    Window("7d", 7 * DAY, 15 * MINUTE),
)
LONGEST = max(window.length for window in WINDOWS)
_STEPS = {step: max(w.length for w in WINDOWS if w.step == step) for step in dict.fromkeys(w.step for w in WINDOWS)}
"""Each step once, with the longest window that moves by it."""

LONGEST_STEP = max(_STEPS)

Labels = tuple[str, str, str]
"""Team, priority, channel; empty where the ticket has none."""
Key = tuple[int, str, str, str]
"""Index into MEASURES, then the labels."""


class Contribution(NamedTuple):
    """One thing that a ticket counts for."""

    measure: int
    at: int
    met: bool
    duration: int | None


class Cell(msgspec.Struct, array_like=True, gc=False):
    """Sums of one measure; durations in microseconds. All are integers, so that retracting is exact."""

    count: int = 0
    met: int = 0
    timed: int = 0
    """How many of them have a duration."""
    total: int = 0
    durations: Sketch = msgspec.field(default_factory=Sketch)

    def add(self, item: Contribution, n: int) -> None:
        """Count it n times; -1 retracts it."""
        self.count += n
        self.met += n * item.met
        if item.duration is not None:
            self.timed += n
            self.total += n * item.duration
            self.durations.add(item.duration, n)

    def merge(self, other: Cell, sign: int) -> None:
        """Add another cell's sums, or retract them with sign -1."""
        self.count += sign * other.count
        self.met += sign * other.met
        self.timed += sign * other.timed
        self.total += sign * other.total
        self.durations.merge(other.durations, sign)

    @property
    def empty(self) -> bool:
        """Whether nothing is left in it."""
        return not (self.count or self.timed)


def labels(state: State) -> Labels:
    """By what a ticket's contributions are told apart: its attributes of now."""
    return (state.team or "", state.priority or "", state.channel or "")


def contributions(state: State, settled_at: int, since: int) -> list[Contribution]:
    """What a ticket counts for in windows that begin at `since` or later, its clocks seen at `settled_at`.

    A met clock counts at its stop, a breached one at its breach, with its elapsed time once it stopped.
    """
    found = []
    if state.created_at >= since:
        found.append(Contribution(ARRIVALS, state.created_at, True, None))
    for reply in state.replies:
        if reply.at >= since:
            handled = round(reply.handle_seconds * SECOND) if reply.handle_seconds is not None else None
            found.append(Contribution(REPLIES, reply.at, True, handled))
    if state.status == CANCELLED:
        return found
    for clock in state.clocks:
        breached = clock.overdue(settled_at, state.last_at)
        if breached is not None:
            if breached >= since:
                found.append(Contribution(clock.target, breached, False, clock.elapsed))
        elif clock.stop is not None and clock.stop >= since and clock.policy is not None and not clock.withdrawn:
            found.append(Contribution(clock.target, clock.stop, True, clock.elapsed))
    return found


class Windows:
    """All windows over the tickets of a partition, as of `now`."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.slots: dict[int, dict[int, dict[Key, Cell]]] = {step: {} for step in _STEPS}
        """By step, number of the slot, and key."""
        self.sums: dict[str, dict[Key, Cell]] = {window.name: {} for window in WINDOWS}
        """By window's name and key: what the gauges show."""
        self.touched: set[tuple[int, int, Key]] = set()
        """Cells changed or dropped since the last call of `take_touched`: step, slot, key."""

    def add(self, where: Labels, item: Contribution, n: int = 1) -> None:
        """Count a contribution n times; -1 retracts it. What no window can reach any more is passed over."""
        key = (item.measure, *where)
        for step, length in _STEPS.items():
            slot = item.at // step
            if slot <= self.now // step - length // step:
                continue
            _cell(self.slots[step].setdefault(slot, {}), key).add(item, n)
            self._clear_if_empty(step, slot, key)
            self.touched.add((step, slot, key))
        for window in WINDOWS:
            if slot_in(window, item.at // window.step, self.now):
                _cell(self.sums[window.name], key).add(item, n)
                if self.sums[window.name][key].empty:
                    del self.sums[window.name][key]

    def advance(self, now: int) -> None:
        """Move all windows on to `now`; they never move back."""
        if now <= self.now:
            return
        before, self.now = self.now, now
        for window in WINDOWS:
            width = window.length // window.step
            old, new = before // window.step, now // window.step
            for slot, cells in self.slots[window.step].items():
                sign = (new - width < slot <= new) - (old - width < slot <= old)
                if sign:
                    self._shift(self.sums[window.name], cells, sign)
        for step, length in _STEPS.items():
            if now // step != before // step:
                self._drop_old(step, now // step - length // step)

    def load(self, step: int, slot: int, key: Key, cell: Cell) -> None:
        """Put back a cell that was kept elsewhere. Raises KeyError for a step that is none."""
        if slot > self.now // step - _STEPS[step] // step:
            self.slots[step].setdefault(slot, {})[key] = cell
            for window in WINDOWS:
                if window.step == step and slot_in(window, slot, self.now):
                    _cell(self.sums[window.name], key).merge(cell, 1)

    def take_touched(self) -> Iterator[tuple[int, int, Key, Cell | None]]:
        """What changed since the last call, each cell as it is now; None: it is no more."""
        for step, slot, key in self.touched:
            yield step, slot, key, self.slots[step].get(slot, {}).get(key)
        self.touched = set()

    def _shift(self, sums: dict[Key, Cell], cells: dict[Key, Cell], sign: int) -> None:
        for key, cell in cells.items():
            total = _cell(sums, key)
            total.merge(cell, sign)
            if total.empty:
                del sums[key]

    def _drop_old(self, step: int, last: int) -> None:
        slots = self.slots[step]
        for slot in [slot for slot in slots if slot <= last]:
            self.touched.update((step, slot, key) for key in slots.pop(slot))

    def _clear_if_empty(self, step: int, slot: int, key: Key) -> None:
        cells = self.slots[step][slot]
        if cells[key].empty:
            del cells[key]
            if not cells:
                del self.slots[step][slot]


def slot_in(window: Window, slot: int, now: int) -> bool:
    """Whether a slot of the window's step lies in the window as of `now`; the slot of now does."""
    return now // window.step - window.length // window.step < slot <= now // window.step


def _cell(cells: dict[Key, Cell], key: Key) -> Cell:
    cell = cells.get(key)
    if cell is None:
        cell = cells[key] = Cell()
    return cell
