"""Business time: which instants are open, how much open time passed, and when a budget of it is spent.

An instant is open where the wall clock of the calendar's zone shows a time inside a segment of that date.
This one rule settles daylight saving: a segment loses the part that falls in a gap, gains the hour that the
clock shows twice, and is measured in real elapsed time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from itertools import accumulate
from operator import sub
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from streams.instants import DAY, SECOND, to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    WallSegments = Sequence[tuple[int, int]]

_BLOCK = 364 * DAY  # the timeline grows by blocks of 52 weeks
_PROBE = 4 * DAY  # divides a block; no zone has ever changed its offset twice within 6 days
_DAY_ZERO = date(1970, 1, 1).toordinal()
_WEEKDAY_ZERO = date(1970, 1, 1).weekday()
# From 1898, for a stamp of year 1 is an unset field and not worth two thousand years of memory; up to the last block
# in which a datetime exists for every local time.
_BLOCKS = range(-72, 8057)
_LONG_PAST = -(1 << 80)  # before every instant


class CalendarNeverOpens(ValueError):
    """The calendar has too little open time on that side of the instant."""


class Calendar:
    """Weekly hours in an IANA zone, with the hours of single dates where they differ; immutable.

    `weekly` maps a weekday (0 is Monday) to segments (start, end) in seconds of the local wall clock,
    half-open, end at most 86400, which is the next local midnight. `overrides` gives a date's segments in
    place of its weekday's; an empty sequence closes it. Segments that overlap or touch are one. `known_until`
    is the last date whose holidays are known, for those who warn: later dates follow the weekly hours. Nothing is
    open before 1898 or after 9998.

    Instants and durations are int microseconds. Raises ValueError for a segment outside the day or the wrong
    way round, and zoneinfo.ZoneInfoNotFoundError for an unknown zone.
    """

    __slots__ = ("_blocks", "_overrides", "_timeline", "_tz", "_weekly", "known_until", "name", "zone")

    def __init__(
        self,
        name: str,
        zone: str,
        weekly: Mapping[int, WallSegments],
        overrides: Mapping[date, WallSegments] | None = None,
        known_until: date | None = None,
    ) -> None:
        self.name: Final = name
        self.zone: Final = zone
        self.known_until: Final = known_until
        self._tz: Final = ZoneInfo(zone)
        self._weekly: Final = [_normal(weekly.get(weekday, ())) for weekday in range(7)]
        self._overrides: Final = {
            day.toordinal() - _DAY_ZERO: _normal(segments) for day, segments in (overrides or {}).items()
        }
        self._blocks: Final = self._blocks_with_hours()
        # Replaced whole and never changed, so that a reader in another thread sees one timeline or the other.
        self._timeline = _Timeline(0, 0, [_LONG_PAST], [_LONG_PAST], [0, 0])

    def __repr__(self) -> str:
        return f"<Calendar {self.name} {self.zone}>"

    def elapsed(self, start: int, end: int) -> int:
        """Open microseconds in [start, end); 0 where the range is reversed."""
        if end <= start:
            return 0
        since, until, opens, closes, before = self._timeline
        if start < since or end > until:
            _, _, opens, closes, before = self._reach(start, end)
        i = bisect_right(opens, start) - 1
        closing = closes[i]
        if end <= closing:
            return end - start
        j = bisect_right(opens, end, i) - 1
        spent = before[i] - opens[i] + (start if start < closing else closing)
        closing = closes[j]
        return before[j] - opens[j] + (end if end < closing else closing) - spent

    def add(self, start: int, budget: int) -> int:
        """The first instant from `start` on by which `budget` microseconds of open time have passed.

        A budget spent exactly at closing ends at the closing instant, one of 0 at the next open instant. A
        negative one walks backwards: to the last instant from which that much open time passes until `start`,
        which is the opening instant where it is spent exactly there. Raises CalendarNeverOpens.
        """
        if budget <= 0:
            return self._subtract(start, -budget) if budget else self.next_open(start)
        timeline = self._timeline_at(start)
        while True:
            _, _, opens, closes, before = timeline
            i = bisect_right(opens, start) - 1
            closing = closes[i]
            if start + budget <= closing:
                return start + budget
            spent = before[i] - opens[i] + (start if start < closing else closing) + budget
            j = bisect_left(before, spent, i + 1) - 1
            if j < len(opens):
                return opens[j] + spent - before[j]
            timeline = self._later(timeline)

    def _subtract(self, start: int, budget: int) -> int:
        timeline = self._timeline_at(start)
        while True:
            _, _, opens, closes, before = timeline
            i = bisect_right(opens, start) - 1
            spent = before[i] - opens[i] + min(start, closes[i]) - budget
            if spent >= 0:
                j = bisect_right(before, spent, 0, i + 1) - 1
                return opens[j] + spent - before[j]
            timeline = self._earlier(timeline)

    def next_open(self, start: int) -> int:
        """The first open instant from `start` on. Raises CalendarNeverOpens."""
        timeline = self._timeline_at(start)
        while True:
            _, _, opens, closes, _ = timeline
            i = bisect_right(opens, start) - 1
            if start < closes[i]:
                return start
            if i + 1 < len(opens):
                return opens[i + 1]
            timeline = self._later(timeline)

    def _timeline_at(self, instant: int) -> _Timeline:
        timeline = self._timeline
        if timeline.since <= instant <= timeline.until:
            return timeline
        return self._reach(instant, instant)

    def _later(self, timeline: _Timeline) -> _Timeline:
        """The timeline, at least twice as long, so that a long search costs no more than its last step."""
        since, until, *_ = timeline
        if until >= self._blocks.stop * _BLOCK:
            raise CalendarNeverOpens(f"calendar {self.name} has not that much open time left")
        return self._reach(since, 2 * until - since)

    def _earlier(self, timeline: _Timeline) -> _Timeline:
        since, until, *_ = timeline
        if since <= self._blocks.start * _BLOCK:
            raise CalendarNeverOpens(f"calendar {self.name} has not had that much open time")
        return self._reach(2 * since - until, until)

    def _reach(self, start: int, end: int) -> _Timeline:
        """The timeline, grown to hold [start, end] as far as there are hours at all."""
        blocks = self._blocks
        first = min(max(start // _BLOCK, blocks.start), blocks.stop - 1)
        stop = max(min(end // _BLOCK + 1, blocks.stop), first + 1)
        since, until, opens, closes, _ = self._timeline
        held = range(since // _BLOCK, until // _BLOCK) if since < until else range(first, first)
        earlier_opens, earlier_closes = self._open_segments(range(first, held.start))
        later_opens, later_closes = self._open_segments(range(held.stop, stop))
        opens = [_LONG_PAST, *earlier_opens, *opens[1:], *later_opens]
        closes = [_LONG_PAST, *earlier_closes, *closes[1:], *later_closes]
        self._timeline = timeline = _Timeline(
            since=min(first, held.start) * _BLOCK,
            until=max(stop, held.stop) * _BLOCK,
            opens=opens,
            closes=closes,
            before=[0, *accumulate(map(sub, closes, opens))],
        )
        return timeline

    def _blocks_with_hours(self) -> range:
        """The blocks outside of which nothing is ever open."""
        days = [day for day, segments in self._overrides.items() if segments]
        if any(self._weekly) or not days:
            return _BLOCKS if any(self._weekly) else range(1)
        # A local date may lie in the block beside it in UTC.
        first, last = (min(days) - 2) * DAY // _BLOCK, (max(days) + 2) * DAY // _BLOCK
        return range(max(first, _BLOCKS.start), min(last + 1, _BLOCKS.stop))

    def _open_segments(self, blocks: range) -> tuple[list[int], list[int]]:
        """The opening and the closing instants in these blocks, in order."""
        opens: list[int] = []
        closes: list[int] = []
        for since, until, offset in self._offsets(blocks.start * _BLOCK, blocks.stop * _BLOCK):
            # While the offset stays, wall clock and UTC run alike.
            for day in range((since + offset) // DAY, (until + offset - 1) // DAY + 1):
                midnight = day * DAY - offset
                segments = self._overrides.get(day)
                if segments is None:
                    segments = self._weekly[(day + _WEEKDAY_ZERO) % 7]
                for start, end in segments:
                    opening, closing = max(midnight + start, since), min(midnight + end, until)
                    if opening < closing:
                        opens.append(opening)
                        closes.append(closing)
        return opens, closes

    def _offsets(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Pieces (since, until, offset) of [start, end) in which the zone's offset from UTC is constant."""
        if start >= end:
            return
        since, offset = start, self._offset(start)
        for probe in range(start + _PROBE, end + 1, _PROBE):
            changed = self._offset(probe)
            if changed == offset:
                continue
            low, high = probe - _PROBE, probe
            while high - low > SECOND:
                middle = (low + high) // 2 // SECOND * SECOND
                if self._offset(middle) == offset:
                    low = middle
                else:
                    high = middle
            yield since, high, offset
            since, offset = high, changed
        if since < end:
            yield since, end, offset

    def _offset(self, instant: int) -> int:
        offset = to_datetime(instant).astimezone(self._tz).utcoffset()
        assert offset is not None
        return (offset.days * 86400 + offset.seconds) * SECOND


