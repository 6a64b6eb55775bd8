"""Knows instants, durations and business time for the judge, and nothing of tickets.

Instants are microseconds since the Unix epoch (UTC), durations are microseconds. A plain walk from day to day.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def instant(text: str | datetime) -> int:
    """Microseconds of an RFC 3339 text with an offset (or of the datetime that YAML made of one)."""
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text.upper())
    return (moment - EPOCH) // timedelta(microseconds=1)


def text_of(at: int | None) -> str:
    """RFC 3339 in UTC with `Z`, a fraction only where there is one; empty for None."""
    return "" if at is None else (EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def duration(text: str) -> int:
    """Microseconds of `1h30m`, `90s`."""
    units = {"h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


class Calendar:
    """Business hours: an instant is open when its wall-clock time in the zone lies in a segment of its local date."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.zone = ZoneInfo(document["timezone"])
        self.weekly = {day: _segments(texts) for day, texts in (document.get("weekly") or {}).items()}
        self.dates: dict[str, list[tuple[int, int]]] = {str(day): [] for day in document.get("holidays") or []}
        self.dates |= {str(day): _segments(texts) for day, texts in (document.get("overrides") or {}).items()}
        self.known_days: dict[date, list[tuple[int, int]]] = {}

    def wall(self, at: int) -> datetime:
        return (EPOCH + timedelta(microseconds=at)).astimezone(self.zone)

    def offset(self, at: int) -> int:
        offset = self.wall(at).utcoffset()
        assert offset is not None
        return offset // timedelta(microseconds=1)

    def day(self, day: date) -> list[tuple[int, int]]:
        """The open stretches of a local date, as instants, in order."""
        if day not in self.known_days:
            segments = self.dates.get(str(day), self.weekly.get(day.strftime("%a").lower(), []))
            midnight = (day - EPOCH.date()) // timedelta(days=1) * DAY
            # While the offset stays the same, instant = wall clock - offset. Each such stretch is cut on its own, so
            # that a segment loses the hour that spring skips and has twice the hour that autumn repeats.
            self.known_days[day] = [
                (max(start, midnight + a - offset), min(end, midnight + b - offset))
                for start, end, offset in self.steady(midnight - DAY, midnight + 2 * DAY)
                for a, b in sorted(segments)
                if max(start, midnight + a - offset) < min(end, midnight + b - offset)
            ]
        return self.known_days[day]

    def steady(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """[start, end) cut where the zone's offset changes, and the offset of each part."""
        if self.offset(start) == self.offset(end - 1):  # no zone changes there and back within three days
            yield start, end, self.offset(start)
        else:
            middle = (start + end) // 2
            yield from self.steady(start, middle)
            yield from self.steady(middle, end)

    def elapsed(self, start: int, end: int) -> int:
        """Open microseconds in [start, end); 0 where that is reversed."""
        if end <= start:
            return 0
        days = _days(self.wall(start).date(), self.wall(end).date())
        return sum(max(0, min(b, end) - max(a, start)) for day in days for a, b in self.day(day))

    def add(self, start: int, budget: int) -> int | None:
        """The first instant at which the open time since `start` reaches a budget over zero; None: not in ten years."""
        today = self.wall(start).date()
        for day in _days(today, today + timedelta(days=3653)):
            for a, b in self.day(day):
                opened = max(a, start)
                if opened < b and budget <= b - opened:
                    return opened + budget
                budget -= max(0, b - opened)
        return None


class Always(Calendar):
    """24x7."""

    def __init__(self) -> None:
        super().__init__({"timezone": "UTC"})

    def elapsed(self, start: int, end: int) -> int:
        return max(0, end - start)

    def add(self, start: int, budget: int) -> int | None:
        return start + budget


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _segments(texts: Iterable[str]) -> list[tuple[int, int]]:
    """`09:00-12:30` as microseconds since local midnight."""
    times = [[int(part) for part in re.split("[-:]", text)] for text in texts]
    return [((a * 60 + b) * 60 * SECOND, (c * 60 + d) * 60 * SECOND) for a, b, c, d in times]
