"""The report's first page: the core figures against goal and the period before, and thirty days of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from config.figures import FIGURES
from reports.measures import contacts
from reports.measures.figures import MEASURED, read
from reports.measures.response import FIRST, kept
from reports.measures.standing import reaches
from reports.pages.document import Panel, Section, Table, hours, minutes, percent
from reports.pages.view import figure_value

if TYPE_CHECKING:
    from reports.pages.document import Cell
    from reports.pages.periods import Days
    from reports.pages.view import View


def core(view: View) -> Section:
    """Each figure that there is anything to say of, beside its goal and what it was before."""
    say = view.say
    rows: list[tuple[Cell, ...]] = []
    flagged = set()
    for name in MEASURED:
        now, before = read(view.now, name), read(view.before, name)
        goal = view.quality.goals.get(name)
        if now.value is None and before.value is None:
            continue
        met = None if goal is None or now.value is None else reaches(name, now.value, goal)
        if met is False:
            flagged.add(len(rows))
        shown, was = figure_value(name, now.value), figure_value(name, before.value)
        rows.append(
            (
                view.figure_name(name),
                shown,
                figure_value(name, goal),
                view.yes(met),
                was,
                None if shown is None or was is None else shown - was,
                now.tickets,
            )
        )
    columns = ("figure", "this_period", "goal_column", "goal_met", "period_before", "change", "on_cases")
    table = Table("core", say("core"), tuple(map(say, columns)), tuple(rows), frozenset(flagged))
    return Section(say("core"), (table,), say("core_note"))


def trend(view: View, days: Days) -> Section:
    """A row a day: response time, resolution time and how promises were kept; two of them drawn."""
    say = view.say
    created = contacts.created(view.trend, ("day",))
    first, resolution = kept(view.trend, FIRST, ("day",)), kept(view.trend, ("resolution",), ("day",))
    rows: list[tuple[Cell, ...]] = []
    for offset in range((days.last - days.first).days + 1):
        day = days.first + timedelta(days=offset)
        key = (day.isoformat(),)
        answered, solved = first.get(key), resolution.get(key)
        rows.append(
            (
                day,
                created[key].tickets if key in created else 0,
                minutes(answered.mean) if answered is not None else None,
                percent(answered.compliance) if answered is not None else None,
                hours(solved.mean) if solved is not None else None,
                percent(solved.compliance) if solved is not None else None,
            )
        )
    goals = view.quality.goals
    columns = (
        "day", "tickets", "mean_response", "response_compliance", "mean_resolution", "resolution_compliance",
    )  # fmt: skip
    panels = (
        Panel(2, minutes(goals.get("response_time"))),
        Panel(3, percent(goals.get("first_response_compliance"))),
    )
    table = Table("trend", say("trend"), tuple(map(say, columns)), tuple(rows), note=say("trend_note"), panels=panels)
    return Section(say("trend"), (table,))


assert set(FIGURES) == set(MEASURED)
