"""The events that ticket systems send: their fields, how a record is read, and why one is refused."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from streams import facts
from streams.instants import Moment, from_datetime

MAX_BYTES = 65_536
YEARS = range(1970, 2200)
"""Instants of other years, as they are written, are refused: no calendar knows them."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Score = Annotated[int, msgspec.Meta(ge=1, le=5)]
Seq = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=31_622_400)]  # a leap year: sums of them stay in 64 bits
Status = Literal["open", "waiting_on_customer", "on_hold", "resolved", "closed", "cancelled"]


def _says(meaning: str) -> msgspec.Meta:
    """A field's meaning, for the documents; decoding does not look at it."""
    return msgspec.Meta(description=meaning)


Priority = Annotated[str | None, _says("In your own words. Policies match on it, as on the attributes below.")]
Channel = Annotated[str | None, _says("`chat` and `phone` are live: the agents they need are counted by Erlang C.")]
Team = Annotated[str | None, _says("The team it is assigned to.")]
Assignee = Annotated[Id | None, _says("The agent it is assigned to.")]
Customer = Annotated[Id | None, _says("Who asks.")]
Category = Annotated[str | None, _says("What it is about: a product, a subject.")]
Kind = Annotated[str | None, _says("Incident, question, request, as you call them.")]
Tags = Annotated[list[str] | None, _says("Labels; a policy that asks for tags matches where any is in common.")]


class BadEvent(ValueError):
    """A record that is no event: why, and in which field where one is to blame."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class Event(msgspec.Struct, kw_only=True, gc=False):
    """The common fields. An explicit null is the field left out."""

    has_unknown_fields: ClassVar[bool] = True

    event_id: Annotated[Id, _says("Unique; the same event sent again carries the same id and counts once.")]
    occurred_at: Annotated[Moment, _says("When it happened: RFC 3339 with an offset; microseconds are kept.")]
    seq: Annotated[Seq | None, _says("Orders events of one ticket with the same instant; left out it is 0.")] = None
    source: Annotated[str | None, _says("The system that it comes from.")] = None

    @property
    def at(self) -> int:
        """Microseconds since the epoch."""
        return from_datetime(self.occurred_at)


class TicketEvent(Event, kw_only=True, gc=False):
    """An event of a ticket."""

    ticket_id: Annotated[Id, _says("The ticket, and the record's key.")]

    @property
    def key(self) -> str:
        """What its record is keyed by."""
        return self.ticket_id

    def fact(self) -> facts.Fact:
        """What it says, defaults filled in, as it is kept in the ticket's history."""
        raise NotImplementedError


class TicketCreated(TicketEvent, tag="ticket_created", kw_only=True, gc=False):
    """A ticket was opened, by a customer unless `created_by` says an agent."""

    priority: Priority = None
    channel: Channel = None
    team: Team = None
    agent_id: Assignee = None
    customer_id: Customer = None
    category: Category = None
    kind: Kind = None
    tags: Tags = None
    created_by: Annotated[Literal["customer", "agent"] | None, _says("Who opened it; left out: the customer.")] = None

    def fact(self) -> facts.Fact:
        return facts.Created(
            self.at, self.seq or 0, self.event_id, self.priority, self.channel, self.team, self.agent_id,
            self.customer_id, self.category, self.kind, self.tags, self.created_by == "agent",
        )  # fmt: skip


class AgentReplied(TicketEvent, tag="agent_replied", kw_only=True, gc=False):
    """An agent (or, `automated`, a machine) wrote; an internal note is not `public`."""

    agent_id: Annotated[Id | None, _says("Who wrote.")] = None
    team: Annotated[str | None, _says("The team for which they wrote; left out: the ticket's.")] = None
    public: Annotated[
        bool | None, _says("Whether the customer sees it; left out: yes. A note answers no customer.")
    ] = None
    automated: Annotated[bool | None, _says("Whether a machine wrote; left out: no. A machine answers nobody.")] = None
    handle_seconds: Annotated[Seconds | None, _says("Time worked on it: offered load is made of it.")] = None

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

    priority: Priority = None
    channel: Channel = None
    team: Team = None
    agent_id: Assignee = None
    customer_id: Customer = None
    category: Category = None
    kind: Kind = None
    tags: Tags = None

    def fact(self) -> facts.Fact:
        return facts.Updated(
            self.at, self.seq or 0, self.event_id, self.priority, self.channel, self.team, self.agent_id,
            self.customer_id, self.category, self.kind, self.tags,
        )  # fmt: skip


