"""Laws of business time, against a model that reads the wall clock every half minute and knows nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendar import Calendar, deadline
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant

STEP = 30 * SECOND  # divides every offset, hour and change of clocks below
WINDOW = 3 * DAY
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A zone, and a day before something happens to its clock.
CHANGES = [
    ("Europe/Berlin", "2026-03-28T00:00:00Z"),  # an hour is skipped
    ("Europe/Berlin", "2026-10-24T00:00:00Z"),  # an hour comes twice
    ("America/New_York", "2026-10-31T00:00:00Z"),
    ("America/Sao_Paulo", "2015-10-17T00:00:00Z"),  # midnight is skipped
    ("America/Sao_Paulo", "2015-02-21T00:00:00Z"),  # the hour before midnight comes twice
    ("America/St_Johns", "2006-10-28T00:00:00Z"),  # one minute past midnight it is yesterday again
    ("Asia/Tehran", "2022-03-20T12:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-03T12:00:00Z"),  # half an hour
    ("Antarctica/Troll", "2026-03-28T00:00:00Z"),  # two hours
    ("Asia/Kathmandu", "1985-12-31T00:00:00Z"),  # a quarter of an hour, once
    ("Pacific/Apia", "2011-12-29T00:00:00Z"),  # a date is skipped
    ("Pacific/Kwajalein", "1969-09-30T00:00:00Z"),  # a date comes twice
    ("Africa/Monrovia", "1972-01-06T00:00:00Z"),  # an offset of 44 minutes 30 seconds ends
    ("Asia/Shanghai", "2026-05-01T00:00:00Z"),  # nothing happens
]

zones = st.sampled_from(sorted(available_timezones() - {"localtime"}))  # the machine's own is no IANA name
minutes = st.integers(0, 24 * 60)
hours = st.lists(st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1]).map(sorted), max_size=3).map(
    lambda pairs: [(start * 60, end * 60) for start, end in pairs]
)
weeks = st.fixed_dictionaries(dict.fromkeys(range(7), hours))


class Walked:
    """The model: a wall clock read at every step from `base` on."""

    def __init__(self, zone: str, base: int, weekly: dict, overrides: dict) -> None:
        self.base = base
        self.open = [is_open(day, second, weekly, overrides) for day, second in wall_clock(zone, base, WINDOW // STEP)]

    def elapsed(self, start: int, end: int) -> int:
        spent = 0
        for step in range((start - self.base) // STEP, -((self.base - end) // STEP)):
            if self.open[step]:
                since = self.base + step * STEP
                spent += max(0, min(end, since + STEP) - max(start, since))
        return spent


@cache
def wall_clock(zone: str, base: int, steps: int) -> list[tuple[date, int]]:
    return [wall_time(zone, base + step * STEP) for step in range(steps)]


def wall_time(zone: str, instant: int) -> tuple[date, int]:
    local = (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone))
    return local.date(), local.hour * 3600 + local.minute * 60 + local.second


def is_open(day: date, second: int, weekly: dict, overrides: dict) -> bool:
    segments = overrides[day] if day in overrides else weekly[day.weekday()]
    return any(start <= second < end for start, end in segments)


@st.composite
def walks(draw: st.DrawFn) -> tuple[Calendar, Walked, int, int]:
    """A calendar and its model about a change of clocks, and two instants there in order."""
    zone, around = draw(st.sampled_from(CHANGES))
    base = parse_instant(around)
    weekly = draw(weeks)
    first = wall_time(zone, base)[0]
    nearby = st.integers(0, 4).map(lambda days: first + timedelta(days=days))
    overrides = draw(st.dictionaries(nearby, hours, max_size=2))
    start, end = sorted(draw(st.tuples(instants_in(base), instants_in(base))))
    return Calendar("law", zone, weekly, overrides), Walked(zone, base, weekly, overrides), start, end


def instants_in(base: int) -> st.SearchStrategy[int]:
    """Round and odd instants of the window."""
    return st.one_of(
        st.integers(0, WINDOW // MINUTE).map(lambda minute: base + minute * MINUTE),
        st.integers(0, WINDOW).map(lambda offset: base + offset),
    )


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Any hours that are open at some time of the week, in any zone there is."""
    dates = st.dates(date(2015, 1, 1), date(2030, 1, 1))
    return Calendar(
        "law", draw(zones), draw(weeks.filter(opens_often)), draw(st.dictionaries(dates, hours, max_size=3))
    )


def opens_often(weekly: dict) -> bool:
    return sum(end - start for segments in weekly.values() for start, end in segments) >= 3600


years = st.integers(parse_instant("1970-01-01T00:00:00Z"), parse_instant("2200-01-01T00:00:00Z"))
moments = st.integers(parse_instant("2015-01-01T00:00:00Z"), parse_instant("2030-01-01T00:00:00Z"))
budgets = st.one_of(st.integers(1, 100 * HOUR), st.integers(1, 100 * 60).map(lambda minute: minute * MINUTE))


@settings(deadline=None, max_examples=300)
@given(walks())
def test_elapsed_is_what_a_walk_counts(walk: tuple[Calendar, Walked, int, int]) -> None:
    """Every half minute of wall clock, through gaps, folds and lost dates."""
    calendar, walked, start, end = walk
    assert calendar.elapsed(start, end) == walked.elapsed(start, end)
    assert calendar.elapsed(end, start) == 0


