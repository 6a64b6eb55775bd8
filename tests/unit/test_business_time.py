"""Business time as ten independent systems assert it; where they differ, `canonical_expected` is ours."""

from __future__ import annotations

import calendar as gregorian
import json
import os
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streams.calendar import ALWAYS, Calendar, CalendarNeverOpens, deadline
from streams.instants import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CASES = Path(
    os.environ.get("SLAWATCH_BUSINESS_TIME_CASES") or Path(__file__).parent.parent / "data" / "business_time.json"
)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_SECONDS = 86400
EVER = 1 << 60

Segments = list[tuple[int, int]]


def cases() -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in json.loads(CASES.read_text())["cases"]]


@pytest.mark.parametrize("case", cases())
def test_business_time(case: dict[str, Any]) -> None:
    """Every case comes out exactly."""
    expected = case.get("canonical_expected", case["expected"])
    assert answer(case) == expected, case.get("note", "")


def answer(case: dict[str, Any]) -> str | int | float:
    start = parse_instant(case["start"])
    calendar = calendar_of(case["calendar"], start)
    pauses = [(parse_instant(since), parse_instant(until)) for since, until in case.get("pauses", [])]
    match case["operation"]:
        case "elapsed":
            running = unpaused(start, parse_instant(case["end"]), pauses)
            spent = sum(calendar.elapsed(since, until) for since, until in running)
            return spent // SECOND if spent % SECOND == 0 else spent / SECOND
        case "next_open":
            return format_instant(after(calendar, start, 0, pauses))
        case "deadline":
            budget = round(case["duration_s"] * SECOND)
            walk = before if budget < 0 else after
            return format_instant(walk(calendar, start, abs(budget), pauses))
    raise AssertionError(f"no such operation: {case['operation']}")


def after(calendar: Calendar, start: int, budget: int, pauses: Segments) -> int:
    running = [*unpaused(start, EVER, pauses)]
    open_ended: list[tuple[int, int | None]] = [*running[:-1], (running[-1][0], None)]
    if budget == 0:
        return next(
            opening
            for since, until in open_ended
            if until is None or calendar.elapsed(since, until)
            for opening in [calendar.next_open(since)]
        )
    reached = deadline(calendar, open_ended, budget)
    assert reached is not None
    return reached


def before(calendar: Calendar, start: int, budget: int, pauses: Segments) -> int:
    running = [*unpaused(-EVER, start, pauses)]
    for since, until in reversed(running[1:]):
        spent = calendar.elapsed(since, until)
        if spent and spent >= budget:
            return calendar.add(until, -budget)
        budget -= spent
    return calendar.add(running[0][1], -budget)


def unpaused(start: int, end: int, pauses: Segments) -> Iterator[tuple[int, int]]:
    """Pieces of [start, end) in no pause; pauses may overlap, touch, nest, or be reversed, thus empty."""
    for since, until in sorted(pauses):
        if start < since < until:
            yield start, min(since, end)
        if since < until:
            start = max(start, until)
        if start >= end:
            return
    if start < end:
        yield start, end


def calendar_of(spec: Mapping[str, Any], around: int) -> Calendar:
    """The case's calendar: a date's own hours win over its being a holiday, breaks are taken from either."""
    weekly: dict[int, Segments] = {weekday: [] for weekday in range(7)}
    for weekday, name in enumerate(WEEKDAYS):
        for start, end in wall_segments(spec["weekly"].get(name, [])):
            weekly[weekday].append((start, min(end, DAY_SECONDS)))
            if end > DAY_SECONDS:  # past midnight: the rest is the next day's
                weekly[(weekday + 1) % 7].append((0, end - DAY_SECONDS))
    year = int(format_instant(around)[:4])
    overrides: dict[date, Segments] = {date.fromisoformat(day): [] for day in spec.get("holidays", [])}
    for month_day in spec.get("yearly_holidays_mmdd", []):
        overrides |= {day: [] for day in yearly(month_day, range(max(year - 60, 1), year + 100))}
    overrides |= {date.fromisoformat(day): [] for day in spec.get("date_overrides", {})}
    for day, pairs in spec.get("date_overrides", {}).items():
        for start, end in wall_segments(pairs):
            overrides[date.fromisoformat(day)].append((start, min(end, DAY_SECONDS)))
            if end > DAY_SECONDS:
                following = date.fromisoformat(day) + timedelta(days=1)
                hours = overrides.get(following, weekly[following.weekday()])
                overrides[following] = [*hours, (0, end - DAY_SECONDS)]
    for day, pairs in spec.get("breaks", {}).items():
        on = date.fromisoformat(day)
        overrides[on] = without(overrides.get(on, weekly[on.weekday()]), wall_segments(pairs))
    return Calendar("case", spec["tz"], weekly, overrides)


