"""What is seen of a partition at one instant: plain figures of its own, which another thread may add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from streams.queue import RISKS
from streams.windows import WINDOWS

if TYPE_CHECKING:
    from agents.partition import TicketPartition
    from streams.queue import Line
    from streams.windows import Cell, Key, Labels, Snapshot

STATES = ("open", "unanswered", "waiting", "on_customer", "on_hold", "overdue")


class Waiting(NamedTuple):
    """The queue of one team, priority and channel: tickets by state and by risk, and the longest wait's begin."""

    states: dict[str, int]
    risks: dict[str, int]
    since: int | None


@dataclass(frozen=True)
class Seen:
    """A partition's windows, its queue, its agents by (team, status), and how many tickets it keeps."""

    taken: Snapshot
    queue: dict[Labels, Waiting]
    staff: Counter[tuple[str, str]]
    tickets: int
    orphans: int

    @cached_property
    def windows(self) -> dict[str, dict[Key, Cell]]:
        """By window's name. Added up when first asked for: not on the loop that applies events."""
        return {window.name: self.taken.sums(window) for window in WINDOWS}


def look(partition: TicketPartition, now: int) -> Seen:
    """What there is to see; its cost follows the numbers of labels and agents, not of tickets."""
    return Seen(
        taken=partition.windows.snapshot(),
        queue={where: _waiting(line, now) for where, line in partition.queue.lines.items()},
        staff=Counter((member.team or "", member.status) for member in partition.staff.values()),
        tickets=partition.tickets,
        orphans=partition.orphans,
    )


def _waiting(line: Line, now: int) -> Waiting:
    return Waiting(
        states={state: getattr(line, state) for state in STATES},
        risks={name: line.at_risk(now, within) for name, within in RISKS.items()},
        since=line.oldest(),
    )
