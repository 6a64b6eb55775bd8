"""Calendars as written: weekly hours, holidays and make-up days resolved to dates, single dates' hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from config.errors import near_miss, shown
from config.public_holidays import PublicDays, public_days
from streams.calendar import ALWAYS, Calendar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.source import Node

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CALENDAR_KEYS = ("timezone", "weekly", "holidays", "overrides")
COUNTRY_KEYS = ("country", "subdiv", "makeup")
HOURS_PATTERN = r"\d\d?:\d\d-\d\d?:\d\d"
DATE_PATTERN = r"\d{4}-\d\d-\d\d"

_FRIDAY = 4
_HOURS = re.compile(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)")

Hours = tuple[tuple[int, int], ...]
"""Segments of a day: (start, end) in seconds of the local wall clock, in order."""


class SpecialDay(NamedTuple):
    """A date whose hours are not its weekday's, and why."""

    hours: Hours
    reason: str


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """A calendar with what it was made of, for those who show it or compare it with another."""

    calendar: Calendar
    weekly: Mapping[int, Hours]
    special: Mapping[date, SpecialDay]
    countries: tuple[str, ...] = ()
    line: int | None = None

    def seconds_a_week(self) -> int:
        """Open seconds of a week without special days."""
        return sum(end - start for hours in self.weekly.values() for start, end in hours)

    def content(self, before: date = date.max) -> dict[str, object]:
        """What decides open time before a date, as JSON has it: equal where the calendars are equal."""
        return {
            "zone": self.calendar.zone,
            "weekly": [self.weekly.get(weekday, ()) for weekday in range(7)],
            "special": [[day.isoformat(), self.special[day].hours] for day in sorted(self.special) if day < before],
        }


ALWAYS_OPEN = BusinessHours(ALWAYS, dict.fromkeys(range(7), ((0, 86400),)), {})


def read_calendars(node: Node | None) -> dict[str, BusinessHours]:
    """The calendars of a file by name, the built-in `24x7` among them; notes what is wrong.

    A calendar with a problem is there all the same as `24x7`, so that its name is not called unknown as well.
    """
    calendars = {ALWAYS.name: ALWAYS_OPEN}
    for name, calendar in (node.mapping() if node is not None else {}).items():
        if name == ALWAYS.name:
            calendar.bad(f"{ALWAYS.name} is built in and always open (choose another name)")
        else:
            calendars[name] = _calendar(name, calendar) or ALWAYS_OPEN
    return calendars


def parse_date(text: str) -> date:
    """A date such as 2026-10-01; raises ValueError with the remedy."""
    try:
        if re.fullmatch(DATE_PATTERN, text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"no such date: {shown(text)} ({error})") from None
    raise ValueError(f"not a date: {shown(text)} (write 2026-10-01)")


def parse_times(text: str) -> tuple[int, int]:
    """The times of `09:00-18:00` in seconds since midnight, in whatever order; raises ValueError with the remedy."""
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f"not hours: {shown(text)} (write 09:00-18:00)")
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if start_minute > 59 or end_minute > 59 or max(start, end) > 24 * 60:
        raise ValueError(f"no such time of day: {shown(text)} (00:00 to 24:00)")
    return start * 60, end * 60


def format_hours(hours: Hours) -> str:
    """`09:00-12:00, 13:00-18:00`, or `closed`."""
    return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in hours) or "closed"


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}"


def _calendar(name: str, node: Node) -> BusinessHours | None:
    found = node.entries(CALENDAR_KEYS, required=("timezone", "weekly"))
    problems_before = len(node.problems)
    zone = found["timezone"].read(parse_zone) if "timezone" in found else None
    weekly = _weekly(found["weekly"]) if "weekly" in found else {}
    holidays = _holidays(found["holidays"], weekly) if "holidays" in found else _Holidays({}, None, ())
    special = dict(holidays.days)
    for text, override in (found["overrides"].mapping() if "overrides" in found else {}).items():
        try:
            special[parse_date(text)] = SpecialDay(_hours(override), "override")
        except ValueError as error:
            override.bad(str(error))
    if zone is None or "weekly" not in found or len(node.problems) > problems_before:
        return None
    hours_of = {day: special_day.hours for day, special_day in special.items()}
    calendar = Calendar(name, zone, weekly, hours_of, holidays.known_until)
    return BusinessHours(calendar, weekly, special, holidays.countries, node.line)


