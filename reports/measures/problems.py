"""Problem classes: what went wrong how often, with whom, and what is suggested (table 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.measures.response import INTERACTIONS
from reports.measures.things import score_column

if TYPE_CHECKING:
    from config.quality import Words
    from reports.measures.ground import Ground

_WHO = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Tickets with a class of problem, their share of all classes' counts, and the agents with the most of them."""

    name: str
    label: Words
    suggestion: Words
    tickets: int
    share: float
    agents: tuple[tuple[str, int], ...]


def problems(ground: Ground) -> list[Problem]:
    """Table 3 (问题分类汇总表), the most frequent first; share (占总问题比例) = a class's tickets / all classes'.

    A late response or resolution is a breached clock; a ticket not solved at first contact is one resolved otherwise;
    a criterion's problem is a score up to `weak` in it. A ticket counts once in a class, and in each that it is in.
    """
    quality = ground.quality
    late = f"target IN ({', '.join(map(repr, INTERACTIONS))}) AND breached > 0"
    queries = {
        "response_overdue": ("clocks", late),
        "resolution_overdue": ("clocks", "target = 'resolution' AND breached > 0"),
        "first_contact": ("resolved", "NOT first_contact"),
    }
    classes = [(each.name, each.label, each.suggestion, *queries[each.name]) for each in quality.problems]
    classes += [
        (each.name, each.problem, each.suggestion, "reviews", f"{score_column(each.name)} <= {quality.weak}")
        for each in quality.criteria
    ]
    counted = []
    for name, label, suggestion, thing, where in classes:
        ((tickets,),) = ground.grouped(thing, "count(DISTINCT ticket_id)", (), where).values()
        agents = ground.grouped(thing, "count(DISTINCT ticket_id)", ("agent",), f"agent IS NOT NULL AND {where}")
        most = sorted(
            ((agent, count) for (agent,), (count,) in agents.items() if agent), key=lambda one: (-one[1], one)
        )
        counted.append((name, label, suggestion, tickets, tuple(most[:_WHO])))
    total = sum(tickets for _, _, _, tickets, _ in counted)
    found = [Problem(*each[:4], each[3] / total, each[4]) for each in counted if each[3]]
    return sorted(found, key=lambda each: -each.tickets)
