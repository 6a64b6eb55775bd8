"""A topic of which one partition is used, for its order: read from its beginning, and appended to."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.topics import LARGEST_RECORD

if TYPE_CHECKING:
    from agents.engine import Connection

PARTITION = 0
"""All topics have the same number of partitions; of these a single one is used."""
_NEWS_WITHIN = 0.25  # seconds: a question asked on the same connection waits so long at most
_LOOK = 1.0  # seconds


class Entry(NamedTuple):
    """A record of the topic."""

    offset: int
    value: bytes | None


class OnePartition:
    """Reads the topic from its beginning. An async context manager; raises KafkaError."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self._connection = connection
        self._place = TopicPartition(name, PARTITION)
        self._consumer: AIOKafkaConsumer

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            **self._connection.aiokafka(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=round(_NEWS_WITHIN * 1000),
            max_partition_fetch_bytes=LARGEST_RECORD,
        )
        await self._consumer.start()
        self._consumer.assign([self._place])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def entries(self) -> list[Entry]:
        """All records that came since the last call, waiting about a second for the first of them."""
        found: list[Entry] = []
        while True:
            fetched = await self._consumer.getmany(self._place, timeout_ms=round(_LOOK * 1000))
            records = fetched.get(self._place, ())
            found += [Entry(record.offset, record.value) for record in records]
            if not records or await self.position() >= (self._consumer.highwater(self._place) or 0):
                return found

    async def position(self) -> int:
        """Records before this offset were returned by `entries`."""
        position: int = await self._consumer.position(self._place)
        return position

    async def end(self) -> int:
        """The offset after the newest record."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets([self._place])
        return ends[self._place]

    async def whole(self) -> list[Entry]:
        """All records that there are at the call; to be called first and alone."""
        end = await self.end()
        found: list[Entry] = []
        while await self.position() < end:
            found += await self.entries()
        return found


async def append(connection: Connection, topic: str, key: str, value: bytes) -> int:
    """Write a record, acknowledged by all replicas in sync on return; its offset. Raises KafkaError."""
    async with AIOKafkaProducer(
        **connection.aiokafka(), acks="all", enable_idempotence=True, max_request_size=LARGEST_RECORD
    ) as producer:
        written: Any = await producer.send_and_wait(topic, value, key.encode(), partition=PARTITION)
    offset: int = written.offset
    return offset


async def whoami() -> str:
    """Whoever runs this process, as user@host."""
    return await asyncio.to_thread(_whoami)


def _whoami() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user needs no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
