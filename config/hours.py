"""Hours of the day that a file asks for: a calendar's by its name, or written out as `22:00-07:00 Asia/Shanghai`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from config.calendars import parse_times, parse_zone
from config.errors import shown, suggestion
from streams.calendar import Calendar, CalendarNeverOpens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.source import Node

SPAN_PATTERN = r"\d\d?:\d\d-\d\d?:\d\d \S+"
"""Every day from one time to the other in a zone, past midnight where the second is the earlier one."""

_MIDNIGHT = 24 * 3600


class Hours(NamedTuple):
    """What was written, by which equal hours are known to be equal, and the open time that it means."""

    text: str
    calendar: Calendar

    def hold(self, now: int) -> bool:
        """Whether an instant lies in them."""
        try:
            return self.calendar.next_open(now) == now
        except CalendarNeverOpens:
            return False


def read_hours(node: Node, calendars: Mapping[str, Calendar]) -> tuple[Hours, ...]:
    """One or several, in the order of the file; notes what is wrong."""
    found = [item.read(lambda text: parse_hours(text, calendars)) for item in node.many()]
    return tuple(hours for hours in found if hours is not None)


def parse_hours(text: str, calendars: Mapping[str, Calendar]) -> Hours:
    """Raises ValueError with the remedy."""
    if text in calendars:
        return Hours(text, calendars[text])
    times, _, zone = text.partition(" ")
    if not re.match(r"\d", text) or not zone:
        remedy = suggestion(text, calendars)
        raise ValueError(f"unknown hours {shown(text)}{remedy} (or write 22:00-07:00 Asia/Shanghai)")
    start, end = parse_times(times)
    if start % _MIDNIGHT == end % _MIDNIGHT:
        raise ValueError(f"all day or never: {shown(text)} (24x7 is always open; write two different times)")
    zone = parse_zone(zone.strip())
    segments = ((start, end),) if start < end else ((start, _MIDNIGHT), (0, end))
    everyday = tuple(segment for segment in segments if segment[0] < segment[1])
    return Hours(f"{times} {zone}", Calendar(f"{times} {zone}", zone, dict.fromkeys(range(7), everyday)))
