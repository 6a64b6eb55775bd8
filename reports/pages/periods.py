"""The days that a report is about: a day, a week from Monday, a month, a quarter, and the one before."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, get_args

Kind = Literal["daily", "weekly", "monthly", "quarterly"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_MONTHS: Final = {"monthly": 1, "quarterly": 3}


@dataclass(frozen=True)
class Days:
    """From the first day to the last, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}_{self.last}"


def days_of(kind: Kind, day: date) -> Days:
    """The period of this kind that holds a day."""
    if kind == "daily":
        return Days(day, day)
    if kind == "weekly":
        monday = day - timedelta(days=day.weekday())
        return Days(monday, monday + timedelta(days=6))
    months = _MONTHS[kind]
    month = day.month - (day.month - 1) % months
    last = month + months - 1
    return Days(date(day.year, month, 1), date(day.year, last, monthrange(day.year, last)[1]))


def before(kind: Kind, days: Days) -> Days:
    """The period of the same kind just before."""
    return days_of(kind, days.first - timedelta(days=1))


def last_whole(kind: Kind, today: date) -> Days:
    """The newest period of this kind that is over on a day."""
    return before(kind, days_of(kind, today))


def two_months(days: Days) -> tuple[Days, Days]:
    """The newest two calendar months that are over with the last of these days."""
    newest = last_whole("monthly", days.last + timedelta(days=1))
    return before("monthly", newest), newest


def trend_days(days: Days, count: int = 30) -> Days:
    """The days of the trend, which ends with the period."""
    return Days(days.last - timedelta(days=count - 1), days.last)
