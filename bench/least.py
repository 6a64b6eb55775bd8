"""What any engine must do with an event, and no more: the floors on Kafka and in one process are made of it."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Event(msgspec.Struct):
    """What a floor reads."""

    type: str
    ticket_id: str
    occurred_at: datetime
    team: str | None = None
    priority: str | None = None
    status: str | None = None


class State(msgspec.Struct, array_like=True):
    """What a floor keeps of a ticket; instants in milliseconds."""

    created: int = 0
    priority: str | None = None
    team: str | None = None
    first_reply: int = 0
    last_wrote: int = 0
    status: str | None = None


def apply(state: State, event: Event) -> None:
    """An event changes what is kept."""
    at = int(event.occurred_at.timestamp() * 1000)
    if event.type == "ticket_created":
        state.created, state.priority, state.team = at, event.priority, event.team
    elif event.type == "agent_replied":
        state.first_reply = state.first_reply or at
    elif event.type == "customer_replied":
        state.last_wrote = at
    else:
        state.status = event.status
