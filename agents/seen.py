"""What is seen of a worker's partitions, kept up from what changes: plain figures, added up off the loop.

What the loop does of it, between two chunks of events, is to copy the running sums and lines that changed since the
last look. All else is another thread's: it adds the difference to sums of its own (`agents.lookout`).
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from streams.instants import MINUTE
from streams.queue import RISKS, Line, at_risk, slot
from streams.sketch import Sketch
from streams.windows import ARRIVALS, WINDOWS, Cell, Key, Labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agents.partition import TicketPartition

STATES = ("open", "unanswered", "waiting", "on_customer", "on_hold", "overdue")

_COPY_LASTS = 30 * MINUTE
_HORIZON = _COPY_LASTS + max(RISKS.values())


class Waiting(NamedTuple):
    """The queue of one team, priority and channel: tickets by state and by risk, and the longest wait's begin."""

    states: dict[str, int]
    risks: dict[str, int]
    since: int | None


class _Copy(NamedTuple):
    """A line as it was at an instant, what falls due much later left out."""

    at: int
    states: dict[str, int]
    due: dict[int, int]
    since: int | None


class _News(NamedTuple):
    """What changed in a partition since the look before; None: it is no more."""

    at: int
    cells: Mapping[str, Mapping[Key, Cell | None]]
    lines: Mapping[Labels, _Copy | None]
    staff: Counter[tuple[str, str]]
    tickets: int
    orphans: int


class Seen:
    """A partition's windows, its queue, its agents by (team, status), and how many tickets it keeps."""

    def __init__(self, partition: TicketPartition, lot: int) -> None:
        self.number = partition.number
        self.partition = partition
        self.parts = [self]
        """It is the whole of itself."""
        self.windows: dict[str, dict[Key, Cell]] = {window.name: {} for window in WINDOWS}
        """By window's name."""
        self.changed: set[tuple[str, Key]] = set()
        """Of these, what changed since somebody emptied this."""
        self.queue: dict[Labels, Waiting] = {}
        self.staff: Counter[tuple[str, str]] = Counter()
        self.tickets = self.orphans = 0
        self._in = {
            part: [name for name, parts in partition.windows.made_of.items() if part in parts] for part in self.windows
        }
        self._parts: dict[str, dict[Key, Cell]] = {name: {} for name in self.windows}
        self._copies: dict[Labels, _Copy] = {}
        self._slot = -1
        self._lot = lot
        self._news: deque[_News] = deque()
        # It may have been seen before: one that cannot be trusted for a while, and then is again.
        partition.windows.tell_all()
        partition.queue.tell_all()

    def look(self, now: int) -> Iterator[None]:
        """Takes note of what changed, on the loop, a lot of it between two steps. What changes meanwhile may be seen at
        the next look only."""
        windows = self.partition.windows
        for _ in range(windows.changes // self._lot + 1):
            self._news.append(self._look(now))
            yield

    def _look(self, now: int) -> _News:
        partition, queue, copies = self.partition, self.partition.queue, self._copies
        old = [where for where, copy in copies.items() if copy.at < now - _COPY_LASTS]
        lines = {
            where: _copy(queue.lines[where], now) if where in queue.lines else None
            for where in queue.take_changed().union(old)
        }
        staff = Counter((member.team or "", member.status) for member in partition.staff.values())
        cells = partition.windows.take_changes(self._lot)
        return _News(now, cells, lines, staff, partition.tickets, partition.orphans)

    def follow(self, whole: Whole) -> None:
        """Adds up what was taken note of, here and in the whole. Off the loop."""
        while self._news:
            news = self._news.popleft()
            for part, cells in news.cells.items():
                for key, cell in cells.items():
                    self._turn(part, key, cell, whole)
            self._line_up(news)
            self.staff, self.tickets, self.orphans = news.staff, news.tickets, news.orphans

    def leave(self, whole: Whole) -> None:
        """Takes all of it out of the whole."""
        for name, sums in self.windows.items():
            for key, cell in sums.items():
                whole.add(name, key, cell, -1)

    def _turn(self, part: str, key: Key, cell: Cell | None, whole: Whole) -> None:
        parts = self._parts[part]
        before = parts.get(key)
        if cell is None:
            if before is None:
                return
            difference = Cell()
            del parts[key]
        else:
            difference = cell.copy()
            parts[key] = cell
        if before is not None:
            difference.merge(before, -1)
        for name in self._in[part]:
            self.changed.add((name, key))
            whole.add(name, key, difference, 1)
            sums = self.windows[name]
            held = sums.get(key)
            if held is None:
                sums[key] = difference.copy()
            else:
                held.merge(difference, 1)
                if not held.count:
                    del sums[key]

    def _line_up(self, news: _News) -> None:
        for where, copy in news.lines.items():
            if copy is None:
                self._copies.pop(where, None)
                self.queue.pop(where, None)
            else:
                self._copies[where] = copy
        here = slot(news.at)  # what is at risk changes with it
        for where in self._copies if here != self._slot else [where for where, copy in news.lines.items() if copy]:
            copy = self._copies[where]
            self.queue[where] = Waiting(copy.states, at_risk(copy.due, news.at), copy.since)
        self._slot = here


def _copy(line: Line, now: int) -> _Copy:
    return _Copy(now, {state: getattr(line, state) for state in STATES}, line.due_within(now, _HORIZON), line.oldest())


class Count:
    """A cell's sums without its durations."""

    __slots__ = ("count", "met", "timed", "total")

    def __init__(self) -> None:
        self.count = 0
        self.met = 0
        self.timed = 0
        self.total = 0


class Spent:
    """Durations of one measure, team and window, in microseconds; sketches of clocks alone, no others are shown."""

    __slots__ = ("durations", "quantiles", "timed", "total")

    def __init__(self) -> None:
        self.timed = 0
        self.total = 0
        self.durations = Sketch()
        self.quantiles: list[float] | None = None
        """Of the durations, as `quantiles_of` found them since they changed last."""


def quantiles_of(parts: Sequence[Spent], which: Iterable[float]) -> list[float]:
    """The quantiles of all of these together, always the same ones; none where there are no durations."""
    if len(parts) > 1:
        together = Sketch()
        for spent in parts:
            together.merge(spent.durations)
        return together.quantiles(list(which)) or []
    (spent,) = parts
    if spent.quantiles is None:
        spent.quantiles = spent.durations.quantiles(list(which)) or []
    return spent.quantiles


class Whole:
    """The windows of all partitions that are seen, added up."""

    def __init__(self) -> None:
        self.windows: dict[str, dict[Key, Count]] = {window.name: {} for window in WINDOWS}
        self.spent: dict[tuple[int, str, str], Spent] = {}
        """By measure, team and window."""
        self.parts: list[Seen] = []

    def add(self, window: str, key: Key, cell: Cell, n: int) -> None:
        """Count a cell of a window in (1) or out (-1)."""
        sums = self.windows[window]
        held = sums.get(key)
        if held is None:
            held = sums[key] = Count()
        held.count += n * cell.count
        held.met += n * cell.met
        held.timed += n * cell.timed
        held.total += n * cell.total
        if not held.count:
            del sums[key]
        if cell.timed or cell.total or cell.durations.bins:
            where = (key[0], key[1], window)
            spent = self.spent.get(where)
            if spent is None:
                spent = self.spent[where] = Spent()
            spent.timed += n * cell.timed
            spent.total += n * cell.total
            if key[0] < ARRIVALS:
                spent.durations.merge(cell.durations, n)
                spent.quantiles = None
            if not spent.timed:
                del self.spent[where]