def yearly(month_day: str, years: range) -> Iterator[date]:
    month, day = map(int, month_day.split("-"))
    for year in years:
        if day <= gregorian.monthrange(year, month)[1]:
            yield date(year, month, day)


def wall_segments(pairs: list[list[str]]) -> Segments:
    """Seconds of the wall clock; one that ends at or before its start ends on the next day."""
    segments = [(seconds(start), seconds(end)) for start, end in pairs]
    return [(start, end if end > start else end + DAY_SECONDS) for start, end in segments]


def seconds(text: str) -> int:
    hours, minutes, *rest = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + sum(rest)


def without(hours: Segments, breaks: Segments) -> Segments:
    edges = sorted({edge for segment in (*hours, *breaks) for edge in segment})
    return [
        (start, end)
        for start, end in pairwise(edges)
        if any(opens <= start < closes for opens, closes in hours)
        and not any(opens <= start < closes for opens, closes in breaks)
    ]


OFFICE = {weekday: [(9 * 3600, 17 * 3600)] for weekday in range(5)}
ROUND_THE_CLOCK = {weekday: [(0, DAY_SECONDS)] for weekday in range(7)}


def all_week(*hours: tuple[int, int]) -> dict[int, Segments]:
    return {weekday: [(start * 3600, end * 3600) for start, end in hours] for weekday in range(7)}


def on(calendar: Calendar, start: str, end: str) -> int:
    return calendar.elapsed(parse_instant(start), parse_instant(end))


