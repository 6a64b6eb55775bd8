"""Rolling windows: how many clocks were judged lately, how many were met, and how long they took.

A ticket's contributions follow from its state alone. Whoever changes a ticket retracts what it contributed before
and adds what it contributes now, so a repeat, a late event or a changed policy cannot count twice. Time is cut
into slots; a window is the sum of its slots, kept up by adding the slots that enter it and retracting those that
leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from streams import instants
from streams.clocks import FIRST_RESPONSE
from streams.facts import CANCELLED
from streams.fold import State
from streams.instants import MINUTE, SECOND
from streams.policies import TARGETS
from streams.sketch import Sketch

ARRIVALS: Final = 7
REPLIES: Final = 8
GIVEN_UP: Final = 9
MEASURES = (*TARGETS, "arrivals", "replies", "given_up")
"""What is counted: judged clocks by target; tickets created; public replies, `total` being their handling time;
tickets abandoned before the first response, `total` being how long that was waited for."""

ABANDONED: Final = "abandoned"
"""The reason of a cancelled ticket whose customer gave up."""


class Window(NamedTuple):
    """A rolling window: its name, its length, and the step in which it moves (microseconds)."""

    name: str
    length: int
    step: int


HOUR = Window("1h", instants.HOUR, MINUTE)
DAY = Window("24h", instants.DAY, 15 * MINUTE)
WINDOWS = (
    Window("5m", 5 * MINUTE, 10 * SECOND),
    HOUR,
    Window("8h", 8 * instants.HOUR, MINUTE),
    DAY,
    Window("7d", 7 * instants.DAY, 15 * MINUTE),
)

Labels = tuple[str, str, str]
"""Team, priority, channel; empty where the ticket has none."""
Key = tuple[int, str, str, str]
"""Index into MEASURES, then the labels."""


Contribution = tuple[int, int, bool, int | None]
"""One thing that a ticket counts for: index into MEASURES, instant, whether it was met, duration."""

CellRow = tuple[int, int, int, int, tuple[dict[int, int]]]


class Cell:
    """Sums of one measure; durations in microseconds. All are integers, so that retracting is exact.

    `timed`: how many of them have a duration. `noted`: it is known to have changed since somebody looked.
    """

    __slots__ = ("count", "durations", "met", "noted", "timed", "total")

    def __init__(self) -> None:
        self.count = 0
        self.met = 0
        self.timed = 0
        self.total = 0
        self.durations = Sketch()
        self.noted = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.row() == other.row()

    def row(self) -> CellRow:
        """As it is kept."""
        return (self.count, self.met, self.timed, self.total, (self.durations.bins,))

    def add(self, met: bool, duration: int | None, n: int) -> None:
        """Count a contribution n times; -1 retracts it."""
        self.count += n
        if met:
            self.met += n
        if duration is not None:
            self.timed += n
            self.total += n * duration
            self.durations.add(duration, n)

    def copy(self) -> Cell:
        """A cell of its own with the same sums."""
        copied = Cell()
        copied.count, copied.met, copied.timed, copied.total = self.count, self.met, self.timed, self.total
        copied.durations.bins = self.durations.bins.copy()
        return copied

    def merge(self, other: Cell, sign: int) -> None:
        """Add another cell's sums, or retract them with sign -1."""
        self.count += sign * other.count
        self.met += sign * other.met
        self.timed += sign * other.timed
        self.total += sign * other.total
        self.durations.merge(other.durations, sign)


def labels(state: State) -> Labels:
    """By what a ticket's contributions are told apart: its attributes of now."""
    return (state.team or "", state.priority or "", state.channel or "")


def contributions(state: State, settled_at: int, since: int) -> list[Contribution]:
    """What a ticket counts for in windows that begin at `since` or later, its clocks seen at `settled_at`.

    A met clock counts at its stop, a breached one at its breach, with its elapsed time once it stopped. Of a ticket
    that is cancelled none counts.
    """
    found: list[Contribution] = []
    if state.created_at >= since:
        found.append((ARRIVALS, state.created_at, True, None))
    for reply in state.replies:
        if reply.at >= since:
            handled = round(reply.handle_seconds * SECOND) if reply.handle_seconds is not None else None
            found.append((REPLIES, reply.at, True, handled))
    if state.status == CANCELLED:
        if state.reason == ABANDONED and state.done_at is not None and state.done_at >= since:
            for clock in state.clocks:
                if clock.target == FIRST_RESPONSE and clock.stop is None:
                    waited = clock.accrued if clock.policy is not None else None
                    found.append((GIVEN_UP, state.done_at, True, waited))
        return found
    for clock in state.clocks:
        breached = clock.overdue(settled_at, state.last_at)
        if breached is not None:
            if breached >= since:
                found.append((clock.target, breached, False, clock.elapsed))
        elif clock.stop is not None and clock.stop >= since and clock.policy is not None and not clock.withdrawn:
            found.append((clock.target, clock.stop, True, clock.elapsed))
    return found


