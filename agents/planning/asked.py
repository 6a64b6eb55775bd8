"""What `slawatch plan` is asked on the command line: shares, figures by team or channel, days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from config.calendars import parse_date, parse_zone
from config.errors import shown
from streams.instants import from_datetime, parse_duration, parse_instant, to_datetime
from streams.planning.slots import SLOT, Slots

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

MOST_DAYS = 62
MOST_FACTOR = 1_000


class Share(click.ParamType):
    """`90%` or `0.9`, as a number from 0 to 1."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        try:
            number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            number = math.nan
        if not 0 <= number < 1:
            self.fail(f"{shown(text)} is no share: write 90%, at least 0 and below 100%", param, ctx)
        return number


class Parsed(click.ParamType):
    """A text that one of the project's readers understands; its ValueError holds the remedy."""

    def __init__(self, name: str, read: Any) -> None:
        self.name = name
        self._read = read

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _named_duration(text: str) -> tuple[str, int]:
    channel, equals, duration = text.partition("=")
    if not equals or not channel:
        raise ValueError(f"no channel named: {shown(text)} (write chat=8m)")
    microseconds = parse_duration(duration)
    if not microseconds:
        raise ValueError(f"0 is no duration: {shown(text)} (write chat=8m)")
    return channel, microseconds


def _factor(text: str) -> tuple[str | None, float]:
    team, equals, number = text.rpartition("=")
    try:
        factor = float(number)
    except ValueError:
        factor = math.nan
    if not 0 < factor <= MOST_FACTOR or (equals and not team):
        raise ValueError(f"no factor: {shown(text)} (write 4, or team=4; more than 0, at most {MOST_FACTOR:,})")
    return (team if equals else None), factor


def _zone(text: str) -> ZoneInfo:
    return ZoneInfo(parse_zone(text))


def _begin(text: str) -> date | int:
    return parse_date(text) if len(text) <= len("2026-11-11") else parse_instant(text)


SHARE = Share()
ZONE = Parsed("zone", _zone)
DAY = Parsed("date", parse_date)
BEGIN = Parsed("date", _begin)
FACTOR = Parsed("[team=]number", _factor)
NAMED_DURATION = Parsed("channel=duration", _named_duration)


def days_of(begin: date | int, days: int | None, until: int | None, zone: ZoneInfo) -> Slots:
    """The half-hours of so many days; without a number, up to `until`, or of one day.

    Days end at the same time of day as they began, whatever the clocks do in between. Raises UsageError.
    """
    start = begin if isinstance(begin, int) else _midnight(begin, zone)
    if days is not None or until is None:
        end_at = to_datetime(start).astimezone(zone) + timedelta(days=days or 1)
        until = from_datetime(end_at)
    count = -(-(until - start) // SLOT)
    if not 0 < count <= MOST_DAYS * 48 + 4:
        raise click.UsageError(f"--from and the forecast's end are not within {MOST_DAYS} days: say --days")
    return Slots(start, count)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=zone))


@dataclass(frozen=True)
class Peak:
    """How many times as many contacts come: by team, or of all; on these days, or on all."""

    factors: Mapping[str | None, float]
    days: Collection[date]
    slots: Slots
    zone: ZoneInfo

    def __call__(self, team: str, number: int) -> float:
        """As `streams.planning.demand.Factor`."""
        if self.days and to_datetime(self.slots.starts[number]).astimezone(self.zone).date() not in self.days:
            return 1.0
        return self.factors.get(team, self.factors.get(None, 1.0))