class StatusChanged(TicketEvent, tag="status_changed", kw_only=True, gc=False):
    """A new status, and perhaps the team that takes a hand-over."""

    status: Annotated[Status, _says("The new status. `cancelled` is merged, spam, deleted: no clock of it counts.")]
    reason: Annotated[str | None, _says("Why: `merged`, `spam`, `duplicate`, `test`, `abandoned`, ...")] = None
    accepted_by: Annotated[str | None, _says("The team that takes a hand-over with this change.")] = None

    def fact(self) -> facts.Fact:
        return facts.StatusSet(
            self.at, self.seq or 0, self.event_id, facts.STATUS_CODE[self.status], self.reason, self.accepted_by
        )


class TicketRated(TicketEvent, tag="ticket_rated", kw_only=True, gc=False):
    """The customer's score, 1 to 5."""

    score: Annotated[Score, _says("4 and 5 are a satisfied customer.")]
    comment: Annotated[str | None, _says("The customer's words.")] = None

    def fact(self) -> facts.Fact:
        return facts.Rated(self.at, self.seq or 0, self.event_id, self.score, self.comment)


class QualityReviewed(TicketEvent, tag="quality_reviewed", kw_only=True, gc=False):
    """A reviewer's scores by criterion, 1 to 5 each, with the reasons for deductions."""

    scores: Annotated[dict[str, Score], _says("By criterion; by default attitude, resolution, clarity, satisfaction.")]
    reviewer_id: Annotated[Id | None, _says("Who reviewed.")] = None
    agent_id: Annotated[Id | None, _says("Whose work was reviewed.")] = None
    deductions: Annotated[list[str] | str | None, _says("What points were taken off for.")] = None
    labels: Annotated[list[str] | None, _says("What else the reviewer found.")] = None

    def fact(self) -> facts.Fact:
        deductions = [self.deductions] if isinstance(self.deductions, str) else self.deductions
        return facts.Reviewed(
            self.at, self.seq or 0, self.event_id, self.scores, self.reviewer_id, self.agent_id,
            deductions or [], self.labels or [],
        )  # fmt: skip


class CallbackMade(TicketEvent, tag="callback_made", kw_only=True, gc=False):
    """A call back to the customer: reached or not."""

    reached: Annotated[bool, _says("Whether the customer answered.")]
    agent_id: Annotated[Id | None, _says("Who called.")] = None
    score: Annotated[Score | None, _says("The customer's score, asked for in the call.")] = None

    def fact(self) -> facts.Fact:
        return facts.CalledBack(self.at, self.seq or 0, self.event_id, self.reached, self.agent_id, self.score)


class ComplaintFiled(TicketEvent, tag="complaint_filed", kw_only=True, gc=False):
    """The customer complained; a valid complaint starts a clock."""

    valid: Annotated[bool | None, _says("Whether it is justified; left out: yes.")] = None
    category: Annotated[str | None, _says("What the complaint is about.")] = None

    def fact(self) -> facts.Fact:
        return facts.Complained(self.at, self.seq or 0, self.event_id, self.valid is not False, self.category)


class AlertAcknowledged(TicketEvent, tag="alert_acknowledged", kw_only=True, gc=False):
    """Somebody took an alert."""

    alert_id: Annotated[Id, _says("The alert's id, from its message or its record.")]
    by: Annotated[Id | None, _says("Who took it.")] = None
    note: Annotated[str | None, _says("What they say to it.")] = None

    def fact(self) -> facts.Fact:
        return facts.Acknowledged(self.at, self.seq or 0, self.event_id, self.alert_id, self.by, self.note)


class AgentStatusChanged(Event, tag="agent_status_changed", kw_only=True, gc=False):
    """An agent came, went or is busy; keyed by `agent_id`, it belongs to no ticket."""

    agent_id: Annotated[Id, _says("The agent, and the record's key; there is no ticket_id.")]
    status: Annotated[Literal["online", "busy", "away", "offline"], _says("What the agent does from now on.")]
    team: Annotated[str | None, _says("The team they work for; left out: the one known from before.")] = None

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
        if event.occurred_at.year not in YEARS:
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
