"""The past that a plan reckons with, from the topics ticket-ledger and agent-status-changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from agents.kafka import connection
from agents.planning.past import Past, asked, take_status
from agents.topic_reading import records
from agents.topics import Topics, present
from streams import ledger_record
from streams.events import TOPIC_OF, AgentStatusChanged, BadEvent, Reader
from streams.planning.history import History
from streams.planning.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Collection
    from zoneinfo import ZoneInfo

    from config.settings import Settings
    from streams.policies import Policies


async def from_kafka(settings: Settings, policies: Policies, live: Collection[str], zone: ZoneInfo) -> Past:
    """As far as the topics reach back. Raises Refused where one is not there or may not be read, KafkaError."""
    reached, topics = connection(settings), Topics(settings.topic_prefix, settings.app)
    statuses = topics.name(TOPIC_OF["agent_status_changed"])
    counts = await present(reached, [topics.ledger, statuses])
    past = Past(History(asked(policies), live), Presence(zone))
    reader = Reader(AgentStatusChanged)
    unreadable = 0
    async for record in records(reached, topics.ledger, range(counts[topics.ledger])):
        if record.value is None:
            continue
        try:
            past.history.take(ledger_record.decode(record.value))
        except (msgspec.DecodeError, UnicodeDecodeError):
            unreadable += 1
    async for record in records(reached, statuses, range(counts[statuses])):
        if record.value is None:
            continue
        try:
            event = reader.read(record.value)
        except BadEvent:
            unreadable += 1
        else:
            assert isinstance(event, AgentStatusChanged)
            take_status(past, event)
    if unreadable:
        click.echo(f"{unreadable} records of {topics.ledger} and {statuses} could not be read", err=True)
    return past
