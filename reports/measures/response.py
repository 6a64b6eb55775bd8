"""Response: how promises on time were kept, how long answers took, and what was overdue, by whom and of what type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reports.measures.ground import By, Ground, Key

FIRST: Final = ("first_response",)
INTERACTIONS: Final = ("first_response", "next_response")
"""Every message of a customer that waited for an answer."""
OVERDUE: Final = ("first_response", "resolution")
"""What makes a ticket an overdue one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Judged clocks. Elapsed time is open time in seconds, of the `timed` clocks that have stopped."""

    tickets: int
    met: int
    breached: int
    timed: int
    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None

    @property
    def judged(self) -> int:
        """Met or breached."""
        return self.met + self.breached

    @property
    def compliance(self) -> float | None:
        """met / (met + breached); None where none was judged."""
        return self.met / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class Overdue:
    """How many tickets of a handler, or of a type, were overdue, and of how many that were judged."""

    name: str | None
    overdue: int
    tickets: int


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """A ticket's first response; `seconds` is open time, None while nobody has answered."""

    ticket_id: str
    created_at: int
    answered_at: int | None
    seconds: float | None
    limit_seconds: float | None
    met: bool
    agent: str | None
    type: str | None
    priority: str | None


def kept(ground: Ground, targets: tuple[str, ...], by: By = ()) -> dict[Key, Kept]:
    """How the clocks of these targets were kept.

    compliance = met / (met + breached); mean = sum of elapsed / timed; quantiles are linear between the closest ranks
    (Hyndman and Fan 1996, type 7), and without the clocks older than a target's newest 64, of which the ledger holds
    sums alone.
    """
    quantiles = ", ".join(f"quantile_cont(seconds, {share}) FILTER (single)" for share in (0.5, 0.9, 0.95))
    sums = f"""
        count(DISTINCT ticket_id), coalesce(sum(met), 0)::BIGINT, coalesce(sum(breached), 0)::BIGINT,
        coalesce(sum(timed), 0)::BIGINT, fsum(seconds) / nullif(sum(timed), 0), {quantiles}
    """
    rows = ground.grouped("clocks", sums, by, f"target IN ({', '.join(map(repr, targets))})")
    return {key: Kept(*row) for key, row in rows.items()}


def overdue(ground: Ground, by: str, limit: int | None = 3, targets: tuple[str, ...] = OVERDUE) -> list[Overdue]:
    """The handlers (`by` agent) or types with the most overdue tickets; of as many, by name. The trade's TOP 3.

    A ticket is overdue where one of its clocks of these targets was breached. None: all of them.
    """
    sums = "count(DISTINCT ticket_id) FILTER (breached > 0), count(DISTINCT ticket_id)"
    rows = ground.grouped("clocks", sums, (by,), f"target IN ({', '.join(map(repr, targets))})")
    found = [Overdue(name, late, tickets) for (name,), (late, tickets) in rows.items() if late]
    return sorted(found, key=lambda each: (-each.overdue, each.name is None, each.name))[:limit]


def response_rows(ground: Ground, *, late_only: bool = False, limit: int | None = None) -> list[ResponseRow]:
    """Table 1, a row a judged first response, by creation; `late_only`: the list of overdue tickets."""
    rows = ground.rows(f"""
        SELECT ticket_id, epoch_us(created_at), epoch_us(stopped_at), seconds, limit_seconds, met > 0, agent, type,
            priority
        FROM {ground.table("clocks")}
        WHERE target = 'first_response' AND single {"AND breached > 0" if late_only else ""}
        ORDER BY created_at, ticket_id, cycle LIMIT {"ALL" if limit is None else limit}
    """)
    return [ResponseRow(*row) for row in rows]
