"""Complaints and callbacks: how many, how many justified, how soon settled, and who was reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.measures.contacts import created

if TYPE_CHECKING:
    from reports.measures.ground import By, Ground, Key


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints filed in the period, beside the tickets that were created in it."""

    tickets: int
    filed: int
    valid: int

    @property
    def rate(self) -> float | None:
        """filed / tickets."""
        return self.filed / self.tickets if self.tickets else None

    @property
    def valid_per_thousand(self) -> float | None:
        """1000 x valid / tickets."""
        return 1000 * self.valid / self.tickets if self.tickets else None


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Calls back to customers."""

    tickets: int
    made: int
    reached: int

    @property
    def share(self) -> float | None:
        """reached / made."""
        return self.reached / self.made if self.made else None


def complaints(ground: Ground, by: By = ()) -> dict[Key, Complaints]:
    """Complaint rate (投诉率) = complaints / tickets; valid complaints per 1,000 tickets = 1000 x valid / tickets.

    How soon they are settled (投诉解决时效), from filing to done, is `response.kept` of `complaint_resolution`.
    """
    filed = ground.grouped("complaints", "count(*), count(*) FILTER (valid)", by)
    tickets = created(ground, by)
    return {
        key: Complaints(tickets[key].tickets if key in tickets else 0, *filed.get(key, (0, 0)))
        for key in dict.fromkeys((*tickets, *filed))
    }


def callbacks(ground: Ground, by: By = ()) -> dict[Key, Callbacks]:
    """Callback success (回访成功率) = reached / made."""
    sums = "count(DISTINCT ticket_id), count(*), count(*) FILTER (reached)"
    return {key: Callbacks(*row) for key, row in ground.grouped("callbacks", sums, by).items()}
