"""The event that an acknowledgement is, and its way onto Kafka: written before anybody is told that it is done."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.engine.connection import be_patient
from streams.events import AlertAcknowledged
from streams.instants import to_datetime

if TYPE_CHECKING:
    from agents.engine.connection import Connection

PATIENCE = 8.0
"""Seconds until Kafka counts as away."""

LONGEST_NAME = 100
LONGEST_NOTE = 500


class NotWritten(Exception):
    """Kafka did not say that it has the event. It may have: the same one sent again counts once."""


def event_id(alert_id: str) -> str:
    """The same alert's acknowledgement is always the same event: however often it comes, the first counts."""
    return f"ack-{alert_id}"


def acknowledged(alert_id: str, ticket_id: str, by: str | None, note: str | None, now: int) -> AlertAcknowledged:
    """The event; `now` in microseconds since the epoch."""
    return AlertAcknowledged(
        event_id=event_id(alert_id),
        occurred_at=to_datetime(now),
        source="slawatch",
        ticket_id=ticket_id,
        alert_id=alert_id,
        by=by or None,
        note=note or None,
    )


class Acknowledgements:
    """Writes to the topic `alert-acknowledged`; connects when there is something to write."""

    def __init__(self, connection: Connection, topic: str, patience: float = PATIENCE) -> None:
        self._connection = connection
        self._topic = topic
        self._patience = patience
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def write(self, event: AlertAcknowledged) -> None:
        """Returns once Kafka has it. Raises NotWritten."""
        try:
            async with asyncio.timeout(self._patience):
                producer = await self._connected()
                await producer.send_and_wait(self._topic, msgspec.json.encode(event), event.key.encode())
        except (KafkaError, TimeoutError, OSError) as error:
            raise NotWritten(type(error).__name__) from error

    async def close(self) -> None:
        """Let go of Kafka."""
        if self._producer is not None:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(self._producer.stop(), self._patience)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._connection.aiokafka(), acks="all", enable_idempotence=True)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                be_patient(producer)
                self._producer = producer
            return self._producer
