"""The past that a plan reckons with: from a file of ledger records or events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from agents.events_io import take_lines
from agents.replay import Replay
from config.errors import ConfigError, Problem
from streams import ledger, ledger_record
from streams.events import AgentStatusChanged, Reader
from streams.instants import from_datetime
from streams.planning.history import History
from streams.planning.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Collection
    from zoneinfo import ZoneInfo

    from streams.policies import Policies


class Past(NamedTuple):
    """Tickets, and who was at work."""

    history: History
    presence: Presence


class _Type(msgspec.Struct):
    type: str | None = None


_type_of = msgspec.json.Decoder(_Type).decode


def asked(policies: Policies) -> frozenset[str]:
    """The attributes that any policy asks for."""
    return frozenset(name for policy in policies for name in policy.when)


def from_file(source: str, policies: Policies, live: Collection[str], zone: ZoneInfo) -> Past:
    """Of JSON Lines, plain or gzip: events, or ledger records, told apart by the first line that is JSON.

    Lines that cannot be read are named on standard error and passed over. Raises ConfigError where all are such.
    """
    past = Past(History(asked(policies), live), Presence(zone))
    replay = Replay(policies)
    reader = Reader()
    events: bool | None = None

    def take(line: bytes) -> None:
        nonlocal events
        if events is None:
            events = _is_event(line)
        if events:
            _take_event(past, replay, reader, line)
        else:
            past.history.take(ledger_record.decode(line))

    taken, bad = take_lines(source, "reading", take)
    if bad:
        what = "events" if events else "ledger records"
        click.echo(f"{bad} lines of {source} are no {what} and were passed over", err=True)
    if not taken:
        remedy = "write JSON Lines of events, or of the records of ticket-ledger; a forecast in CSV goes to --forecast"
        raise ConfigError([Problem(source, None, "", f"holds no history ({remedy})")])
    for ticket_id, ticket in replay.tickets.items():
        if ticket.state is not None:
            past.history.take(ledger.record(ticket_id, ticket.state, ticket.state.last_at))
    return past


def _is_event(line: bytes) -> bool:
    """Whether it has a type, as events do; raises msgspec.DecodeError."""
    return _type_of(line).type is not None


def _take_event(past: Past, replay: Replay, reader: Reader, line: bytes) -> None:
    event = reader.read(line)
    if isinstance(event, AgentStatusChanged):
        take_status(past, event)
    else:
        replay.feed(event)


def take_status(past: Past, event: AgentStatusChanged) -> None:
    """What an agent does from then on."""
    at = from_datetime(event.occurred_at)
    past.presence.take(at, event.seq or 0, event.agent_id, event.status, event.team)
