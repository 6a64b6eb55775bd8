"""Figures by shift, complexity and type, by criterion and step, and how far reviewers agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.measures.agreement import agreement
from reports.measures.cross import crossed
from reports.measures.response import FIRST, kept, overdue
from reports.measures.scores import checks, scores
from reports.pages.document import Section, Table, minutes, percent, rounded
from reports.pages.view import titled

if TYPE_CHECKING:
    from reports.measures.cross import Crossed
    from reports.pages.document import Cell
    from reports.pages.view import View


def comparisons(view: View) -> Section:
    """What differs by kind of work, none of it by person."""
    found = [_by(view, "shift"), _by(view, "complexity"), most_overdue(view, "type", "by_type")]
    found += [speed_and_quality(view, "type"), _items(view)]
    if view.audience.compares_agents:
        found.append(_agreement(view))
    return Section(view.say("comparisons"), tuple(found), view.say("comparisons_note"))


def _by(view: View, dimension: str) -> Table:
    say = view.say
    first, reviewed = kept(view.now, FIRST, (dimension,)), scores(view.now, (dimension,))
    rows: list[tuple[Cell, ...]] = []
    for key in sorted({*first, *reviewed}, key=lambda key: (key[0] is None, key[0] or "")):
        one, other = first.get(key), reviewed.get(key)
        rows.append(
            (
                say.word(key[0]) or say("not_known"),
                one.tickets if one is not None else 0,
                minutes(one.mean) if one is not None else None,
                percent(one.compliance) if one is not None else None,
                rounded(other.mean, 2) if other is not None else None,
                other.tickets if other is not None else 0,
            )
        )
    columns = (dimension, "judged_tickets", "mean_response", "response_compliance", "average_score", "scored")
    return Table(f"by-{dimension}", say(f"by_{dimension}"), tuple(map(say, columns)), tuple(rows))


def most_overdue(view: View, dimension: str, title: str) -> Table:
    """The TOP 3 of overtime by type or by agent."""
    say = view.say
    rows: list[tuple[Cell, ...]] = [
        (say.word(each.name) or say("not_known"), each.overdue, each.tickets, percent(each.overdue / each.tickets))
        for each in overdue(view.now, dimension)
    ]
    columns = (dimension, "overdue_count", "judged_tickets", "overdue_share")
    return Table(f"overdue-by-{dimension}", say(title), tuple(map(say, columns)), tuple(rows))


def speed_and_quality(view: View, dimension: str) -> Table:
    """交叉分析, by agent or by type: which of both is wanting, on enough tickets alone."""
    say = view.say
    found = crossed(view.now, dimension)
    rows: list[tuple[Cell, ...]] = [
        (
            say.word(each.name),
            percent(each.compliance),
            each.judged,
            rounded(each.score, 2),
            each.reviewed,
            rounded(each.rating, 2),
            each.rated,
            _verdict(view, each),
        )
        for each in found
    ]
    columns = (
        dimension, "response_compliance", "judged_tickets", "average_score", "scored", "average_rating", "rated",
        "verdict",
    )  # fmt: skip
    flagged = frozenset(index for index, each in enumerate(found) if each.quadrant not in (None, "fast_and_good"))
    name = f"speed-and-quality-by-{dimension}"
    return Table(name, say(f"crossed_by_{dimension}"), tuple(map(say, columns)), tuple(rows), flagged)


def _verdict(view: View, each: Crossed) -> str:
    said = [view.say(each.quadrant)] if each.quadrant is not None else []
    if each.kept_but_dissatisfied:
        said.append(view.say("kept_but_dissatisfied"))
    return "; ".join(said) or view.say("too_few")


def _items(view: View) -> Table:
    say, language, quality = view.say, view.say.language, view.quality
    scored = scores(view.now).get(())
    labels = {criterion.name: titled(criterion.label[language]) for criterion in quality.criteria}
    labels |= {check.name: titled(check.label[language]) for check in quality.process_checks}
    rows: list[tuple[Cell, ...]] = [
        (labels[item.name], percent(item.rate), item.scored) for item in (scored.items if scored is not None else ())
    ]
    rows += [(labels[each.name], percent(each.share), each.tickets) for each in checks(view.now).get((), ())]
    columns = ("criterion", "rate", "on_cases")
    return Table("items", say("items"), tuple(map(say, columns)), tuple(row for row in rows if row[2]))


def _agreement(view: View) -> Table:
    say = view.say
    labels = {each.name: titled(each.label[say.language]) for each in view.quality.criteria}
    rows: list[tuple[Cell, ...]] = [
        (
            " / ".join(each.reviewers),
            labels[each.criterion],
            each.tickets,
            rounded(each.difference, 2),
            rounded(each.kappa, 2),
        )
        for each in agreement(view.now)
    ]
    columns = ("reviewers", "criterion", "common", "difference", "kappa")
    return Table("calibration", say("agreement"), tuple(map(say, columns)), tuple(rows))
