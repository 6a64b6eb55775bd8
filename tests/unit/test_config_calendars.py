"""Calendars of a policy file: holidays and make-up working days are resolved to dates, and dates win over them."""

from datetime import date
from pathlib import Path

import pytest

from config.calendars import BusinessHours, format_hours
from config.policies import read_policy_file
from config.public_holidays import public_days
from streams.calendar import ALWAYS
from streams.instants import HOUR, parse_instant

WEEK = '{mon: ["10:00-12:00"], tue: ["09:00-18:00"], wed: ["09:00-18:00"], thu: ["09:00-18:00"], fri: ["09:00-18:00"]}'


def calendar(tmp_path: Path, rest: str, weekly: str = WEEK, zone: str = "Asia/Shanghai") -> BusinessHours:
    path = tmp_path / "policies.yaml"
    head = f"version: 1\npolicies: [{{name: a, targets: {{}}}}]\ncalendars:\n  office:\n    timezone: {zone}\n"
    path.write_text(f"{head}    weekly: {weekly}\n    {rest}\n", encoding="utf-8")
    return read_policy_file(path).calendars["office"]


def hours_on(hours: BusinessHours, day: str) -> int:
    """Open hours of a local date in Shanghai."""
    start = parse_instant(f"{day}T00:00:00+08:00")
    return hours.calendar.elapsed(start, start + 24 * HOUR) // HOUR


def test_the_built_in_calendar_is_always_there(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text("version: 1\npolicies: [{name: a, targets: {}}]\n")
    assert read_policy_file(path).calendars["24x7"].calendar is ALWAYS


def test_listed_dates_are_closed(tmp_path: Path) -> None:
    hours = calendar(tmp_path, "holidays: [2026-03-03, '2026-03-04']")
    assert [hours_on(hours, f"2026-03-0{day}") for day in (2, 3, 4, 5)] == [2, 0, 0, 9]
    assert hours.calendar.known_until is None


def test_chinas_holidays_are_closed_and_its_make_up_days_open(tmp_path: Path) -> None:
    hours = calendar(tmp_path, "holidays: {country: CN}")
    assert hours_on(hours, "2026-10-01") == 0, "National Day, a Thursday"
    assert hours_on(hours, "2026-10-03") == 0, "the holiday's Saturday"
    assert hours_on(hours, "2026-10-08") == 9, "a Thursday after it"
    assert hours_on(hours, "2026-10-10") == 2, "a Saturday made up for it, with Monday's hours"
    assert hours_on(hours, "2026-10-17") == 0, "any other Saturday"


def test_make_up_days_take_the_hours_of_the_first_open_weekday(tmp_path: Path) -> None:
    hours = calendar(
        tmp_path, "holidays: {country: CN}", weekly='{mon: [], wed: ["09:00-13:00"], sat: ["08:00-22:00"]}'
    )
    assert hours_on(hours, "2026-10-10") == 4
    weekend = calendar(tmp_path, "holidays: {country: CN}", weekly='{sat: ["08:00-22:00"]}')
    assert hours_on(weekend, "2026-10-10") == 14


def test_hours_of_make_up_days_can_be_given(tmp_path: Path) -> None:
    hours = calendar(tmp_path, 'holidays: {country: CN, makeup: ["09:00-12:00", "13:00-18:00"]}')
    assert hours_on(hours, "2026-10-10") == 8
    assert hours_on(hours, "2026-10-05") == 0


def test_chinas_holidays_are_known_until_the_end_of_the_last_year_with_data(tmp_path: Path) -> None:
    hours = calendar(tmp_path, "holidays: {country: CN}")
    known_until = hours.calendar.known_until
    assert known_until is not None
    assert (known_until.month, known_until.day) == (12, 31)
    assert known_until >= date(2026, 12, 31)
    assert max(hours.special) <= known_until
    assert hours_on(hours, f"{known_until.year + 1}-10-01") in (0, 2, 9), "later dates follow the weekly hours"


def test_a_date_of_ones_own_wins_over_a_make_up_day(tmp_path: Path) -> None:
    hours = calendar(tmp_path, "holidays: [2026-10-10, {country: CN}]")
    assert hours_on(hours, "2026-10-10") == 0


def test_an_override_wins_over_everything(tmp_path: Path) -> None:
    rest = """holidays: [{country: CN}, 2026-03-03]
    overrides: {2026-10-01: ["10:00-13:00"], 2026-03-03: "10:00-14:00", 2026-10-10: []}"""
    hours = calendar(tmp_path, rest)
    assert [hours_on(hours, day) for day in ("2026-10-01", "2026-03-03", "2026-10-10")] == [3, 4, 0]


def test_other_countries_and_their_parts(tmp_path: Path) -> None:
    whole = calendar(tmp_path, "holidays: {country: DE}", zone="Europe/Berlin")
    bavaria = calendar(tmp_path, "holidays: [{country: DE, subdiv: BY}, 2026-12-31]", zone="Europe/Berlin")
    unity, epiphany, new_years_eve = date(2028, 10, 3), date(2026, 1, 6), date(2026, 12, 31)
    assert unity in whole.special
    assert epiphany not in whole.special
    assert {unity, epiphany, new_years_eve} <= bavaria.special.keys()


def test_several_countries_are_known_as_long_as_the_first_to_end(tmp_path: Path) -> None:
    hours = calendar(tmp_path, "holidays: [{country: CN}, {country: DE}]")
    assert hours.calendar.known_until == public_days("CN").known_until
    assert hours.countries == ("CN", "DE")


@pytest.mark.filterwarnings("error")
def test_partial_years_end_what_is_known_and_warn_nobody() -> None:
    india = public_days("IN")
    assert 2030 <= india.known_until.year < 2100
    assert public_days("US").known_until.year >= 2060


def test_touching_segments_do_not_overlap(tmp_path: Path) -> None:
    hours = calendar(tmp_path, "", weekly='{mon: ["12:00-18:00", "09:00-12:00"], tue: ["00:00-24:00"]}')
    assert format_hours(hours.weekly[0]) == "09:00-12:00, 12:00-18:00"
    assert hours_on(hours, "2026-03-02") == 9
    assert hours_on(hours, "2026-03-03") == 24
