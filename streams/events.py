"""The events that ticket systems send: their fields, how a record is read, and why one is refused."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from streams import facts
from streams.instants import DAY, Moment, from_datetime

MAX_BYTES = 65_536
EARLIEST = 0
LATEST = 230 * 365 * DAY
"""Instants before 1970 or after about 2199 are refused: no calendar knows them."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Score = Annotated[int, msgspec.Meta(ge=1, le=5)]
Seq = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Status = Literal["open", "waiting_on_customer", "on_hold", "resolved", "closed", "cancelled"]


class BadEvent(ValueError):
    """A record that is no event: why, and in which field where one is to blame."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class Event(msgspec.Struct, kw_only=True, gc=False):
    """The common fields. An explicit null is the field left out."""

    has_unknown_fields: ClassVar[bool] = True

    event_id: Id
    occurred_at: Moment
    seq: Seq | None = None
    source: str | None = None

    @property
    def at(self) -> int:
        """Microseconds since the epoch."""
        return from_datetime(self.occurred_at)


class TicketEvent(Event, kw_only=True, gc=False):
    """An event of a ticket."""

    ticket_id: Id

    @property
    def key(self) -> str:
        """What its record is keyed by."""
        return self.ticket_id

    def fact(self) -> facts.Fact:
        """What it says, defaults filled in, as it is kept in the ticket's history."""
        raise NotImplementedError


class TicketCreated(TicketEvent, tag="ticket_created", kw_only=True, gc=False):
    """A ticket was opened, by a customer unless `created_by` says an agent."""

    priority: str | None = None
    channel: str | None = None
    team: str | None = None
    agent_id: Id | None = None
    customer_id: Id | None = None
    category: str | None = None
    kind: str | None = None
    tags: list[str] | None = None
    created_by: Literal["customer", "agent"] | None = None

    def fact(self) -> facts.Fact:
        return facts.Created(
            self.at, self.seq or 0, self.event_id, self.priority, self.channel, self.team, self.agent_id,
            self.customer_id, self.category, self.kind, self.tags, self.created_by == "agent",
        )  # fmt: skip


class AgentReplied(TicketEvent, tag="agent_replied", kw_only=True, gc=False):
    """An agent (or, `automated`, a machine) wrote; an internal note is not `public`."""

    agent_id: Id | None = None
    team: str | None = None
    public: bool | None = None
    automated: bool | None = None
    handle_seconds: Seconds | None = None

    def fact(self) -> facts.Fact:
        return facts.Replied(
            self.at, self.seq or 0, self.event_id, self.agent_id, self.team,
            self.public is not False, self.automated is True, self.handle_seconds,
        )  # fmt: skip


class CustomerReplied(TicketEvent, tag="customer_replied", kw_only=True, gc=False):
    """The customer wrote."""

    def fact(self) -> facts.Fact:
        return facts.CustomerWrote(self.at, self.seq or 0, self.event_id)


class TicketUpdated(TicketEvent, tag="ticket_updated", kw_only=True, gc=False):
    """New values of attributes; a known team changed to another is a hand-over."""

    priority: str | None = None
    channel: str | None = None
    team: str | None = None
    agent_id: Id | None = None
    customer_id: Id | None = None
    category: str | None = None
    kind: str | None = None
    tags: list[str] | None = None

    def fact(self) -> facts.Fact:
        return facts.Updated(
            self.at, self.seq or 0, self.event_id, self.priority, self.channel, self.team, self.agent_id,
            self.customer_id, self.category, self.kind, self.tags,
        )  # fmt: skip


class StatusChanged(TicketEvent, tag="status_changed", kw_only=True, gc=False):
    """A new status, and perhaps the team that takes a hand-over."""

    status: Status
    reason: str | None = None
    accepted_by: str | None = None

    def fact(self) -> facts.Fact:
        return facts.StatusSet(
            self.at, self.seq or 0, self.event_id, facts.STATUS_CODE[self.status], self.reason, self.accepted_by
        )


class TicketRated(TicketEvent, tag="ticket_rated", kw_only=True, gc=False):
    """The customer's score, 1 to 5."""

    score: Score
    comment: str | None = None

    def fact(self) -> facts.Fact:
        return facts.Rated(self.at, self.seq or 0, self.event_id, self.score, self.comment)


class QualityReviewed(TicketEvent, tag="quality_reviewed", kw_only=True, gc=False):
    """A reviewer's scores by criterion, 1 to 5 each, with the reasons for deductions."""

    scores: dict[str, Score]
    reviewer_id: Id | None = None
    agent_id: Id | None = None
    deductions: list[str] | str | None = None
    labels: list[str] | None = None

    def fact(self) -> facts.Fact:
        deductions = [self.deductions] if isinstance(self.deductions, str) else self.deductions
        return facts.Reviewed(
            self.at, self.seq or 0, self.event_id, self.scores, self.reviewer_id, self.agent_id,
            deductions or [], self.labels or [],
        )  # fmt: skip


