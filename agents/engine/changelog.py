"""The changelog read beside the group, one partition after the other: each can be opened before the next is read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.engine.connection import Connection
    from agents.engine.replay import Replay

LOT = 2_000  # records that are replayed between two turns of the event loop
WAIT = 500  # milliseconds for the next ones
_FETCH = 4 << 20  # bytes of a fetch


class Changelog:
    """A topic, to be read in a context; its consumer is started when something is to be read."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def replay(self, partition: int, replay: Replay, end: int, clock: Callable[[], int]) -> None:
        """Hands over what is missing of a partition up to `end`. Raises KafkaError."""
        if self._consumer is None:
            self._consumer = self._made()
            await self._consumer.start()
        place = TopicPartition(self._topic, partition)
        self._consumer.assign([place])
        self._consumer.seek(place, replay.next)
        while await self._consumer.position(place) < end:
            fetched = await self._consumer.getmany(place, timeout_ms=WAIT, max_records=LOT)
            if records := fetched.get(place):
                replay.take(records, None, clock())
            await asyncio.sleep(0)

    def _made(self) -> Any:
        return AIOKafkaConsumer(
            **self._connection.aiokafka(),
            auto_offset_reset="earliest",  # compaction may have taken what comes next
            isolation_level="read_committed",  # what a transaction took back never was
            max_partition_fetch_bytes=_FETCH,
        )
