"""Periods: every day is in one of each kind, and they follow each other without a gap."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reports.pages.periods import KINDS, Days, Kind, before, days_of, last_whole, trend_days, two_months

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
ANY = st.sampled_from(KINDS)
LENGTHS = {"daily": (1, 1), "weekly": (7, 7), "monthly": (28, 31), "quarterly": (90, 92)}


@given(ANY, DAYS)
def test_a_period_holds_its_day_and_touches_the_one_before(kind: Kind, day: date) -> None:
    days, earlier = days_of(kind, day), before(kind, days_of(kind, day))
    assert days.first <= day <= days.last
    assert days_of(kind, days.first) == days_of(kind, days.last) == days
    assert earlier.last + timedelta(days=1) == days.first
    least, most = LENGTHS[kind]
    assert least <= (days.last - days.first).days + 1 <= most


@given(ANY, DAYS)
def test_the_newest_whole_period_is_over_and_the_next_is_not(kind: Kind, today: date) -> None:
    days = last_whole(kind, today)
    assert days.last < today
    assert days_of(kind, days.last + timedelta(days=1)).last >= today


@given(DAYS)
def test_two_months_follow_each_other_and_are_over_with_the_period(day: date) -> None:
    first, second = two_months(days_of("daily", day))
    assert first.last + timedelta(days=1) == second.first
    assert second.last <= day < days_of("monthly", second.last + timedelta(days=1)).last + timedelta(days=1)


def test_a_quarter_is_three_months_and_a_week_begins_on_monday() -> None:
    assert days_of("quarterly", date(2026, 5, 20)) == Days(date(2026, 4, 1), date(2026, 6, 30))
    assert days_of("weekly", date(2026, 3, 1)) == Days(date(2026, 2, 23), date(2026, 3, 1))
    assert two_months(days_of("monthly", date(2026, 3, 5))) == (
        Days(date(2026, 2, 1), date(2026, 2, 28)),
        Days(date(2026, 3, 1), date(2026, 3, 31)),
    )
    assert trend_days(Days(date(2026, 3, 1), date(2026, 3, 31))) == Days(date(2026, 3, 2), date(2026, 3, 31))
