"""The shifts in an iCalendar (RFC 5545): who is on call from when to when, as far as a window reaches.

An event is somebody's shift if it is attended by an address of a known person's, or if its summary is or holds a known
person's name; else its summary is taken as a name, which is shown and mentions nobody. Services put it both ways.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from config.people import Person
from config.rota import Turn, begins
from streams.instants import from_datetime, to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

MOST_EVENTS = 5_000
MOST_A_DAY = 24
"""Bounds on a feed: no rota that people keep comes near them, and what does takes for ever to unfold."""

_LONGEST_NAME = 80
_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
_WITHIN_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")


class BadFeed(ValueError):
    """What cannot be used as a rota; the text says why."""


def read_shifts(
    content: bytes, people: Mapping[str, Person], zone: str, at: int, since: int, until: int
) -> tuple[Turn, ...]:
    """The shifts that lie in [since, until) or reach into it, in the order in which they begin. Raises BadFeed.

    `zone` is that of times without one, `at` the second of the day at which whole days begin.
    """
    try:
        calendar = icalendar.Calendar.from_ical(content)
        events = calendar.walk("VEVENT")
        if len(events) > MOST_EVENTS:
            raise BadFeed(f"over {MOST_EVENTS} events: not a rota")
        for event in events:
            _refuse_endless(event)
        margin = timedelta(days=2)  # times without a zone, and days that begin later
        window = (to_datetime(since) - margin, to_datetime(until) + margin)
        unfolded = recurring_ical_events.of(calendar).between(*window)
        found = [turn for event in unfolded for turn in _turn(event, people, zone, at)]
    except BadFeed:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's file: the libraries raise what they like
        raise BadFeed(f"not an iCalendar that can be read ({type(error).__name__})") from None
    if len(found) > MOST_EVENTS:
        raise BadFeed(f"over {MOST_EVENTS} events: not a rota")
    return tuple(sorted(turn for turn in found if turn.until > since and turn.since < until))


def _refuse_endless(event: Any) -> None:
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        often = str(rule.get("FREQ", [""])[0]).upper() in _OFTEN
        if often or math.prod(len(rule.get(part, [0])) for part in _WITHIN_A_DAY) > MOST_A_DAY:
            raise BadFeed("an event that repeats within the day: not a rota")


def _turn(event: Any, people: Mapping[str, Person], zone: str, at: int) -> Iterator[Turn]:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    since, until = _instant(event.start, zone, at), _instant(event.end, zone, at)
    person = _person(event, people)
    if person is not None and since < until:
        yield Turn(since, until, person)


def _instant(moment: date | datetime, zone: str, at: int) -> int:
    if not isinstance(moment, datetime):
        return begins(zone, moment, at)
    return from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone)))


def _person(event: Any, people: Mapping[str, Person]) -> Person | None:
    attending = event.get("ATTENDEE", [])
    for attendee in attending if isinstance(attending, list) else [attending]:
        address = re.sub(r"^mailto:", "", str(attendee), flags=re.IGNORECASE).casefold()
        for person in people.values():
            if address == person.ids.get("email", "").casefold() and address:
                return person
    summary = _line(str(event.get("SUMMARY", "")))
    for word, person in people.items():
        if summary.casefold() in (word.casefold(), person.name.casefold()):
            return person
    held = [person for person in people.values() if _holds(summary, person.name)]
    if held:
        return max(held, key=lambda person: len(person.name))
    return Person(summary, {}) if summary else None


def _holds(summary: str, name: str) -> bool:
    """Whether a name stands in it as words of its own."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", summary, flags=re.IGNORECASE) is not None


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text[: 8 * _LONGEST_NAME]).split())[
        :_LONGEST_NAME
    ]
