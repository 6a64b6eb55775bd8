"""How goals stand, and who is under one for two months running."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from config.figures import FIGURES
from reports.measures.figures import MEASURED, read
from reports.measures.ground import Ground, Period, Reading, Scope
from streams.instants import from_datetime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import duckdb

    from config.goals import Goal
    from config.quality import Quality

State = Literal["reached", "on_the_way", "missed", "too_few", "not_begun"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A goal, what its figure is in the time since it was set, and whether that is where it is to be."""

    goal: Goal
    reading: Reading
    state: State

    @property
    def way(self) -> float | None:
        """The share of the way from the goal's `before` to its `to` that is done; under 0: it went back."""
        value = self.reading.value
        return None if value is None else (value - self.goal.before) / (self.goal.to - self.goal.before)


@dataclass(frozen=True, slots=True)
class UnderGoal:
    """An agent whose figure is under its goal in every one of some periods; the readings in their order."""

    agent: str
    figure: str
    goal: float
    readings: tuple[Reading, ...]


def standing(connection: duckdb.DuckDBPyConnection, goal: Goal, quality: Quality, now: int) -> Standing:
    """How a goal stands at an instant: its figure over the days from `since` on, up to `by` or now.

    reached: at the goal or better; else missed once `by` is over, before that on the way; too few: under
    `least_tickets`, when nothing is said.
    """
    period = Period(day_begins(goal.since, quality), min(day_begins(goal.by + timedelta(days=1), quality), now))
    if period.until <= period.since:
        return Standing(goal, Reading(None, 0), "not_begun")
    with Ground(connection, period, Scope(team=goal.team, agent=goal.agent), quality) as ground:
        reading = read(ground, goal.what)
    state: State
    if reading.value is None or reading.tickets < quality.least_tickets:
        state = "too_few"
    elif reaches(goal.what, reading.value, goal.to):
        state = "reached"
    else:
        state = "missed" if now >= day_begins(goal.by + timedelta(days=1), quality) else "on_the_way"
    return Standing(goal, reading, state)


def reaches(figure: str, value: float, goal: float) -> bool:
    """Whether a figure's value is as good as its goal."""
    return value >= goal if FIGURES[figure].more_is_better else value <= goal


def under_goal(grounds: Sequence[Ground], figure: str) -> list[UnderGoal]:
    """The agents who miss a figure's goal in every ground, on enough tickets in each: of two months, two running.

    Source: 连续两个月未达标, who are coached.
    """
    goal = grounds[0].quality.goals.get(figure)
    if goal is None:
        return []
    each = [MEASURED[figure](ground, ("agent",)) for ground in grounds]
    found = []
    for key in sorted(key for key in each[0] if key[0] is not None):
        readings = [readings.get(key, Reading(None, 0)) for readings in each]
        if all(
            value is not None and tickets >= ground.quality.least_tickets and not reaches(figure, value, goal)
            for (value, tickets), ground in zip(readings, grounds, strict=True)
        ):
            assert key[0] is not None
            found.append(UnderGoal(key[0], figure, goal, tuple(readings)))
    return found


def day_begins(day: date, quality: Quality) -> int:
    """The instant at which a day begins, by the quality file's zone."""
    return from_datetime(datetime.combine(day, time(), ZoneInfo(quality.timezone)))