def test_hours_that_fall_in_a_gap_are_lost() -> None:
    """Berlin, 29 March 2026: 02:00 to 03:00 is never on the clock."""
    night = Calendar("night", "Europe/Berlin", all_week((2, 3)))
    late = Calendar("late", "Europe/Berlin", all_week((1, 4)))
    assert on(night, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00") == 0
    assert on(late, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00") == 2 * HOUR


def test_an_hour_shown_twice_counts_twice() -> None:
    """Berlin, 25 October 2026: 02:00 to 03:00 is on the clock twice; what ends in it reopens with it."""
    midnight, noon = "2026-10-25T00:00:00+02:00", "2026-10-25T12:00:00+01:00"
    assert on(Calendar("twice", "Europe/Berlin", all_week((2, 3))), midnight, noon) == 2 * HOUR
    half = {weekday: [(3600, 9000)] for weekday in range(7)}
    assert on(Calendar("half", "Europe/Berlin", half), midnight, noon) == 2 * HOUR


def test_half_an_hour_of_daylight_saving() -> None:
    """Lord Howe's clocks move by 30 minutes."""
    day = Calendar("lord howe", "Australia/Lord_Howe", ROUND_THE_CLOCK)
    assert day.add(parse_instant("2026-04-04T13:00:00Z"), DAY) == parse_instant("2026-04-05T13:00:00Z")
    hours = Calendar("lord howe", "Australia/Lord_Howe", all_week((0, 12)))
    assert on(hours, "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z") == 12 * HOUR + 30 * MINUTE


def test_the_shortest_summer_time_is_seen() -> None:
    """Noronha had summer time for one week of October 2000; no zone ever changed its clocks back sooner."""
    hours = Calendar("noronha", "America/Noronha", all_week((9, 17)))
    for day, offset in [("07", "-02:00"), ("10", "-01:00"), ("16", "-02:00")]:
        midnight = parse_instant(f"2000-10-{day}T00:00:00{offset}")
        assert hours.next_open(midnight) == midnight + 9 * HOUR


def test_a_date_that_was_skipped_has_no_hours() -> None:
    """Apia went from 29 to 31 December 2011, so its Friday's override opens nothing."""
    hours = {date(2011, 12, 30): [(0, DAY_SECONDS)]}
    apia = Calendar("apia", "Pacific/Apia", {}, hours)
    assert on(apia, "2011-12-01T00:00:00Z", "2012-02-01T00:00:00Z") == 0
    with pytest.raises(CalendarNeverOpens):
        apia.next_open(parse_instant("2011-12-01T00:00:00Z"))


def test_open_across_midnight_is_one_stretch() -> None:
    """A budget spent at 24:00 is spent there, whether or not the next day opens at 00:00."""
    shift = Calendar("shift", "Asia/Shanghai", {4: [(22 * 3600, DAY_SECONDS)], 5: [(0, 6 * 3600)]})
    start, midnight = parse_instant("2026-01-02T23:00:00+08:00"), parse_instant("2026-01-03T00:00:00+08:00")
    assert shift.add(start, HOUR) == midnight
    assert shift.next_open(midnight) == midnight
    assert shift.add(midnight, -HOUR) == start
    assert shift.elapsed(start, midnight + DAY) == 7 * HOUR


def test_warning_before_a_deadline_walks_over_the_night() -> None:
    """30 business minutes before 09:10 is 16:40 the day before; 10 minutes before it is the opening."""
    office = Calendar("office", "UTC", OFFICE)
    due = parse_instant("2026-01-06T09:10:00Z")
    assert format_instant(office.add(due, -30 * MINUTE)) == "2026-01-05T16:40:00Z"
    assert format_instant(office.add(due, -10 * MINUTE)) == "2026-01-06T09:00:00Z"


@pytest.mark.parametrize("year", [1899, 1970, 2200, 2999])
def test_far_years_are_answered(year: int) -> None:
    """In either direction, by laying out the years between."""
    office = Calendar("office", "America/New_York", OFFICE)
    now, far = parse_instant("2026-01-06T09:10:00Z"), parse_instant(f"{year}-06-01T12:00:00Z")
    share = office.elapsed(min(now, far), max(now, far)) / abs(now - far)
    assert share == pytest.approx(40 / 168, rel=1e-3)


def test_an_unset_year_is_before_all_hours() -> None:
    """A clock that starts in year 1 meets its first open instant in 1898."""
    office = Calendar("office", "America/New_York", OFFICE)
    unset, now = parse_instant("0001-01-01T00:00:00Z"), parse_instant("2026-01-06T09:10:00Z")
    opening = office.next_open(unset)
    assert format_instant(opening).startswith("1898")
    assert office.elapsed(unset, now) == office.elapsed(opening, now)
    with pytest.raises(CalendarNeverOpens):
        office.add(unset, -1)


def test_a_calendar_without_hours_never_opens() -> None:
    """The search ends, in either direction, with an error that names the calendar."""
    closed = Calendar("closed", "UTC", {}, {date(2026, 1, 1): []})
    once = Calendar("once", "UTC", {}, {date(2026, 1, 1): [(0, 60)]})
    at = parse_instant("2026-01-01T00:00:00Z")
    for calendar, budget in [(closed, 0), (closed, 1), (closed, -1), (once, 61 * SECOND), (once, -1)]:
        with pytest.raises(CalendarNeverOpens, match=calendar.name):
            calendar.add(at, budget)
    assert once.add(at - 30 * DAY, MINUTE) == at + MINUTE
    assert once.add(at + 9999 * DAY, -MINUTE) == at
    assert closed.elapsed(at, at + 9999 * DAY) == 0


@pytest.mark.parametrize("segment", [(10, 10), (20, 10), (-1, 10), (0, DAY_SECONDS + 1)])
def test_a_segment_outside_the_day_is_refused(segment: tuple[int, int]) -> None:
    """Half-open, forwards, within one day."""
    with pytest.raises(ValueError, match="not a segment of a day"):
        Calendar("odd", "UTC", {0: [segment]})


def test_always_is_plain_arithmetic() -> None:
    """24x7 agrees with a calendar that spells out every hour, and with reversed ranges."""
    spelled = Calendar("spelled", "Europe/Berlin", ROUND_THE_CLOCK)
    start = parse_instant("2026-10-24T12:00:00Z")
    for budget in (0, 1, 5 * DAY, -5 * DAY, 900 * DAY, -900 * DAY):
        assert ALWAYS.add(start, budget) == spelled.add(start, budget) == start + budget
        assert ALWAYS.elapsed(start, start + budget) == spelled.elapsed(start, start + budget)
    assert ALWAYS.next_open(start) == spelled.next_open(start) == start


def test_a_limit_spent_when_a_pause_begins_is_reached_there() -> None:
    """Not when the clock runs on; and a clock that stopped short has no deadline."""
    hours = [(0, HOUR), (2 * HOUR, 3 * HOUR)]
    assert deadline(ALWAYS, hours, HOUR) == HOUR
    assert deadline(ALWAYS, hours, HOUR + 1) == 2 * HOUR + 1
    assert deadline(ALWAYS, hours, 3 * HOUR) is None
    assert deadline(ALWAYS, [*hours, (4 * HOUR, None)], 3 * HOUR) == 5 * HOUR
