"""Suggestions by rule: what a figure says ought to be done, each beside the figure that says it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from config.figures import FIGURES
from reports.measures.complaints import complaints
from reports.measures.cross import crossed
from reports.measures.figures import read
from reports.measures.response import FIRST, kept
from reports.measures.scores import checks, scores
from reports.measures.standing import reaches, under_goal
from reports.pages.document import Section, Table, percent, rounded
from reports.pages.people import PERSONAL
from reports.pages.view import figure_text, titled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reports.pages.view import View

_TARGETS: Final = {"first_response_compliance": "first_response", "resolution_compliance": "resolution"}
_PROBLEM_OF: Final = {
    "first_response_compliance": "response_overdue",
    "response_time": "response_overdue",
    "interaction_time": "response_overdue",
    "resolution_compliance": "resolution_overdue",
    "resolution_time": "resolution_overdue",
    "resolution_rate": "resolution_overdue",
    "follow_up_kept": "resolution_overdue",
    "closed_in_time": "resolution_overdue",
    "complaint_time": "resolution_overdue",
    "first_contact_resolution": "first_contact",
    "repeat_contacts": "first_contact",
}
"""The class of problems that a figure under its goal belongs to, and with it what the quality file suggests."""


@dataclass(frozen=True)
class Advice:
    """What is suggested, and the sentence with the figure that it follows from."""

    reason: str
    suggestion: str


def suggestions(view: View) -> Section:
    """Every rule's, in their order, each once."""
    say = view.say
    found = dict.fromkeys(advice for rule in RULES for advice in rule(view))
    rows = tuple((advice.reason, advice.suggestion) for advice in found)
    table = Table("suggestions", say("suggestions"), (say("reason"), say("suggestion")), rows)
    return Section(say("suggestions"), (table,), say("suggestions_note", least=view.quality.least_tickets))


def under_their_goal(view: View) -> Iterator[Advice]:
    """A figure that misses its goal; of promises also where most of what is overdue lies."""
    say, quality = view.say, view.quality
    advised = {each.name: each.suggestion[say.language] for each in quality.problems}
    for name, goal in quality.goals.items():
        reading = read(view.now, name)
        if reading.value is None or reading.tickets < quality.least_tickets or reaches(name, reading.value, goal):
            continue
        reason = say(
            "advice_figure",
            name=_name(view, name),
            value=figure_text(name, reading.value),
            goal=figure_text(name, goal),
            tickets=reading.tickets,
        )
        if name in _TARGETS:
            reason = _where(view, reason, _TARGETS[name])
        suggestion = advised[_PROBLEM_OF[name]] if name in _PROBLEM_OF else say("do_figure")
        yield Advice(reason, titled(suggestion))


def _where(view: View, reason: str, target: str) -> str:
    """The type with the most overdue tickets, and how many of them are of the one agent with the most."""
    say = view.say
    found = view.now.grouped(
        "clocks", "count(DISTINCT ticket_id)", ("type", "agent"), f"target = '{target}' AND breached > 0"
    )
    types = [
        (kind, [(count, agent) for (_, agent), (count,) in of_type])
        for kind, of_type in groupby(found.items(), lambda each: each[0][0])
    ]
    if not types:
        return reason
    kind, counts = max(types, key=lambda each: sum(count for count, _ in each[1]))
    most, agent = max(((count, agent) for count, agent in counts if agent is not None), default=(0, ""))
    return say(
        "advice_overdue_of" if most > 1 else "advice_overdue",
        figure=reason,
        overdue=sum(count for count, _ in counts),
        type=say.word(kind) or say("untyped"),
        most=most,
        who=agent if view.audience.sees_agents else say("one_agent"),
    )


