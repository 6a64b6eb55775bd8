"""The half-hours of a plan, and where they lie in the week of a zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from streams.instants import HOUR, MINUTE, to_datetime

SLOT: Final = 30 * MINUTE
WEEK_HOURS: Final = 168
_QUARTER: Final = 15 * MINUTE


def hour_of_week(instant: int, zone: ZoneInfo) -> int:
    """0 to 167, Monday from midnight first, as the clock on the wall shows it."""
    local = to_datetime(instant).astimezone(zone)
    return local.weekday() * 24 + local.hour


def hours_between(since: int, until: int, zone: ZoneInfo) -> dict[int, float]:
    """How many hours of [since, until) fall into each hour of the week; those of which none does are left out."""
    spent: dict[int, float] = {}
    at = since
    while at < until:
        # Every offset from UTC in use is a whole number of quarters.
        end = min((at // _QUARTER + 1) * _QUARTER, until)
        hour = hour_of_week(at, zone)
        spent[hour] = spent.get(hour, 0.0) + (end - at) / HOUR
        at = end
    return spent


def per_hour(amounts: Mapping[int, float], observed: Mapping[int, float], hour: int) -> float | None:
    """What an hour of the week brings: amounts by hour of the week over the hours observed.

    One that was not observed is as the same hour of all other days; None where none of them was.
    """
    places = [hour] if hour in observed else range(hour % 24, WEEK_HOURS, 24)
    seen = sum(observed.get(place, 0.0) for place in places)
    return sum(amounts.get(place, 0.0) for place in places) / seen if seen else None


@dataclass(frozen=True)
class Slots:
    """`count` half-hours from `start` on; instants in microseconds."""

    start: int
    count: int

    @property
    def end(self) -> int:
        """The end of the last."""
        return self.start + self.count * SLOT

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """When each begins."""
        return tuple(range(self.start, self.end, SLOT))

    def number(self, instant: int) -> int:
        """The half-hour that an instant lies in; it may be one before the first or after the last."""
        return (instant - self.start) // SLOT