@settings(deadline=None, max_examples=200)
@given(walks())
def test_adding_what_a_walk_counted_comes_back(walk: tuple[Calendar, Walked, int, int]) -> None:
    """Forwards to the first, backwards to the last instant that the model calls as far."""
    calendar, walked, start, end = walk
    spent = walked.elapsed(start, end)
    if spent == 0:
        return
    due, origin = calendar.add(start, spent), calendar.add(end, -spent)
    assert start < due <= end
    assert walked.elapsed(start, due) == spent
    assert walked.elapsed(start, due - 1) == spent - 1
    assert start <= origin < end
    assert walked.elapsed(origin, end) == spent
    assert walked.elapsed(origin + 1, end) == spent - 1


@settings(deadline=None, max_examples=200)
@given(walks())
def test_the_next_open_instant_is_where_a_walk_first_counts(walk: tuple[Calendar, Walked, int, int]) -> None:
    """Nothing is open before it, and it is."""
    calendar, walked, start, end = walk
    if walked.elapsed(start, end) == 0:
        return
    opening = calendar.next_open(start)
    assert start <= opening < end
    assert walked.elapsed(start, opening) == 0
    assert walked.elapsed(opening, opening + 1) == 1
    assert calendar.add(start, 0) == opening


@settings(deadline=None, max_examples=100)
@given(walks(), st.lists(st.integers(0, WINDOW), max_size=6), st.integers(1, 2 * DAY))
def test_a_deadline_is_the_first_instant_at_which_the_running_time_suffices(
    walk: tuple[Calendar, Walked, int, int], cuts: list[int], limit: int
) -> None:
    """Of a clock that ran between every second pair of cuts."""
    calendar, walked, *_ = walk
    running = [*pairwise(walked.base + cut for cut in sorted(cuts))][::2]

    def spent(until: int) -> int:
        return sum(walked.elapsed(since, min(end, until)) for since, end in running if since < until)

    due = deadline(calendar, running, limit)
    if due is None:
        assert spent(walked.base + WINDOW) < limit
    else:
        assert spent(due) == limit
        assert spent(due - 1) == limit - 1


@settings(deadline=None, max_examples=300)
@given(zone=zones, weekly=weeks, instant=years)
def test_open_is_what_the_wall_clock_says(zone: str, weekly: dict, instant: int) -> None:
    """In every zone, in any year from 1970 to 2200."""
    opened = Calendar("law", zone, weekly).elapsed(instant, instant + 1) == 1
    assert opened == is_open(*wall_time(zone, instant), weekly, {})


@settings(deadline=None, max_examples=200)
@given(calendar=calendars(), instants=st.tuples(moments, moments, moments))
def test_elapsed_adds_up(calendar: Calendar, instants: tuple[int, int, int]) -> None:
    """Two ranges that touch take as long as the whole, which is no longer than real time."""
    start, middle, end = sorted(instants)
    whole = calendar.elapsed(start, end)
    assert calendar.elapsed(start, middle) + calendar.elapsed(middle, end) == whole
    assert 0 <= whole <= end - start


@settings(deadline=None, max_examples=200)
@given(calendar=calendars(), start=moments, budget=budgets)
def test_add_is_the_first_instant_that_far(calendar: Calendar, start: int, budget: int) -> None:
    """And backwards the last; both are undone by going the other way, but for closed time."""
    due, origin = calendar.add(start, budget), calendar.add(start, -budget)
    assert calendar.elapsed(start, due) == budget == calendar.elapsed(origin, start)
    assert calendar.elapsed(start, due - 1) == budget - 1 == calendar.elapsed(origin + 1, start)
    back, forth = calendar.add(due, -budget), calendar.add(origin, budget)
    assert back == calendar.next_open(start)
    assert forth <= start
    assert calendar.elapsed(forth, start) == 0


@settings(deadline=None, max_examples=200)
@given(calendar=calendars(), starts=st.tuples(moments, moments), budgets_=st.tuples(budgets, budgets))
def test_later_and_longer_is_never_earlier(
    calendar: Calendar, starts: tuple[int, int], budgets_: tuple[int, int]
) -> None:
    """Monotone in the start and in the budget, in both directions."""
    (first, second), (small, large) = sorted(starts), sorted(budgets_)
    for budget in (small, -small, 0):
        assert calendar.add(first, budget) <= calendar.add(second, budget)
    assert calendar.add(first, -large) <= calendar.add(first, -small) <= first
    assert first <= calendar.add(first, small) <= calendar.add(first, large)


@settings(deadline=None, max_examples=50)
@given(calendar=calendars(), asked=st.lists(st.tuples(years, budgets), min_size=2, max_size=5), data=st.data())
def test_answers_do_not_depend_on_what_was_asked_before(
    calendar: Calendar, asked: list[tuple[int, int]], data: st.DataObject
) -> None:
    """The timeline is laid out on demand, in either direction."""

    def answers(start: int, budget: int) -> tuple[int, int, int]:
        return calendar.add(start, budget), calendar.add(start, -budget), calendar.elapsed(start, start + budget)

    first = {question: answers(*question) for question in asked}
    for question in data.draw(st.permutations(asked)):
        assert answers(*question) == first[question]
