"""Laws of rotas: one person at every instant, hand-overs by the wall clock, overrides that win, gaps that are found."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.people import Person
from config.rota import Feed, Rota, Rotation, Turn, begins, gaps, in_order, on_call, stretches
from streams.instants import DAY, HOUR, MINUTE, from_datetime, parse_instant, to_datetime

ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # by half an hour
    "America/Sao_Paulo",  # at midnight, until 2019
    "Pacific/Apia",  # without 30 December 2011
    "Africa/Casablanca",  # around Ramadan
)
PEOPLE = tuple(Person(name, {}) for name in ("ann", "bo", "cy", "di"))

dates = st.dates(date(2009, 1, 1), date(2027, 12, 31))
seconds = st.integers(0, 24 * 60 - 1).map(lambda minute: minute * 60)
rotations = st.builds(
    Rotation, st.sampled_from(ZONES), dates, seconds, st.integers(1, 4).map(lambda count: PEOPLE[:count])
)


def wall(zone: str, instant: int) -> datetime:
    return to_datetime(instant).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@cache
def first_shown(zone: str, day: date, second: int) -> int:
    """The first minute whose wall clock shows this time of the date or a later one, looked for one by one."""
    wanted = datetime.combine(day, time()) + timedelta(seconds=second)
    tz = ZoneInfo(zone)
    instant = from_datetime(wanted.replace(tzinfo=ZoneInfo("UTC"))) - 27 * HOUR
    while to_datetime(instant).astimezone(tz).replace(tzinfo=None) < wanted:
        instant += MINUTE
    return instant


@given(st.sampled_from(ZONES), dates, seconds)
def test_a_hand_over_is_the_first_minute_that_shows_its_hour(zone: str, day: date, second: int) -> None:
    assert begins(zone, day, second) == first_shown(zone, day, second)


@pytest.mark.parametrize(
    ("zone", "day", "at", "instant"),
    [
        ("Europe/Berlin", "2026-03-30", "09:00", "2026-03-30T09:00:00+02:00"),  # the first in summer time
        ("Europe/Berlin", "2026-10-26", "09:00", "2026-10-26T09:00:00+01:00"),
        ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T03:00:00+02:00"),  # the clocks jump over it
        ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T02:30:00+02:00"),  # shown twice
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-04T02:30:00+11:00"),
        ("America/Sao_Paulo", "2018-11-04", "00:00", "2018-11-04T01:00:00-02:00"),
        ("Pacific/Apia", "2011-12-30", "09:00", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_hand_overs_where_clocks_change(zone: str, day: str, at: str, instant: str) -> None:
    hour, minute = map(int, at.split(":"))
    assert begins(zone, date.fromisoformat(day), hour * 3600 + minute * 60) == parse_instant(instant)


@given(rotations, st.integers(0, 800 * DAY), st.sampled_from([0, 1, -1]))
def test_a_rotation_has_exactly_one_person_from_its_first_hand_over_on(
    rotation: Rotation, offset: int, beside: int
) -> None:
    """Also at hand-overs and a microsecond beside them."""
    first = rotation.hand_over(0)
    assert on_call(Rota("r", rotation), first - 1) is None
    number = offset // (7 * DAY)
    for instant in (first + offset, max(rotation.hand_over(number) + beside, first)):
        done = sum(rotation.hand_over(n) <= instant for n in range(1, number + 3))
        assert on_call(Rota("r", rotation), instant) == rotation.people[done % len(rotation.people)]
        turn = rotation.turn(instant)
        assert turn is not None
        assert turn.since <= instant < turn.until


@given(rotations, st.lists(st.integers(0, 60 * DAY), unique=True, max_size=8), st.integers(0, 60 * DAY))
def test_an_override_wins_while_it_lasts_and_changes_nothing_else(
    rotation: Rotation, edges: list[int], offset: int
) -> None:
    first = rotation.hand_over(0)
    pairs = list(zip(*[iter(sorted(edges))] * 2, strict=False))
    stand_in = Person("stand-in", {})
    rota = Rota("r", rotation, tuple(Turn(first + since, first + until, stand_in) for since, until in pairs))
    for at in (offset, *edges):
        inside = any(since <= at < until for since, until in pairs)
        expected = stand_in if inside else on_call(Rota("r", rotation), first + at)
        assert on_call(rota, first + at) == expected


shifts = st.lists(st.tuples(st.integers(0, 30 * 24), st.integers(1, 72), st.sampled_from(PEOPLE)), max_size=6).map(
    lambda found: tuple(Turn(since * HOUR, (since + length) * HOUR, person) for since, length, person in found)
)


@given(shifts, shifts, st.integers(0, 40 * 24), st.integers(1, 400), st.integers(0, 40 * DAY))
def test_stretches_cover_every_instant_once_and_gaps_are_those_without_anybody(
    turns: tuple[Turn, ...], overrides: tuple[Turn, ...], begin: int, length: int, at: int
) -> None:
    rota = Rota("r", Feed("UTC", 0, "", turns), overrides)
    since, until = begin * HOUR, (begin + length) * HOUR
    parts = stretches(rota, since, until)
    assert [parts[0].since, *[part.until for part in parts]] == [*[part.since for part in parts], until]
    assert parts[0].since == since
    assert all(a.person != b.person for a, b in pairwise(parts))
    holes = gaps(rota, since, until)
    for instant in {
        min(max(at, since), until - 1),
        *(e for t in (*turns, *overrides) for e in t[:2] if since <= e < until),
    }:
        person = on_call(rota, instant)
        assert [part.person for part in parts if part.since <= instant < part.until] == [person]
        assert any(a <= instant < b for a, b in holes) is (person is None)


@given(rotations, st.integers(-30 * DAY, 400 * DAY), st.integers(1, 60 * DAY), st.integers(0, 60 * DAY))
def test_the_stretches_of_a_rotation_agree_with_it(rotation: Rotation, begin: int, length: int, at: int) -> None:
    rota = Rota("r", rotation)
    since = rotation.hand_over(0) + begin
    instant = since + at % length
    holding = [part.person for part in stretches(rota, since, since + length) if part.since <= instant < part.until]
    assert holding == [on_call(rota, instant)]


def test_a_rotation_that_begins_later_takes_its_turns_from_there() -> None:
    ann, bo, *_ = PEOPLE
    rota = Rota("r", Rotation("UTC", date(2026, 1, 5), 0, (ann, bo)))
    day = parse_instant("2026-01-05T00:00:00Z")
    found = [(part.since, part.person) for part in stretches(rota, day - DAY, day + 20 * DAY)]
    assert found == [(day - DAY, None), (day, ann), (day + 7 * DAY, bo), (day + 14 * DAY, ann)]


@given(rotations, st.integers(0, 30))
def test_after_its_end_nobody_is_on_call(rotation: Rotation, weeks: int) -> None:
    ended = replace(rotation, ends=rotation.starts + timedelta(weeks=weeks + 1))
    end = rotation.hand_over(weeks + 1)
    rota = Rota("r", ended)
    assert on_call(rota, end - 1) == on_call(Rota("r", rotation), end - 1)
    assert on_call(rota, end) is None
    assert gaps(rota, end - DAY, end + DAY) == [(end, end + DAY)]


def test_of_two_shifts_at_once_the_later_one_wins() -> None:
    ann, bo, cy, _ = PEOPLE
    feed = Feed("UTC", 0, "", (Turn(0, 100, ann), Turn(10, 50, bo), Turn(10, 20, cy)))
    assert [on_call(Rota("r", feed), at) for at in (0, 10, 19, 20, 49, 50, 99, 100)] == [
        ann, cy, cy, bo, bo, ann, ann, None,
    ]  # fmt: skip


def test_people_of_several_rotas_stand_in_their_order_and_once() -> None:
    ann, bo, *_ = PEOPLE
    day = date(2026, 1, 5)
    one, same, other = (Rota(str(p), Rotation("UTC", day, 0, (p,))) for p in (ann, ann, bo))
    gap = Rota("gap", Rotation("UTC", date(2030, 1, 7), 0, (bo,)))
    assert in_order([gap, one, same, other], parse_instant("2026-01-10T00:00:00Z")) == [ann, bo]
