"""The clock on the wall in SQL: near a period an addition, which takes a fraction of what a time zone takes."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from streams.instants import DAY, SECOND, format_instant, to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEFORE: Final = 366 * DAY
"""Most tickets that anything happens to were created so long before at the earliest."""
_LONGEST: Final = 400 * DAY


@lru_cache(maxsize=64)
def local_time(instant: str, zone: str, since: int, until: int) -> str:
    """SQL: the local TIMESTAMP of a TIMESTAMPTZ; quick from a year before `since` up to `until`, right at any time."""
    near = "".join(
        f"WHEN {instant} >= {_literal(first)} AND {instant} < {_literal(end)} "
        f"THEN make_timestamp(epoch_us({instant}) + {offset // timedelta(microseconds=1)}) "
        for first, end, offset in _stretches(ZoneInfo(zone), since - _BEFORE, min(until, since + _LONGEST))
    )
    zoned = f"timezone('{zone}', {instant})"
    return f"CASE {near}ELSE {zoned} END" if near else zoned


def _stretches(zone: ZoneInfo, since: int, until: int) -> Iterator[tuple[int, int, timedelta]]:
    """The days from `since` to `until` in parts with one offset from UTC each, which changes at whole seconds."""
    first = since // DAY * DAY
    offset = _offset(zone, first)
    for day in range(first, until, DAY):
        low, high = day, day + DAY
        if _offset(zone, high) == offset:
            continue
        while high - low > SECOND:
            middle = (low + high) // (2 * SECOND) * SECOND
            low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
        yield first, high, offset
        first, offset = high, _offset(zone, high)
    if first < until:
        yield first, until, offset


def _offset(zone: ZoneInfo, instant: int) -> timedelta:
    found = to_datetime(instant).astimezone(zone).utcoffset()
    assert found is not None
    return found


def _literal(instant: int) -> str:
    return f"TIMESTAMPTZ '{format_instant(instant)}'"
