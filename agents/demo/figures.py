"""What the screen's tables show, read from the partitions: the queue by team, and how well the promises are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.policies import TARGETS
from streams.queue import RISKS
from streams.windows import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.partition import TicketPartition
    from streams.windows import Cell

AT_RISK = "15m"
"""Of the domain's spans of risk, the one that is shown."""


@dataclass(slots=True)
class Row:
    """A team's queue: tickets, and since when the longest has waited (microseconds)."""

    open: int = 0
    unanswered: int = 0
    waiting: int = 0
    at_risk: int = 0
    overdue: int = 0
    since: int | None = None

    def add(self, other: Row) -> None:
        """Count another row in."""
        self.open += other.open
        self.unanswered += other.unanswered
        self.waiting += other.waiting
        self.at_risk += other.at_risk
        self.overdue += other.overdue
        if other.since is not None:
            self.since = other.since if self.since is None else min(self.since, other.since)


@dataclass(slots=True)
class Kept:
    """Clocks judged and met in a window; an exact ratio, never a mean of ratios."""

    judged: int = 0
    met: int = 0

    def add(self, cell: Cell) -> None:
        """Count a window's cell in."""
        self.judged += cell.count
        self.met += cell.met

    @property
    def compliance(self) -> float | None:
        """From 0 to 1; None where nothing was judged."""
        return self.met / self.judged if self.judged else None


@dataclass(slots=True)
class Promise:
    """How well a target is kept."""

    hour: Kept = field(default_factory=Kept)
    day: Kept = field(default_factory=Kept)


@dataclass(slots=True)
class Figures:
    """All of them as of one instant."""

    teams: dict[str, Row] = field(default_factory=dict)
    total: Row = field(default_factory=Row)
    promises: dict[str, Promise] = field(default_factory=dict)
    """By target, in the domain's order; those that were judged today."""


def read(partitions: Iterable[TicketPartition], now: int) -> Figures:
    """The figures of the partitions given, which nobody changes meanwhile."""
    teams: dict[str, Row] = {}
    promises = {target: Promise() for target in TARGETS}
    for partition in partitions:
        for (team, _, _), line in partition.queue.lines.items():
            at_risk = line.at_risk(now, RISKS[AT_RISK])
            row = Row(line.open, line.unanswered, line.waiting, at_risk, line.overdue, line.oldest())
            teams.setdefault(team, Row()).add(row)
        for (measure, *_), cell in partition.windows.sums(HOUR).items():
            if measure < len(TARGETS):
                promises[TARGETS[measure]].hour.add(cell)
        for (measure, *_), cell in partition.windows.sums(DAY).items():
            if measure < len(TARGETS):
                promises[TARGETS[measure]].day.add(cell)
    total = Row()
    for row in teams.values():
        total.add(row)
    judged = {target: promise for target, promise in promises.items() if promise.day.judged}
    return Figures(dict(sorted(teams.items())), total, judged)
