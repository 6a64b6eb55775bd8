"""Rotas: who is on call at an instant, by people who take turns a week each, or by the shifts of a calendar feed.

A turn begins at the first instant at which the wall clock of the rota's zone shows the hand-over hour or a later one of
that date. So a hand-over that summer time skips comes when the clocks jump, and one that is shown twice the first time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from streams.instants import DAY, from_datetime, to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from config.people import Person

_WEEK = 7


class Turn(NamedTuple):
    """Somebody is on call in [since, until), microseconds since the epoch."""

    since: int
    until: int
    person: Person


class Stretch(NamedTuple):
    """From one change to the next, microseconds since the epoch; `person` None: nobody is on call."""

    since: int
    until: int
    person: Person | None


@dataclass(frozen=True, slots=True)
class Rotation:
    """People who take turns, a week each. `starts` is the date of the first hand-over, `at` its second of the day, and
    the rotation is over at the same time of the date `ends`.
    """

    zone: str
    starts: date
    at: int
    people: tuple[Person, ...]
    ends: date | None = None

    def hand_over(self, number: int) -> int:
        """The instant at which turn `number` begins, from 0."""
        return begins(self.zone, self.starts + timedelta(days=_WEEK * number), self.at)

    def turn(self, instant: int) -> Turn | None:
        """The turn that holds an instant; None before the first and after the end."""
        local = to_datetime(instant).astimezone(ZoneInfo(self.zone)).date()
        number = (local - self.starts).days // _WEEK
        # Within a day of a hand-over the date alone does not tell.
        while self.hand_over(number) > instant:
            number -= 1
        while self.hand_over(number + 1) <= instant:
            number += 1
        end = None if self.ends is None else begins(self.zone, self.ends, self.at)
        if number < 0 or (end is not None and instant >= end):
            return None
        until = self.hand_over(number + 1)
        person = self.people[number % len(self.people)]
        return Turn(self.hand_over(number), until if end is None else min(until, end), person)

    def edges(self, since: int, until: int) -> Iterator[int]:
        """The instants after `since` and before `until` at which it changes."""
        edges = [self.hand_over(0)] if self.ends is None else [self.hand_over(0), begins(self.zone, self.ends, self.at)]
        yield from (edge for edge in edges if since < edge < until)
        turn = self.turn(max(since, self.hand_over(0)))
        while turn is not None and turn.until < until:
            yield turn.until
            turn = self.turn(turn.until)


@dataclass(frozen=True, slots=True)
class Feed:
    """An iCalendar whose events are shifts; times of it without a zone are those of `zone`, and its whole days begin at
    the second `at` of the day.
    """

    zone: str
    at: int
    url: str = field(repr=False)
    shifts: tuple[Turn, ...] = ()
    """As last read, in the order in which they begin."""

    def turn(self, instant: int) -> Turn | None:
        """Of several shifts at once the one that began last, and of these the shortest: it was put over the others."""
        return max(
            (shift for shift in self.shifts if shift.since <= instant < shift.until),
            key=lambda shift: (shift.since, -shift.until, shift.person.name),
            default=None,
        )

    def edges(self, since: int, until: int) -> Iterator[int]:
        """As of a rotation."""
        yield from (edge for shift in self.shifts for edge in shift[:2] if since < edge < until)


@dataclass(frozen=True, slots=True)
class Rota:
    """Whose turn it is, but where an override says otherwise. Overrides do not overlap."""

    name: str
    turns: Rotation | Feed
    overrides: tuple[Turn, ...] = ()
    line: int | None = None


def on_call(rota: Rota, instant: int) -> Person | None:
    """Who is on call at an instant; None in a gap."""
    override = next((turn for turn in rota.overrides if turn.since <= instant < turn.until), None)
    turn = override or rota.turns.turn(instant)
    return None if turn is None else turn.person


def stretches(rota: Rota, since: int, until: int) -> list[Stretch]:
    """Who is on call in [since, until), one after the other, gaps among them."""
    inner = {edge for turn in rota.overrides for edge in turn[:2] if since < edge < until}
    edges = sorted({since, *rota.turns.edges(since, until), *inner})
    found: list[Stretch] = []
    for begin, end in zip(edges, [*edges[1:], until], strict=True):
        person = on_call(rota, begin)
        if found and found[-1].person == person:
            found[-1] = found[-1]._replace(until=end)
        else:
            found.append(Stretch(begin, end, person))
    return found


def gaps(rota: Rota, since: int, until: int) -> list[tuple[int, int]]:
    """The parts of [since, until) in which nobody is on call."""
    return [(part.since, part.until) for part in stretches(rota, since, until) if part.person is None]


def in_order(rotas: Iterable[Rota], instant: int) -> list[Person]:
    """Who is on call at an instant by several rotas, primary first; nobody stands there twice."""
    people: list[Person] = []
    for rota in rotas:
        person = on_call(rota, instant)
        if person is not None and person not in people:
            people.append(person)
    return people


@lru_cache(maxsize=4096)
def begins(zone: str, day: date, second: int) -> int:
    """The first instant at which the wall clock of a zone shows this second of the day, or a later one of the date."""
    tz = ZoneInfo(zone)
    wall = datetime.combine(day, time()) + timedelta(seconds=second)
    instant = from_datetime(wall.replace(tzinfo=tz))  # of two the first
    if to_datetime(instant).astimezone(tz).replace(tzinfo=None) == wall:
        return instant
    # The clocks jump over it: the jump lies between what the offsets before and after it make of the wall time.
    low, high = from_datetime(wall.replace(tzinfo=tz, fold=1)), instant
    while high - low > 1:
        middle = (low + high) // 2
        if to_datetime(middle).astimezone(tz).replace(tzinfo=None) < wall:
            low = middle
        else:
            high = middle
    return high


LOOK_AHEAD = 60 * DAY
"""How far ahead gaps are looked for."""
