"""What the events of the load mean, counted while they are drawn and by none of the monitor's code."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_EPOCH = datetime.fromtimestamp(0, UTC)
_MINUTE, _HOUR = 60_000, 3_600_000  # milliseconds
_RESPONSE = {"urgent": 15 * _MINUTE}
_RESOLUTION = {"urgent": 4 * _HOUR}


@dataclass(slots=True)
class _Ticket:
    """Instants and durations in milliseconds."""

    response: int
    """Its limit, of the first response and of the later ones."""
    resolve_by: int
    answer_by: int | None
    """Of the clock that runs; None while no answer is owed."""
    target: str = "first_response"
    late: bool = False


@dataclass
class Meaning:
    """Counts of what `load.POLICIES` make of the events."""

    events: int = 0
    bytes: int = 0
    tickets: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of clocks that an event has stopped, by target and verdict."""
    late: int = 0
    """Tickets that had a late reply: what the rivals count as alerts."""
    _open: dict[str, _Ticket] = field(default_factory=dict)

    @property
    def judged(self) -> int:
        """First replies and resolutions: what the rivals count as judged."""
        return sum(count for (target, _), count in self.verdicts.items() if target != "next_response")

    @property
    def breached(self) -> int:
        """Clocks that were stopped too late."""
        return sum(count for (_, verdict), count in self.verdicts.items() if verdict == "breached")

    def add(self, value: bytes) -> None:
        """The next event, in the order of time."""
        event = json.loads(value)
        at = (datetime.fromisoformat(event["occurred_at"]) - _EPOCH) // timedelta(milliseconds=1)
        self.events += 1
        self.bytes += len(value)
        if event["type"] == "ticket_created":
            self.tickets += 1
            response = _RESPONSE.get(event["priority"], 2 * _HOUR)
            resolve_by = at + _RESOLUTION.get(event["priority"], 24 * _HOUR)
            self._open[event["ticket_id"]] = _Ticket(response, resolve_by, at + response)
            return
        ticket = self._open[event["ticket_id"]]
        if event["type"] == "customer_replied":
            if ticket.answer_by is None:
                ticket.answer_by, ticket.target = at + ticket.response, "next_response"
            return
        answered_late = self._answered(ticket, at)
        if event["type"] == "agent_replied":
            self.late += answered_late and not ticket.late
            ticket.late |= answered_late
        else:
            self.verdicts["resolution", _verdict(at, ticket.resolve_by)] += 1
            del self._open[event["ticket_id"]]

    def _answered(self, ticket: _Ticket, at: int) -> bool:
        """Whether that was late; nothing happens where no answer was owed."""
        if ticket.answer_by is None:
            return False
        verdict = _verdict(at, ticket.answer_by)
        self.verdicts[ticket.target, verdict] += 1
        ticket.answer_by = None
        return verdict == "breached"


def _verdict(at: int, due: int) -> str:
    return "breached" if at > due else "met"
