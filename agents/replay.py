"""Judging a whole file of events through the domain code, without Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reports.limits import Shift, Verdicts, shifts
from streams.events import AgentStatusChanged
from streams.instants import SECOND, format_instant
from streams.policies import TARGETS
from streams.ticket import REJECTED, Outcome, Ticket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.clocks import Clock
    from streams.events import TicketEvent
    from streams.policies import Policies

CLOCK_COLUMNS = (
    "ticket_id", "target", "cycle", "started_at", "stopped_at", "elapsed_seconds", "breached_at", "verdict",
)  # fmt: skip
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}


@dataclass
class Replay:
    """All tickets of a file. Feed it events in any order, then ask for rows and a summary as of an instant."""

    policies: Policies
    as_of: int | None = None
    """Events after it have not happened yet; None: no limit."""
    tickets: dict[str, Ticket] = field(default_factory=dict)
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    read: int = 0
    last: int | None = None
    """The latest instant of any event."""

    def feed(self, event: TicketEvent | AgentStatusChanged) -> Outcome | None:
        """Apply one event; None: it has not happened yet, or belongs to no ticket."""
        self.read += 1
        if isinstance(event, AgentStatusChanged):
            return None
        fact = event.fact()
        if self.as_of is not None and fact.at > self.as_of:
            return None
        ticket = self.tickets.get(event.ticket_id)
        if ticket is None:
            ticket = self.tickets[event.ticket_id] = Ticket(self.policies.fingerprint)
        if self.last is None or fact.at > self.last:
            self.last = fact.at
        outcome = ticket.apply(fact, self.policies)
        self.outcomes[outcome] += 1
        return outcome

    def settle(self, as_of: int) -> None:
        """Judge every ticket as of an instant."""
        for ticket in self.tickets.values():
            if ticket.state is not None:
                ticket.state.settle(as_of)

    def clocks(self) -> Iterator[tuple[str, Clock, str]]:
        """(ticket id, clock, verdict) of every listed clock, by ticket, target and cycle."""
        for ticket_id in sorted(self.tickets):
            state = self.tickets[ticket_id].state
            if state is not None:
                listed = [clock for clock in state.clocks if clock.listed]
                for clock in sorted(listed, key=lambda clock: (TARGETS[clock.target], clock.cycle)):
                    yield ticket_id, clock, clock.verdict(state.status, clock.breached)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The clocks as texts, by `CLOCK_COLUMNS`."""
        for ticket_id, clock, verdict in self.clocks():
            yield (
                ticket_id,
                TARGETS[clock.target],
                str(clock.cycle),
                format_instant(clock.start),
                format_instant(clock.stop) if clock.stop is not None else "",
                f"{clock.elapsed / SECOND:.6f}" if clock.elapsed is not None else "",
                format_instant(clock.breached) if clock.breached is not None else "",
                verdict,
            )

    def summary(self, as_of: int) -> dict[str, Any]:
        """Counts of events and tickets, and each target's verdicts, compliance and elapsed seconds."""
        created = sum(ticket.state is not None for ticket in self.tickets.values())
        repeated = self.outcomes[Outcome.REPEATED] + self.outcomes[Outcome.CONFLICTING]
        targets: dict[str, list[tuple[Clock, str]]] = {}
        for _, clock, verdict in self.clocks():
            targets.setdefault(TARGETS[clock.target], []).append((clock, verdict))
        return {
            "as_of": format_instant(as_of),
            "events": {"read": self.read, "unique": self.read - repeated, "duplicates": repeated},
            "tickets": {"seen": len(self.tickets), "created": created, "orphans": len(self.tickets) - created},
            "targets": {name: _figures(clocks) for name, clocks in sorted(targets.items())},
        }

    @property
    def refused(self) -> int:
        """Events that were not taken: older than what is kept in full of their ticket."""
        return sum(self.outcomes[outcome] for outcome in REJECTED)


def compared(replay: Replay, other: Replay) -> list[Shift]:
    """The same events under two sets of policies, both settled; with the attributes that a ticket has in the end."""
    verdicts: dict[tuple[str, int, int], Verdicts] = {
        (ticket_id, clock.target, clock.cycle): (verdict, None) for ticket_id, clock, verdict in replay.clocks()
    }
    for ticket_id, clock, verdict in other.clocks():
        key = ticket_id, clock.target, clock.cycle
        verdicts[key] = verdicts.get(key, (None, None))[0], verdict
    return shifts(_labelled(verdicts, replay.tickets))


def _labelled(
    verdicts: dict[tuple[str, int, int], Verdicts], tickets: dict[str, Ticket]
) -> Iterator[tuple[str, str | None, str | None, Verdicts]]:
    for (ticket_id, target, _), both in verdicts.items():
        state = tickets[ticket_id].state
        assert state is not None
        yield TARGETS[target], state.team, state.priority, both


def _figures(clocks: list[tuple[Clock, str]]) -> dict[str, Any]:
    count = dict.fromkeys(("met", "breached", "pending", "void"), 0)
    elapsed: list[int] = []
    for clock, verdict in clocks:
        count[verdict] += 1
        if clock.elapsed is not None and verdict in ("met", "breached"):
            elapsed.append(clock.elapsed)
    judged = count["met"] + count["breached"]
    elapsed.sort()
    return {
        "clocks": len(clocks),
        **count,
        "judged": judged,
        "compliance": round(count["met"] / judged, 6) if judged else None,
        "elapsed_seconds": {
            "count": len(elapsed),
            "mean": round(sum(elapsed) / len(elapsed) / SECOND, 6) if elapsed else None,
            **{name: _quantile(elapsed, share) for name, share in _QUANTILES.items()},
        },
    }


def _quantile(ordered: list[int], share: float) -> float | None:
    """Linear between the closest ranks, in seconds (Hyndman and Fan's type 7)."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return round((ordered[low] + (ordered[high] - ordered[low]) * (place - low)) / SECOND, 6)