_NO_CELLS: Final[dict[Key, Cell]] = {}


class Windows:
    """All windows over the tickets of a partition, as of `now`.

    `shapes` are the windows, the shortest first; each step is a multiple of the ones before.
    Every contribution lies in one slot: in one of ten seconds while it is younger than the windows that move by
    ten seconds, then in one of a minute, then in one of a quarter of an hour. A window is the running sum of its own
    slots, and those of the finer steps, which are all younger.
    """

    def __init__(self, now: int, shapes: Sequence[Window] = WINDOWS) -> None:
        self.now = now
        self._by_step = {step: [w for w in shapes if w.step == step] for step in dict.fromkeys(w.step for w in shapes)}
        self._steps = [(step, windows[-1].length) for step, windows in self._by_step.items()]
        """Each step once, the finest first, with the longest window that moves by it."""
        self.made_of = {
            window.name: [window.name, *(self._by_step[step][-1].name for step, _ in self._steps if step < window.step)]
            for window in shapes
        }
        """The running sums that make up a window: its own, and of each finer step the longest."""
        self.reach = shapes[-1].length + shapes[-1].step
        """What happened longer ago lies in no window."""
        self.slots: dict[int, dict[int, dict[Key, Cell]]] = {step: {} for step, _ in self._steps}
        """By step, number of the slot, and key."""
        self.parts: dict[str, dict[Key, Cell]] = {window.name: {} for window in shapes}
        """By window's name and key: the running sums over the slots of the window's own step."""
        self._parts_by_step = {
            step: [(window.length, window.name, self.parts[window.name]) for window in windows]
            for step, windows in self._by_step.items()
        }
        self._touched: set[tuple[int, int, Key]] = set()
        self._changed: dict[str, set[Key]] = {window.name: set() for window in shapes}
        """By window's name: the keys of `parts` that changed."""

    def add(self, where: Labels, item: Contribution, n: int = 1) -> None:
        """Count a contribution n times; -1 retracts it. What no window can reach any more is passed over."""
        measure, at, met, duration = item
        for step, length in self._steps:
            slot = at // step
            age = self.now // step - slot
            if age * step < length:
                break
        else:
            return
        key = (measure, where[0], where[1], where[2])
        slots = self.slots[step]
        cells = slots.get(slot)
        if cells is None:
            cells = slots[slot] = {}
        if _add(cells, key, met, duration, n):
            self._touched.add((step, slot, key))
        if age >= 0:
            for reach, name, part in self._parts_by_step[step]:
                if age * step < reach and _add(part, key, met, duration, n):
                    self._changed[name].add(key)

    def advance(self, now: int) -> None:
        """Move all windows on to `now`; they never move back."""
        before, self.now = self.now, max(now, self.now)
        # The coarser first: what is retired to them is already counted.
        for step, length in reversed(self._steps):
            old, new = before // step, self.now // step
            if old == new:
                continue
            for window in self._by_step[step]:
                for slot, cells in self.slots[step].items():
                    sign = (new - window.length // step < slot <= new) - (old - window.length // step < slot <= old)
                    if sign:
                        _merge(self.parts[window.name], cells, sign)
                        self._changed[window.name].update(cells)
            for slot in [slot for slot in self.slots[step] if (new - slot) * step >= length]:
                self._retire(step, slot, self.slots[step].pop(slot))

    def load(self, step: int, slot: int, key: Key, cell: Cell) -> None:
        """Put back a cell that was kept elsewhere; in a coarser slot, if it has grown older meanwhile."""
        place = self._place(step, slot, {key: cell})
        if place != (step, slot):
            self._moved({key: cell}, (step, slot), place)

    def sums(self, window: Window) -> dict[Key, Cell]:
        """What a window counts as of now, by key."""
        return _sum(self.parts, self.made_of[window.name])

    def of_minute(self, minute: int) -> dict[int, tuple[int, int]]:
        """By measure, how much was counted in a minute (its number since the epoch), and how much of it was met."""
        found: dict[int, tuple[int, int]] = {}
        for step, slots in self.slots.items():
            if step <= MINUTE:
                for slot in range(minute * MINUTE // step, min((minute + 1) * MINUTE, self.now + step) // step):
                    for key, cell in slots.get(slot, _NO_CELLS).items():
                        count, met = found.get(key[0], (0, 0))
                        found[key[0]] = (count + cell.count, met + cell.met)
        return found

    def tell_all(self) -> None:
        """Somebody sees them for the first time: all counts as changed."""
        self._changed = {name: set(cells) for name, cells in self.parts.items()}

    @property
    def changes(self) -> int:
        """How many cells of `parts` changed, and were not taken yet."""
        return sum([len(changed) for changed in self._changed.values()])

    def take_changes(self, most: int) -> dict[str, dict[Key, Cell | None]]:
        """Of `parts`, copies of what changed and was not taken yet, so many cells at most; None: it is no more."""
        found: dict[str, dict[Key, Cell | None]] = {}
        for name, changed in self._changed.items():
            cells = self.parts[name]
            keys = [changed.pop() for _ in range(min(most, len(changed)))]
            found[name] = {key: _looked_at(cells.get(key)) for key in keys}
            most -= len(keys)
        return found

    def take_touched(self) -> Iterator[tuple[int, int, Key, Cell | None]]:
        """Cells changed since the last call: step, slot, key, and the cell as it is now; None: it is no more."""
        touched, self._touched = self._touched, set()
        for step, slot, key in touched:
            cell = self.slots[step].get(slot, _NO_CELLS).get(key)
            if cell is not None:
                cell.noted = False
            yield step, slot, key, cell

    def _retire(self, step: int, slot: int, cells: dict[Key, Cell]) -> None:
        """A slot has outlived its step: its cells go to the next coarser one."""
        self._moved(cells, (step, slot), self._place(step, slot, cells))

    def _moved(self, cells: dict[Key, Cell], *places: tuple[int, int] | None) -> None:
        for place in places:
            if place is not None:
                step, slot = place
                for key in cells:
                    self._touched.add((step, slot, key))

    def _place(self, step: int, slot: int, cells: dict[Key, Cell]) -> tuple[int, int] | None:
        """Count cells in where they belong; gives the step and the slot, None where no window reaches."""
        at = slot * step
        for coarser, length in self._steps:
            home = at // coarser
            age = self.now // coarser - home
            if coarser >= step and age * coarser < length:
                _merge(self.slots[coarser].setdefault(home, {}), cells, 1)
                if age >= 0:
                    for window in self._by_step[coarser]:
                        if age * coarser < window.length:
                            _merge(self.parts[window.name], cells, 1)
                            self._changed[window.name].update(cells)
                return (coarser, home)
        return None


def _sum(parts: Mapping[str, dict[Key, Cell]], names: Sequence[str]) -> dict[Key, Cell]:
    found: dict[Key, Cell] = {}
    for name in names:
        _merge(found, parts[name], 1)
    return found


def _add(cells: dict[Key, Cell], key: Key, met: bool, duration: int | None, n: int) -> bool:
    """Whether that is to be noted."""
    cell = cells.get(key)
    if cell is None:
        cell = cells[key] = Cell()
    cell.add(met, duration, n)
    if not cell.count:
        del cells[key]
        return True
    noted, cell.noted = cell.noted, True
    return not noted


def _looked_at(cell: Cell | None) -> Cell | None:
    """A copy of a cell that somebody takes note of."""
    if cell is None:
        return None
    cell.noted = False
    return cell.copy()


def _merge(into: dict[Key, Cell], cells: dict[Key, Cell], sign: int) -> None:
    for key, cell in cells.items():
        total = into.get(key)
        if total is None and sign > 0:
            into[key] = cell.copy()
            continue
        if total is None:
            total = into[key] = Cell()
        total.merge(cell, sign)
        if not total.count:
            del into[key]


def cell_of(row: CellRow) -> Cell:
    """The cell of a row."""
    cell = Cell()
    cell.count, cell.met, cell.timed, cell.total, (cell.durations.bins,) = row
    return cell
