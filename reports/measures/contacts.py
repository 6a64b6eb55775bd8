"""Contacts: whether one answer was enough, whether customers came back, and whether what was due was resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.instants import HOUR

if TYPE_CHECKING:
    from reports.measures.ground import By, Ground, Key

CLOSED_WITHIN: Final = 72 * HOUR
"""Microseconds in which a ticket is to be closed, by the clock on the wall."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Tickets that were resolved or closed in the period."""

    tickets: int
    first_contact: int
    in_time: int
    """Within 72 hours of their creation."""

    @property
    def first_contact_share(self) -> float | None:
        """first_contact / tickets."""
        return self.first_contact / self.tickets if self.tickets else None

    @property
    def in_time_share(self) -> float | None:
        """in_time / tickets."""
        return self.in_time / self.tickets if self.tickets else None


@dataclass(frozen=True, slots=True)
class Created:
    """Tickets that were created in the period, without the cancelled ones but for `everything` and `effective`."""

    tickets: int
    repeated: int
    everything: int
    effective: int

    @property
    def repeat_share(self) -> float | None:
        """repeated / tickets."""
        return self.repeated / self.tickets if self.tickets else None

    @property
    def effective_share(self) -> float | None:
        """effective / everything."""
        return self.effective / self.everything if self.everything else None


@dataclass(frozen=True, slots=True)
class Due:
    """Tickets created in the period whose resolution has been judged; `resolved`: those that are done now."""

    tickets: int
    resolved: int

    @property
    def share(self) -> float | None:
        """resolved / tickets."""
        return self.resolved / self.tickets if self.tickets else None


def resolved(ground: Ground, by: By = ()) -> dict[Key, Resolved]:
    """First-contact resolution (一次解决率) = resolved with one public reply, not reopened, and no later ticket of the
    same customer and category up to 7 days after it was resolved / resolved. Closed in 72 hours likewise.
    """
    sums = f"count(*), count(*) FILTER (first_contact), count(*) FILTER (open_for <= {CLOSED_WITHIN})"
    return {key: Resolved(*row) for key, row in ground.grouped("resolved", sums, by).items()}


def created(ground: Ground, by: By = ()) -> dict[Key, Created]:
    """Repeat contacts (重复咨询率) = tickets whose customer created one of the same category in the 7 days before /
    tickets. Effective share (有效服务占比) = tickets without test, duplicate, spam / tickets, cancelled ones too.
    """
    held = "FILTER (status <> 'cancelled')"
    sums = f"""
        count(*) {held}, count(*) FILTER (repeated AND status <> 'cancelled'), count(*), count(*) FILTER (effective)
    """
    return {key: Created(*row) for key, row in ground.grouped("created", sums, by).items()}


def due(ground: Ground, by: By = ()) -> dict[Key, Due]:
    """Resolution rate (问题解决率) = resolved / created and due.

    Due is a ticket whose promised resolution was met or is overdue; one whose time still runs is not.
    """
    sums = "count(*) FILTER (due), count(*) FILTER (due AND status IN ('resolved', 'closed'))"
    return {key: Due(*row) for key, row in ground.grouped("created", sums, by).items()}
