"""Satisfaction: what customers said of tickets that were resolved, and how many said anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reports.measures.ground import By, Ground, Key

SATISFIED: Final = 4
POOR: Final = 2
"""A rating from the first on is a satisfied customer's, one up to the second a dissatisfied one's."""


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """Tickets that were resolved; of a ticket's ratings the newest counts."""

    tickets: int
    rated: int
    satisfied: int
    mean: float | None

    @property
    def of_rated(self) -> float | None:
        """satisfied / rated."""
        return self.satisfied / self.rated if self.rated else None

    @property
    def of_all(self) -> float | None:
        """satisfied / tickets: the source's formula, in which a ticket that nobody rated counts against it."""
        return self.satisfied / self.tickets if self.tickets else None

    @property
    def response_rate(self) -> float | None:
        """rated / tickets."""
        return self.rated / self.tickets if self.tickets else None


@dataclass(frozen=True, slots=True)
class RatingRow:
    """A rating of a customer's."""

    ticket_id: str
    at: int
    agent: str | None
    score: int
    comment: str | None


def satisfaction(ground: Ground, by: By = ()) -> dict[Key, Satisfaction]:
    """The CSAT rates: ratings of 4 and 5 over rated tickets, and over all that were resolved in the period.

    A rating that comes after the period is counted with its ticket, so a period's figures grow until ratings cease.
    """
    sums = f"count(*), count(score), count(*) FILTER (score >= {SATISFIED}), avg(score)"
    return {key: Satisfaction(*row) for key, row in ground.grouped("resolved", sums, by).items()}


def poor_ratings(ground: Ground, limit: int | None = None) -> list[RatingRow]:
    """The ratings of 1 and 2 that were given in the period, the lowest first."""
    rows = ground.rows(f"""
        SELECT ticket_id, epoch_us(happened_at), agent, score, comment FROM {ground.table("ratings")}
        WHERE score <= {POOR} ORDER BY score, happened_at, ticket_id, comment LIMIT {"ALL" if limit is None else limit}
    """)
    return [RatingRow(*row) for row in rows]
