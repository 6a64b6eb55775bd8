"""The quality and the goals file in plain words, for people who check what they wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.figures import FIGURES
from streams.instants import SECOND, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from config.goals import Goal
    from config.quality import Level, Quality, Shift


def quality_lines(quality: Quality, file: str) -> Iterator[str]:
    """A quality file in words."""
    yield f"{file}: OK, {len(quality.criteria)} criteria; a total is of {quality.maximum}, {_flag(quality)}"
    weights = sum(criterion.weight for criterion in quality.criteria)
    for criterion in quality.criteria:
        manual = ", ".join(map(str, sorted(criterion.anchors, reverse=True)))
        described = f"; described for {manual}" if manual else "; without a description of its scores"
        label = " / ".join(dict.fromkeys(criterion.label.values()))
        yield f"  {criterion.name} ({label}): {criterion.weight / weights:.0%} of the total{described}"
    yield f"  a score of {quality.weak} or less is a problem"
    yield f"  on fewer than {quality.least_tickets} tickets nobody is judged"
    yield f"  {quality.sample_share:.0%} are drawn for checking, {quality.sample_daily:.0%} a day for quality"
    for name, goal in quality.goals.items():
        yield f"  goal: {FIGURES[name].en} {shown_value(name, goal)}"
    if quality.shifts:
        yield f"Shifts in {quality.timezone}: {', '.join(map(_shift, quality.shifts))}"
    if quality.complexity:
        yield "Complexity, the first that fits a ticket"
        for each in quality.complexity:
            asked = [f"{name} {' or '.join(sorted(values))}" for name, values in each.when.items()]
            yield f"  {each.name}: {'; '.join(asked) or 'every other ticket'}"
    yield from (f"Daily volume of {level.name} agents: {_level(level)}" for level in quality.levels)
    for season in quality.seasons:
        yield f"Season {season.name}, {season.first} to {season.last}: {season.factor / 1000:g} times that"


def goal_lines(goals: Sequence[Goal], file: str) -> Iterator[str]:
    """A goals file in words."""
    yield f"{file}: OK, {len(goals)} {'goal' if len(goals) == 1 else 'goals'}"
    for goal in goals:
        who = f"agent {goal.agent}" if goal.agent else f"team {goal.team}" if goal.team else "everybody"
        way = f"from {shown_value(goal.what, goal.before)} to {shown_value(goal.what, goal.to)}"
        owner = f", looked after by {goal.owner}" if goal.owner else ""
        yield f"  {who}: {FIGURES[goal.what].en} {way}, {goal.since} to {goal.by}{owner}"


def shown_value(figure: str, value: float) -> str:
    """A figure's value as files write it: 90%, 4.2, 15m."""
    match FIGURES[figure].unit:
        case "share":
            return f"{100 * value:g}%"
        case "seconds":
            return format_duration(round(value * SECOND))
        case _:
            return f"{value:g}"


def _flag(quality: Quality) -> str:
    return f"under {quality.flag_below} it is flagged" if quality.flag_below else "none is flagged"


def _shift(shift: Shift) -> str:
    return f"{shift.name} {_clock(shift.start)}-{_clock(shift.end)}"


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}"


def _level(level: Level) -> str:
    much = f"{level.least} tickets or more" if level.most is None else f"{level.least} to {level.most} tickets"
    who = "all others" if level.agents is None else ", ".join(sorted(level.agents)) or "nobody so far"
    return f"{much} ({who})"
