"""Quiet hours: until when a message for a destination is held, and what goes at once all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.hours import Hours, read_hours
from config.matching import fits, read_when
from streams.alert_record import OPERATIONS
from streams.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.matching import When
    from config.source import Node
    from streams.calendar import Calendar

QUIET_KEYS = ("hours", "to", "pass")
LONGEST_HOLD = 4 * DAY
"""Microseconds after which a message is let go: a long weekend, and well within what Kafka keeps of alerts."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which people are left alone: messages for the destinations `to`, and those of routes that name it, are
    held to their end. One of those in `passes` is not, nor ever what the monitor tells of itself.
    """

    name: str
    hours: tuple[Hours, ...]
    to: frozenset[str]
    passes: tuple[When, ...]

    def holds_until(self, alert: Mapping[str, Any], now: int) -> int | None:
        """When a message of this alert may go, decided at the instant now; None: at once."""
        if alert.get("level") == OPERATIONS or any(fits(when, alert) for when in self.passes):
            return None
        until = now
        while until < now + LONGEST_HOLD:
            later = max(_end(hours.calendar, until, now + LONGEST_HOLD) for hours in self.hours)
            if later == until:
                break
            until = later
        return until if until > now else None


def held_until(quiets: Sequence[Quiet], alert: Mapping[str, Any], now: int) -> tuple[int, str] | None:
    """By the one that holds longest: the instant and its name; None where none holds."""
    held = [(until, quiet.name) for quiet in quiets if (until := quiet.holds_until(alert, now)) is not None]
    return max(held, default=None)


def _end(calendar: Calendar, now: int, latest: int) -> int:
    """The first instant from now on that is not open, at most `latest`."""
    if calendar.elapsed(now, latest) == latest - now:
        return latest
    low, high = now, latest
    while low < high:
        middle = (low + high + 1) // 2
        if calendar.elapsed(now, middle) == middle - now:
            low = middle
        else:
            high = middle - 1
    return low


def read_quiets(
    node: Node | None,
    calendars: Mapping[str, Calendar],
    destinations: Sequence[str],
    known: Sequence[str],
    values: Mapping[str, Sequence[str]],
) -> dict[str, Quiet]:
    """The quiet hours of a file by name; notes what is wrong. `known` and `values`: what `pass` may ask for."""
    found = {}
    for name, item in (node.mapping() if node is not None else {}).items():
        problems_before = len(item.problems)
        entries = item.entries(QUIET_KEYS, required=("hours",))
        hours = read_hours(entries["hours"], calendars) if "hours" in entries else ()
        if "hours" in entries and not hours and len(item.problems) == problems_before:
            entries["hours"].bad("never quiet (name hours, or leave it out)")
        if any(_always(each.calendar) for each in hours):
            entries["hours"].bad("quiet for ever: nothing would be told (name hours that end)")
        to = [each.choice(destinations, "destination") for each in entries["to"].many()] if "to" in entries else []
        passes = tuple(read_when(each, known, values) for each in entries["pass"].many()) if "pass" in entries else ()
        if any(not when for when in passes) and len(item.problems) == problems_before:
            entries["pass"].bad("everything would pass (name what may, such as priority: [urgent])")
        if len(item.problems) == problems_before:
            found[name] = Quiet(name, hours, frozenset(each for each in to if each is not None), passes)
    return found


def _always(calendar: Calendar) -> bool:
    return calendar.elapsed(0, 28 * DAY) == 28 * DAY
