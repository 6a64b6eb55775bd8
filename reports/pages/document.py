"""A report as its parts: sections of tables, from which HTML, workbook and CSV are all written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

Cell = str | int | Decimal | datetime | date | None
"""Texts are shown as they are, never read as anything else; a Decimal with the digits it has; None as a dash.

Datetimes are local times of the report's zone.
"""


@dataclass(frozen=True)
class Panel:
    """One line of a chart: a column of the table over the first one, and the goal it is held against."""

    column: int
    goal: Decimal | None = None


@dataclass(frozen=True)
class Table:
    """Rows under headings. A flagged row is set off, and one of its cells says why in words."""

    name: str
    """Of the CSV file: letters, digits and `-`."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    flagged: frozenset[int] = frozenset()
    note: str = ""
    panels: tuple[Panel, ...] = ()
    """What is drawn of it; the page then keeps the rows folded away."""


@dataclass(frozen=True)
class Section:
    title: str
    tables: tuple[Table, ...]
    note: str = ""


@dataclass(frozen=True)
class Document:
    """A whole report. `facts` are (label, text) pairs: period, team, made at, who may read it."""

    language: str
    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    reach: str
    """Who may read it, on every page."""
    made_at: datetime
    sections: tuple[Section, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for section in self.sections for table in section.tables)


def rounded(value: float | None, digits: int = 1) -> Decimal | None:
    """A figure as it is shown, half to even; None stays None."""
    if value is None:
        return None
    return Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN) + 0  # no -0.0


def percent(share: float | None) -> Decimal | None:
    """A share of one in per cent, one digit."""
    return rounded(share * 100 if share is not None else None)


def minutes(seconds: float | None) -> Decimal | None:
    """Seconds in minutes, one digit."""
    return rounded(seconds / 60 if seconds is not None else None)


def hours(seconds: float | None) -> Decimal | None:
    """Seconds in hours, one digit."""
    return rounded(seconds / 3600 if seconds is not None else None)
