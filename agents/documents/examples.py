"""An example of every record: a ticket's story in events, and what the domain makes of it."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from agents.dead_letters import dead_letter
from agents.engine.membership import Fetched
from agents.notifier.message import Delivery
from agents.notifier.silences import Silence
from agents.topics import Topics
from config.policies import default_policies
from streams import ledger
from streams.alerts import Gate, ring
from streams.events import TOPIC_OF, BadEvent, Reader, TicketEvent
from streams.instants import HOUR, MINUTE, SECOND, format_instant, parse_instant, to_datetime
from streams.ticket import Ticket

if TYPE_CHECKING:
    from streams.alert_record import Alert
    from streams.ledger_record import LedgerRecord

Json = dict[str, Any]

_TICKET = "T-1042"
_BEGIN = parse_instant("2026-03-02T09:00:00+08:00")
_GRACE = SECOND
_ZONE = timezone(timedelta(hours=8))


def _event(tag: str, after: int, /, **fields: Any) -> Json:
    """An event of the ticket, so many microseconds after its creation."""
    return {
        "type": tag,
        "event_id": f"ev-{9000 + after // MINUTE}",
        "ticket_id": _TICKET,
        "occurred_at": to_datetime(_BEGIN + after).astimezone(_ZONE).isoformat(),
        **fields,
    }


def _before_the_breach() -> list[Json]:
    return [
        _event(
            "ticket_created", 0, seq=0, source="helpdesk", priority="urgent", channel="email", team="billing",
            customer_id="c-77", category="invoice", kind="complaint", tags=["vip"], created_by="customer",
        ),
        _event("customer_replied", 4 * MINUTE),
    ]  # fmt: skip


def _ticket(story: list[Json]) -> Ticket:
    """The ticket of these events, judged by the shipped policies."""
    policies, read = default_policies(), Reader().read
    ticket = Ticket(policies.fingerprint)
    for item in story:
        event = read(msgspec.json.encode(item))
        assert isinstance(event, TicketEvent)
        ticket.apply(event.fact(), policies)
    return ticket


def events() -> dict[str, Json]:
    """An event of each type, by type, in the order in which they occur."""
    story = [
        *_before_the_breach(),
        _event("alert_acknowledged", 16 * MINUTE, alert_id=alert().alert_id, by="lead-2", note="on it"),
        _event(
            "agent_replied", 21 * MINUTE, agent_id="a-7", team="billing", public=True, automated=False,
            handle_seconds=340,
        ),
        _event("ticket_updated", 40 * MINUTE, team="refunds", priority="high"),
        _event("complaint_filed", 2 * HOUR, valid=True, category="slow answer"),
        _event("status_changed", 3 * HOUR, status="resolved", reason="refunded", accepted_by="refunds"),
        _event("callback_made", 5 * HOUR, reached=True, agent_id="a-9", score=4),
        _event("ticket_rated", 6 * HOUR, score=4, comment="slow, but right"),
        _event(
            "quality_reviewed", 26 * HOUR, scores={"attitude": 5, "resolution": 4, "clarity": 4, "satisfaction": 3},
            reviewer_id="q-1", agent_id="a-7", deductions=["first answer after the deadline"], labels=["coaching"],
        ),
        _event("agent_status_changed", 27 * HOUR, agent_id="a-7", status="online", team="billing"),
    ]  # fmt: skip
    by_type = {event["type"]: event for event in story}
    del by_type["agent_status_changed"]["ticket_id"]  # it is keyed by the agent
    return {kind: by_type[kind] for kind in TOPIC_OF}


def alert() -> Alert:
    """The alert when nobody has answered by the deadline."""
    ticket = _ticket(_before_the_breach())
    due = _BEGIN + 15 * MINUTE
    gate = Gate(up_to=due + SECOND, now=due + _GRACE + SECOND, grace=_GRACE, max_age=HOUR)
    return ring(_TICKET, ticket, default_policies(), gate)[-1][1]


def delivery() -> Delivery:
    """What the notifier writes once a chat took that alert's message."""
    raised = alert()
    at = format_instant(parse_instant(raised.decided_at) + SECOND)
    return Delivery(raised.alert_id, raised.kind, "on-call", "sent", at, attempts=1, repeat=False)


def silence() -> Silence:
    """Maintenance of two hours."""
    return Silence(
        id="5f2c9a",
        when={"team": ["billing"], "priority": ["low", "normal"]},
        since=format_instant(_BEGIN),
        until=format_instant(_BEGIN + 2 * HOUR),
        reason="the payment provider is down, customers are told on the website",
        by="lead-2@desk",
        at=format_instant(_BEGIN),
    )


def ledger_record() -> LedgerRecord:
    """What the ledger says in the end."""
    ticket = _ticket([event for event in events().values() if "ticket_id" in event])
    assert ticket.state is not None
    return ledger.record(_TICKET, ticket.state, ticket.state.last_at)


def dead_letter_headers() -> dict[str, str]:
    """The headers of a rating's dead letter: its score is no number from 1 to 5."""
    value = msgspec.json.encode({**events()["ticket_rated"], "score": 9})
    topics = Topics()
    record = Fetched(topics.name(TOPIC_OF["ticket_rated"]), 3, 5120, 0, _TICKET.encode(), value, ())
    try:
        Reader().read(value)
    except BadEvent as bad:
        letter = dead_letter(topics.dead_letters, record, "unreadable", bad.reason, bad.field, _BEGIN + 6 * HOUR)
        return {name: text.decode() for name, text in letter.headers}
    raise AssertionError("a score of 9 was read")
