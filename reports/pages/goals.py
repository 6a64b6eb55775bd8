"""Goals that were set, and how they stand on the report's last day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.measures.standing import standing
from reports.pages.document import Section, Table, rounded
from reports.pages.view import figure_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from config.goals import Goal
    from reports.pages.document import Cell
    from reports.pages.view import View


def goals(view: View, given: Iterable[Goal]) -> Section:
    """A row a goal of the report's scope; those of single agents only for those who may see them."""
    say, audience, scope = view.say, view.audience, view.now.scope
    rows: list[tuple[Cell, ...]] = []
    flagged = set()
    for goal in given:
        if (goal.agent is not None and not audience.sees_agents) or (
            scope.agent not in (None, goal.agent) or (scope.team is not None and goal.team != scope.team)
        ):
            continue
        found = standing(view.now.connection, goal, view.quality, view.now.period.until)
        if found.state == "missed":
            flagged.add(len(rows))
        rows.append(
            (
                goal.agent or goal.team or say("everybody"),
                view.figure_name(goal.what),
                figure_value(goal.what, goal.before),
                figure_value(goal.what, goal.to),
                figure_value(goal.what, found.reading.value),
                rounded(found.way * 100, 0) if found.way is not None else None,
                goal.by,
                goal.owner,
                say(found.state),
                found.reading.tickets,
            )
        )
    columns = ("who", "figure", "from", "to", "now", "way", "by_when", "owner", "stands", "on_cases")
    table = Table("goals", say("goals"), tuple(map(say, columns)), tuple(rows), frozenset(flagged))
    return Section(say("goals"), (table,))
