"""What every part of a report is made from: the periods' measures, the language, and who it is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from config.figures import FIGURES
from reports.pages.document import hours, minutes, percent, rounded
from streams.instants import to_datetime

if TYPE_CHECKING:
    from decimal import Decimal

    from config.quality import Quality
    from reports.measures.ground import Ground
    from reports.pages.audience import Audience
    from reports.pages.labels import Labels

_IN_HOURS: Final = ("resolution_time", "complaint_time")


@dataclass(frozen=True)
class View:
    """A report's material. `rows`: at most so many rows in a table of tickets."""

    now: Ground
    before: Ground
    trend: Ground
    months: tuple[Ground, Ground]
    say: Labels
    audience: Audience
    rows: int

    @property
    def quality(self) -> Quality:
        return self.now.quality

    def local(self, instant: int | None) -> datetime | None:
        """An instant as the clock on the wall shows it, to the second."""
        if instant is None:
            return None
        there = to_datetime(instant).astimezone(ZoneInfo(self.quality.timezone))
        return there.replace(tzinfo=None, microsecond=0)

    def yes(self, value: bool | None) -> str | None:
        return None if value is None else self.say("yes" if value else "no")

    def agents(self, counts: tuple[tuple[str, int], ...]) -> str:
        """Agents with how many tickets each."""
        return ", ".join(f"{agent} ({count})" for agent, count in counts)

    def figure_name(self, name: str) -> str:
        """What a figure is called, with what it is counted in."""
        figure = FIGURES[name]
        spoken = figure.zh if self.say.language == "zh" else titled(figure.en)
        if figure.unit == "share":
            return self.say("share", name=spoken)
        if figure.unit == "seconds":
            return self.say("hours" if name in _IN_HOURS else "minutes", name=spoken)
        return spoken


def figure_value(name: str, value: float | None) -> Decimal | None:
    """A figure's value as `View.figure_name` says: per cent, minutes, hours; scores with two digits."""
    unit = FIGURES[name].unit
    if unit == "share":
        return percent(value)
    if unit == "seconds":
        return hours(value) if name in _IN_HOURS else minutes(value)
    return rounded(value, 2)


def figure_text(name: str, value: float | None) -> str:
    """A figure's value inside a sentence."""
    shown = figure_value(name, value)
    unit = FIGURES[name].unit
    if shown is None:
        return "–"
    if unit == "share":
        return f"{shown}%"
    if unit == "seconds":
        return f"{shown} h" if name in _IN_HOURS else f"{shown} min"
    return f"{shown}"


def as_day(text: str | None) -> date | None:
    """A day as measures write it."""
    return None if text is None else date.fromisoformat(text)


def titled(text: str) -> str:
    """With its first letter large, as a heading or a sentence begins."""
    return text[:1].upper() + text[1:]