def slow_shifts(view: View) -> Iterator[Advice]:
    """A shift whose first responses miss the goal and are kept less often than those of all together."""
    say, quality = view.say, view.quality
    goal = quality.goals.get("first_response_compliance")
    of_all = kept(view.now, FIRST).get(())
    if goal is None or of_all is None or of_all.compliance is None:
        return
    for (shift,), each in kept(view.now, FIRST, ("shift",)).items():
        if shift is None or each.compliance is None or each.tickets < quality.least_tickets:
            continue
        if each.compliance < goal and each.compliance < of_all.compliance:
            reason = say(
                "advice_shift",
                shift=say.word(shift),
                value=f"{percent(each.compliance)}%",
                goal=f"{percent(goal)}%",
                all=f"{percent(of_all.compliance)}%",
            )
            yield Advice(reason, say("do_shift"))


def weak_criteria(view: View) -> Iterator[Advice]:
    """A criterion whose score rate is under that of the flag threshold: what the quality file suggests for it."""
    say, quality = view.say, view.quality
    flag = quality.flag_below / quality.maximum
    scored = scores(view.now).get(())
    criteria = {criterion.name: criterion for criterion in quality.criteria}
    for item in scored.items if scored is not None else ():
        if item.rate is not None and item.scored >= quality.least_tickets and item.rate < flag:
            criterion = criteria[item.name]
            reason = say(
                "advice_criterion",
                criterion=criterion.label[say.language],
                value=f"{percent(item.rate)}%",
                flag=f"{percent(flag)}%",
                tickets=item.scored,
            )
            yield Advice(reason, titled(criterion.suggestion[say.language]))


def skipped_steps(view: View) -> Iterator[Advice]:
    """A step of the procedure that reviewers found left out on a tenth of the tickets or more."""
    say, quality = view.say, view.quality
    labels = {check.name: check.label[say.language] for check in quality.process_checks}
    for each in checks(view.now).get((), ()):
        if each.tickets >= quality.least_tickets and each.failed * 10 >= each.passed + each.failed:
            reason = say("advice_step", step=titled(labels[each.name]), failed=each.failed, tickets=each.tickets)
            yield Advice(reason, say("do_step"))


def unbalanced_agents(view: View) -> Iterator[Advice]:
    """Agents who are fast but poor, good but slow, or neither, with compliance and score; where agents may be named."""
    if not view.audience.sees_agents:
        return
    say = view.say
    found = crossed(view.now, "agent")
    for verdict in ("fast_but_poor", "good_but_slow", "slow_and_poor"):
        named = [
            f"{each.name} ({percent(each.compliance)}%, {rounded(each.score, 2)})"
            for each in found
            if each.quadrant == verdict
        ]
        if named:
            reason = say("advice_quadrant", verdict=titled(say(verdict)), who=", ".join(named))
            yield Advice(reason, say(f"do_{verdict}"))


def long_under_goal(view: View) -> Iterator[Advice]:
    """Agents under a goal for two months running are coached."""
    say = view.say
    for name in PERSONAL:
        found = under_goal(view.months, name)
        if found:
            agents = [each.agent for each in found]
            who = ", ".join(agents) if view.audience.sees_agents else say("some_agents", count=len(agents))
            yield Advice(say("advice_months", who=who, figure=_name(view, name)), say("do_months"))


def more_complaints(view: View) -> Iterator[Advice]:
    """More valid complaints per ticket than in the period before."""
    now, before = (complaints(ground).get(()) for ground in (view.now, view.before))
    if now is None or before is None or now.valid < 2 or min(now.tickets, before.tickets) < view.quality.least_tickets:
        return
    rate, was = now.valid_per_thousand, before.valid_per_thousand
    if rate is not None and was is not None and rate > was:
        reason = view.say("advice_complaints", now=rounded(rate), before=rounded(was))
        yield Advice(reason, view.say("do_complaints"))


RULES: Final[tuple[Callable[[View], Iterator[Advice]], ...]] = (
    under_their_goal,
    slow_shifts,
    weak_criteria,
    skipped_steps,
    unbalanced_agents,
    long_under_goal,
    more_complaints,
)


def _name(view: View, name: str) -> str:
    figure = FIGURES[name]
    return figure.zh if view.say.language == "zh" else titled(figure.en)