def parse_zone(text: str) -> str:
    """The name of a zone that there is; raises ValueError with the remedy."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        remedy = near_miss(text, available_timezones()) or " (write an IANA name, such as Asia/Shanghai)"
        raise ValueError(f"unknown zone {shown(text)}{remedy}") from None
    return text


def _weekly(node: Node) -> dict[int, Hours]:
    problems_before = len(node.problems)
    weekly = {WEEKDAYS.index(name): _hours(hours) for name, hours in node.entries(WEEKDAYS).items()}
    if not any(weekly.values()) and len(node.problems) == problems_before:
        node.bad("never opens (give at least one weekday hours, such as mon: ['09:00-18:00'])")
    return weekly


def _hours(node: Node) -> Hours:
    """Segments in order; none is a closed day. Overlapping ones are a problem, touching ones are not."""
    read = [(item.read(_segment), item) for item in node.many()]
    segments = sorted((segment, item) for segment, item in read if segment is not None)
    for (before, _), (after, item) in pairwise(segments):
        if after[0] < before[1]:
            item.bad(f"overlaps {format_hours((before,))} of the same day")
    return tuple(segment for segment, _ in segments)


def _segment(text: str) -> tuple[int, int]:
    start, end = parse_times(text)
    if start >= end:
        raise ValueError(
            f"ends before it begins: {shown(text)} (hours past midnight: 22:00-24:00, and 00:00-06:00 on the next day)"
        )
    return start, end


class _Holidays(NamedTuple):
    days: Mapping[date, SpecialDay]
    known_until: date | None
    countries: tuple[str, ...]


def _holidays(node: Node, weekly: Mapping[int, Hours]) -> _Holidays:
    """Countries first, in their order, then the dates of the user's own, which are closed."""
    countries: dict[str, PublicDays] = {}
    days: dict[date, SpecialDay] = {}
    own: dict[date, SpecialDay] = {}
    for item in node.many():
        if not item.is_mapping():
            day = item.read(parse_date)
            if day is not None:
                own[day] = SpecialDay((), "holiday")
            continue
        found = item.entries(COUNTRY_KEYS, required=("country",))
        makeup_hours = _makeup_hours(found.get("makeup"), weekly)
        public = _public_days(found)
        if public is None:
            continue
        country = found["country"].text() or ""
        if "makeup" in found and not public.makeup:
            found["makeup"].bad(f"{country} has no make-up working days (only CN has; leave it out)")
        countries[country] = public
        days |= {day: SpecialDay((), name) for day, name in public.closed.items()}
        if makeup_hours is not None:
            days |= {day: SpecialDay(makeup_hours, f"{name}, made up") for day, name in public.makeup.items()}
    known_until = min((public.known_until for public in countries.values()), default=None)
    return _Holidays(days | own, known_until, tuple(countries))


def _public_days(found: Mapping[str, Node]) -> PublicDays | None:
    if "country" not in found:
        return None
    country, subdiv = found["country"], found.get("subdiv")
    whole = country.read(public_days)
    if whole is None or subdiv is None:
        return whole
    code = country.text() or ""
    return subdiv.read(lambda name: public_days(code, name))


def _makeup_hours(node: Node | None, weekly: Mapping[int, Hours]) -> Hours | None:
    """Hours of a make-up working day: as given, else of the first open day from Monday to Friday."""
    if node is not None:
        return _hours(node)
    return next((weekly[day] for day in range(_FRIDAY + 1) if weekly.get(day)), None)
