"""Puts events on the input topics as any client would, and tells how far a group has read and what lies on a topic."""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import Producer
from topic_records import read_records

from streams.events import TOPIC_OF
from streams.instants import format_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FLUSH_WITHIN = 60  # seconds
_numbers = itertools.count(1)


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def event(kind: str, ticket_id: str, at: int, **fields: Any) -> dict[str, Any]:
    """An event with an id of its own."""
    common = {"event_id": f"E{next(_numbers)}", "type": kind, "ticket_id": ticket_id, "occurred_at": format_instant(at)}
    return common | fields


def created(ticket_id: str, at: int, **fields: Any) -> dict[str, Any]:
    return event("ticket_created", ticket_id, at, **fields)


def replied(ticket_id: str, at: int, **fields: Any) -> dict[str, Any]:
    return event("agent_replied", ticket_id, at, **fields)


class EventWriter:
    """Writes to one installation's topics. `put` only queues; `flush` waits until everything is acknowledged."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self._errors: list[object] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 1,
                "log_level": 2,
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def put(self, *events: Mapping[str, Any]) -> None:
        """Queue events for the topics of their types, keyed by their tickets."""
        for one in events:
            self.put_raw(TOPIC_OF[one["type"]], one["ticket_id"].encode(), json.dumps(one).encode())

    def put_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        """Queue a record for a topic, named without the prefix."""
        self._producer.produce(self._prefix + topic, value, key, headers=headers or [], on_delivery=self._delivered)
        self._producer.poll(0)

    def flush(self) -> None:
        left = self._producer.flush(_FLUSH_WITHIN)
        assert not left, f"{left} records are not acknowledged"
        assert not self._errors, self._errors[:3]

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            self._errors.append(error)


class Pace:
    """So many a second: `owed()` says how many are due and not taken yet."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._started = time.monotonic()
        self.taken = 0

    def owed(self) -> int:
        owed = int((time.monotonic() - self._started) * self._rate) - self.taken
        self.taken += owed
        return owed

    @property
    def achieved(self) -> float:
        """What was taken a second so far."""
        return self.taken / (time.monotonic() - self._started)


async def unread(bootstrap: str, group: str, topics: Iterable[str], partitions: int) -> int:
    """Records of the topics that the group has not committed as done."""
    places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        ends = await consumer.end_offsets(places)
    return sum(ends[place] - (committed[place].offset if place in committed else 0) for place in places)


async def last_of_each(bootstrap: str, topic: str, partitions: int) -> dict[bytes | None, ConsumerRecord]:
    """What compaction leaves of a topic: the last record of each key."""
    return {record.key: record for record in await read_records(bootstrap, [topic], partitions)}