class CallbackMade(TicketEvent, tag="callback_made", kw_only=True, gc=False):
    """A call back to the customer: reached or not."""

    reached: bool
    agent_id: Id | None = None
    score: Score | None = None

    def fact(self) -> facts.Fact:
        return facts.CalledBack(self.at, self.seq or 0, self.event_id, self.reached, self.agent_id, self.score)


class ComplaintFiled(TicketEvent, tag="complaint_filed", kw_only=True, gc=False):
    """The customer complained; a valid complaint starts a clock."""

    valid: bool | None = None
    category: str | None = None

    def fact(self) -> facts.Fact:
        return facts.Complained(self.at, self.seq or 0, self.event_id, self.valid is not False, self.category)


class AlertAcknowledged(TicketEvent, tag="alert_acknowledged", kw_only=True, gc=False):
    """Somebody took an alert."""

    alert_id: Id
    by: Id | None = None
    note: str | None = None

    def fact(self) -> facts.Fact:
        return facts.Acknowledged(self.at, self.seq or 0, self.event_id, self.alert_id, self.by, self.note)


class AgentStatusChanged(Event, tag="agent_status_changed", kw_only=True, gc=False):
    """An agent came, went or is busy; keyed by `agent_id`, it belongs to no ticket."""

    agent_id: Id
    status: Literal["online", "busy", "away", "offline"]
    team: str | None = None

    @property
    def key(self) -> str:
        """What its record is keyed by."""
        return self.agent_id


TYPES: tuple[type[TicketEvent] | type[AgentStatusChanged], ...] = (
    TicketCreated,
    AgentReplied,
    CustomerReplied,
    TicketUpdated,
    StatusChanged,
    TicketRated,
    QualityReviewed,
    CallbackMade,
    ComplaintFiled,
    AlertAcknowledged,
    AgentStatusChanged,
)
TOPIC_OF = {
    "ticket_created": "ticket-created",
    "agent_replied": "agent-replied",
    "customer_replied": "customer-replied",
    "ticket_updated": "ticket-updated",
    "status_changed": "ticket-status-changed",
    "ticket_rated": "ticket-rated",
    "quality_reviewed": "quality-reviewed",
    "callback_made": "callback-made",
    "complaint_filed": "complaint-filed",
    "alert_acknowledged": "alert-acknowledged",
    "agent_status_changed": "agent-status-changed",
}
"""The topic of each type, without the prefix."""


def tag_of(event_type: type[msgspec.Struct]) -> str:
    """The `type` an event class is sent as."""
    tag = event_type.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def _strict(event_type: type[Event]) -> type[Event]:
    """The same event refusing unknown fields: what decodes by it has none, and costs no second look."""
    strict = msgspec.defstruct(
        event_type.__name__,
        [],
        bases=(event_type,),
        namespace={"has_unknown_fields": False},
        tag=tag_of(event_type),
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )
    assert issubclass(strict, Event)
    return strict


class Reader:
    """Reads records of one event type, or of all of them; one for each topic."""

    def __init__(self, *event_types: type[TicketEvent] | type[AgentStatusChanged]) -> None:
        types = event_types or TYPES
        self._strict = msgspec.json.Decoder(_union([_strict(event_type) for event_type in types]))
        self._lenient = msgspec.json.Decoder(_union(list(types)))

    def read(self, value: bytes | None) -> TicketEvent | AgentStatusChanged:
        """The event in a record's value. Raises BadEvent with the reason and the field."""
        if not value:
            raise BadEvent("empty value")
        if len(value) > MAX_BYTES:
            raise BadEvent(f"{len(value)} bytes, more than {MAX_BYTES}")
        try:
            if not value.isascii():
                value.decode()
            try:
                event: TicketEvent | AgentStatusChanged = self._strict.decode(value)
            except msgspec.ValidationError:
                event = self._lenient.decode(value)
        except msgspec.ValidationError as error:
            raise _bad(error) from None
        except (msgspec.DecodeError, UnicodeError) as error:
            raise BadEvent(f"not JSON in UTF-8: {error}") from None
        except RecursionError:
            raise BadEvent("JSON nested too deep") from None
        if not EARLIEST <= event.at <= LATEST:
            raise BadEvent("not between the years 1970 and 2199", "occurred_at")
        return event


def _union(types: list[type[Event]]) -> object:
    union: object = types[0]
    for event_type in types[1:]:
        union = union | event_type
    return union


def _bad(error: msgspec.ValidationError) -> BadEvent:
    reason, _, path = str(error).partition(" - at `$")
    if "missing required field" in reason:
        return BadEvent("missing", reason.split("`")[1])
    return BadEvent(reason, path.rstrip("`").lstrip("."))
