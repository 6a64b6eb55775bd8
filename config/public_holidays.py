"""Public holidays and make-up working days of a country, and until when they are known."""

from __future__ import annotations

import warnings
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import chinese_calendar
import holidays

from config.errors import shown, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_YEAR, LAST_YEAR = 1970, 2100


class PublicDays(NamedTuple):
    """Dates with their names: `closed` are holidays, `makeup` are weekend days on which people work."""

    closed: Mapping[date, str]
    makeup: Mapping[date, str]
    known_until: date


@cache
def public_days(country: str, subdivision: str | None = None) -> PublicDays:
    """The public holidays of a country (ISO 3166 alpha-2) or of a subdivision of it.

    China's are the State Council's, make-up working days included, published a year at a time. Raises
    ValueError for a country or a subdivision without data.
    """
    countries = holidays.list_supported_countries(include_aliases=False)
    if country not in countries:
        known = suggestion(country, countries) if country.upper() in countries else ""
        remedy = known or " (write a two-letter ISO 3166 code)"
        raise ValueError(f"no holidays are known of {shown(country)}{remedy}")
    if country == "CN":
        if subdivision is not None:
            raise ValueError("China's public holidays are those of the whole country (leave subdiv out)")
        return _china()
    subdivisions = countries[country]
    if subdivision is not None and subdivision not in subdivisions:
        remedy = suggestion(subdivision, subdivisions)
        raise ValueError(f"{country} has no subdivision {shown(subdivision)}{remedy}")
    return _elsewhere(country, subdivision)


def _china() -> PublicDays:
    closed: dict[date, str] = chinese_calendar.holidays
    makeup: dict[date, str] = chinese_calendar.workdays
    return PublicDays(closed, makeup, known_until=date(max(day.year for day in closed), 12, 31))


def _elsewhere(country: str, subdivision: str | None) -> PublicDays:
    entity = holidays.country_holidays(country, subdiv=subdivision)
    closed: dict[date, str] = {}
    known_until = FIRST_YEAR
    for year in range(max(entity.start_year, FIRST_YEAR), min(entity.end_year, LAST_YEAR) + 1):
        # A country whose holidays follow the moon warns in the years for which it has only a part of them.
        with warnings.catch_warnings(record=True) as partial:
            warnings.simplefilter("always")
            closed.update(holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False))
        if not partial:
            known_until = year
    return PublicDays(closed, {}, known_until=date(known_until, 12, 31))