class _Timeline(NamedTuple):
    """The open segments of [since, until) in UTC, in order, behind an empty one before all time.

    Segments may touch but not overlap. `before[i]` is the open time before segment i; its last element, one more
    than there are segments, is the open time of them all.
    """

    since: int
    until: int
    opens: list[int]
    closes: list[int]
    before: list[int]


def _normal(segments: WallSegments) -> WallSegments:
    """The same wall-clock time in microseconds, in order, each segment apart from the next."""
    normal: list[tuple[int, int]] = []
    for start, end in sorted(segments):
        if not 0 <= start < end <= 86400:
            raise ValueError(f"not a segment of a day: {start}-{end} (seconds, start before end, to 86400)")
        if normal and start * SECOND <= normal[-1][1]:
            normal[-1] = (normal[-1][0], max(normal[-1][1], end * SECOND))
        else:
            normal.append((start * SECOND, end * SECOND))
    return normal


class _Always(Calendar):
    """Open at every instant, so that nothing needs to be searched."""

    __slots__ = ()

    def elapsed(self, start: int, end: int) -> int:
        return end - start if end > start else 0

    def add(self, start: int, budget: int) -> int:
        return start + budget

    def next_open(self, start: int) -> int:
        return start


ALWAYS: Final[Calendar] = _Always("24x7", "UTC", {weekday: [(0, 86400)] for weekday in range(7)})


def deadline(calendar: Calendar, running: Iterable[tuple[int, int | None]], limit: int) -> int | None:
    """The first instant by which `limit` microseconds of open time passed while a clock ran.

    `running` is in order, disjoint and half-open; the last end is None where the clock still runs: it is then
    projected on. None where the intervals end before the limit. Raises CalendarNeverOpens.
    """
    left = limit
    for start, end in running:
        if end is None:
            return calendar.add(start, left)
        spent = calendar.elapsed(start, end)
        if spent and spent >= left:
            return calendar.add(start, left)
        left -= spent
    return None
