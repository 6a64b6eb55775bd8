"""Records of the input topics: an event of each, or a dead letter that says why it is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agents.dead_letters import dead_letter
from agents.engine import Changes
from streams import ticket
from streams.events import AgentStatusChanged, BadEvent, Reader, TicketEvent, tag_of
from streams.instants import format_duration, to_datetime
from streams.ticket import Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from agents.dead_letters import Cause
    from agents.engine import Record
    from agents.meters import Meters


class Intake:
    """Of one partition. `inputs`: the type of the events by topic; `max_ahead`: microseconds, 0 for no limit."""

    def __init__(
        self,
        inputs: Mapping[str, type[TicketEvent] | type[AgentStatusChanged]],
        dead_letters: str,
        max_ahead: int,
        meters: Meters,
    ) -> None:
        self._readers = {topic: (tag_of(event_type), Reader(event_type)) for topic, event_type in inputs.items()}
        self._dead_letters = dead_letters
        self._max_ahead = max_ahead
        self._meters = meters
        self._now = 0
        self._latest: datetime | None = None
        self._outcomes: Counter[tuple[str, Outcome]] = Counter()
        self._unknown_fields: Counter[str] = Counter()

    def at(self, now: int) -> None:
        """What is read from now on came at this instant."""
        self._now = now
        self._latest = to_datetime(now + self._max_ahead) if self._max_ahead else None

    def read(self, changes: Changes, record: Record) -> TicketEvent | AgentStatusChanged | None:
        """The event of a record; a dead letter and None where it is none that can be taken."""
        try:
            event = self._readers[record.topic][1].read(record.value)
        except BadEvent as bad:
            self.refuse(changes, record, "unreadable", bad.reason, bad.field)
            return None
        if record.key is None or record.key != event.key.encode():
            self.refuse(changes, record, "key", _key_reason(record.key, event), "key")
            return None
        if self._latest is not None and event.occurred_at > self._latest:
            reason = f"more than {format_duration(self._max_ahead)} ahead of the clock"
            self.refuse(changes, record, "ahead", reason, "occurred_at")
            return None
        if event.has_unknown_fields:
            self._unknown_fields[record.topic] += 1
        return event

    def applied(self, changes: Changes, record: Record, outcome: Outcome) -> None:
        """What became of its event; one that was rejected leaves a dead letter."""
        self.count(record.topic, outcome, 1)
        if outcome in ticket.REJECTED:
            self.refuse(changes, record, _CAUSES[outcome], _REASONS[outcome], "occurred_at")

    def count(self, topic: str, outcome: Outcome, n: int) -> None:
        """So many events of a topic came to this."""
        self._outcomes[topic, outcome] += n

    def refuse(self, changes: Changes, record: Record, cause: Cause, reason: str, at_field: str = "") -> None:
        """The record becomes a dead letter."""
        changes.records.append(dead_letter(self._dead_letters, record, cause, reason, at_field, self._now))
        self._meters.dead_letters.labels(cause).inc()

    def meter(self) -> None:
        """Once a call: a labelled counter of the metrics costs more than judging."""
        for (topic, outcome), n in self._outcomes.items():
            self._meters.events.labels(self._readers[topic][0], outcome.value).inc(n)
        for topic, n in self._unknown_fields.items():
            self._meters.unknown_fields.labels(self._readers[topic][0]).inc(n)
        self._outcomes.clear()
        self._unknown_fields.clear()


def _key_reason(key: bytes | None, event: TicketEvent | AgentStatusChanged) -> str:
    name = "agent_id" if isinstance(event, AgentStatusChanged) else "ticket_id"
    return f"no key (it must be the {name})" if key is None else f"key {key[:64]!r} is not the {name} {event.key!r}"


_CAUSES: dict[Outcome, Cause] = {Outcome.TOO_OLD: "too_old", Outcome.ORPHANED_TOO_MANY: "orphaned_too_many"}
_REASONS = {
    Outcome.TOO_OLD: "older than what is kept in full of its ticket",
    Outcome.ORPHANED_TOO_MANY: f"its ticket was never created, and {ticket.AT_MOST} events of it wait already",
}
