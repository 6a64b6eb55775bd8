"""Figures of single agents, for supervisors alone: who needs help, who is best, and on how many tickets that stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.measures.cross import best_scored, fastest
from reports.measures.response import FIRST, kept
from reports.measures.standing import under_goal
from reports.measures.volume import agent_volumes
from reports.pages.comparisons import most_overdue, speed_and_quality
from reports.pages.document import Section, Table, minutes, percent, rounded
from reports.pages.view import figure_value

if TYPE_CHECKING:
    from reports.pages.document import Cell
    from reports.pages.view import View

PERSONAL = ("first_response_compliance", "resolution_compliance", "average_score", "average_rating")
"""Figures by which an agent may be under goal for two months."""


def people(view: View) -> Section:
    """All that compares agents with each other."""
    found = (
        _best(view),
        _under_goal(view),
        most_overdue(view, "agent", "most_overdue"),
        speed_and_quality(view, "agent"),
        _like_with_like(view),
        _volume(view),
    )
    return Section(view.say("people"), found, view.say("people_note", least=view.quality.least_tickets))


def _best(view: View) -> Table:
    say = view.say
    rows: list[tuple[Cell, ...]] = []
    for award, name, best in (
        ("fastest", "first_response_compliance", fastest(view.now)),
        ("best_scored", "average_score", best_scored(view.now)),
    ):
        if best is not None:
            for agent, tickets in zip(best.agents, best.tickets, strict=True):
                rows.append((say(award), agent, view.figure_name(name), figure_value(name, best.value), tickets))
    columns = ("award", "agent", "figure", "value", "on_cases")
    return Table("best", say("best"), tuple(map(say, columns)), tuple(rows))


def _under_goal(view: View) -> Table:
    say = view.say
    rows: list[tuple[Cell, ...]] = []
    for name in PERSONAL:
        for each in under_goal(view.months, name):
            first, second = each.readings
            rows.append(
                (
                    each.agent,
                    view.figure_name(name),
                    figure_value(name, each.goal),
                    figure_value(name, first.value),
                    first.tickets,
                    figure_value(name, second.value),
                    second.tickets,
                )
            )
    starts = [view.local(ground.period.since) for ground in view.months]
    before, newest = (f"{start:%Y-%m}" for start in starts if start is not None)
    on = say("on_cases")
    columns = (say("agent"), say("figure"), say("goal_column"), before, on, newest, on)
    return Table("under-goal", say("under_goal"), columns, tuple(rows), frozenset(range(len(rows))))


def _like_with_like(view: View) -> Table:
    say = view.say
    found = kept(view.now, FIRST, ("complexity", "agent"))
    rows: list[tuple[Cell, ...]] = [
        (
            say.word(complexity) or say("not_known"),
            agent,
            each.tickets,
            minutes(each.mean),
            percent(each.compliance),
        )
        for (complexity, agent), each in found.items()
        if agent is not None
    ]
    columns = ("complexity", "agent", "judged_tickets", "mean_response", "response_compliance")
    return Table("agents-by-complexity", say("like_with_like"), tuple(map(say, columns)), tuple(rows))


def _volume(view: View) -> Table:
    say = view.say
    rows: list[tuple[Cell, ...]] = []
    for each in agent_volumes(view.now):
        expected = "–".join(f"{rounded(bound, 0)}" for bound in (each.least, each.most) if bound is not None)
        rows.append(
            (
                each.agent,
                say.word(each.level),
                each.days,
                each.handled,
                rounded(each.per_day),
                expected or None,
                say(each.load) if each.load is not None else None,
            )
        )
    columns = ("agent", "level", "days_worked", "handled", "per_day", "expected", "load")
    return Table("daily-volume", say("volume"), tuple(map(say, columns)), tuple(rows))
