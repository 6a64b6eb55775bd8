"""The clock by which a ticket presses most, as people are shown it: overdue longest, else due next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.alert_record import alert_id
from streams.facts import Acknowledged, Mark
from streams.policies import TARGETS
from streams.queue import missed_at

if TYPE_CHECKING:
    from streams.clocks import Clock
    from streams.fold import State
    from streams.ticket import Ticket


class Pressing(NamedTuple):
    """A ticket that is not done and one of its clocks; instants in microseconds.

    `deadline`: missed, where `overdue`, else to come. `alert_id`: of the breach that was announced and holds.
    `taken`: the first acknowledgement of it.
    """

    target: str
    deadline: int
    overdue: bool
    alert_id: str | None
    taken: Acknowledged | None


def pressing(ticket_id: str, kept: Ticket) -> Pressing | None:
    """By the clocks as they were seen when the ticket was last settled; None where it is done, or nothing is due."""
    state = kept.state
    if state is None or state.done:
        return None
    found: tuple[bool, int, Clock] | None = None
    for clock in state.open_clocks():
        breached = clock.overdue(kept.settled_at, state.last_at)
        deadline = clock.deadline if breached is None else missed_at(clock, breached)
        if deadline is None or (breached is None and clock.since is None):
            continue
        if found is None or (breached is None, deadline) < found[:2]:
            found = (breached is None, deadline, clock)
    if found is None:
        return None
    in_time, deadline, clock = found
    announced = _announced(kept, clock)
    ids = [alert_id(ticket_id, mark) for mark in announced]
    raised = next((name for mark, name in zip(announced, ids, strict=True) if mark.level == "breach"), None)
    return Pressing(TARGETS[clock.target], deadline, not in_time, raised, _taken(state, ids))


def _announced(kept: Ticket, clock: Clock) -> list[Mark]:
    """The breach of a clock and its escalations, as far as they were announced and not taken back."""
    return [
        mark
        for mark in kept.marks
        if not mark.corrected
        and (mark.target, mark.cycle) == (clock.target, clock.cycle)
        and mark.level in ("breach", "escalation")
    ]


def _taken(state: State, ids: list[str]) -> Acknowledged | None:
    return next((fact for fact in state.acknowledged if fact.alert_id in ids), None)
