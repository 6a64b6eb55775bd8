"""Parts of topics, read beside the group: the newest records, the keys of a stretch."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from aiokafka import ConsumerRecord

    from agents.engine.connection import Connection


@asynccontextmanager
async def reading(connection: Connection, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group that knows where these topics lie. Raises KafkaError where no broker answers.

    Partitions are to be assigned and sought in one step: what is assigned is fetched at once, from its end where
    nothing else was said, and such a fetch holds up all others for half a second.
    """
    async with AIOKafkaConsumer(**connection.aiokafka()) as consumer:
        # Else the first question finds no leader, and is asked again after a tenth of a second.
        await consumer._client.set_topics(topics)
        yield consumer


async def newest(
    connection: Connection, topic: str, partitions: Iterable[int], count: int
) -> dict[int, list[ConsumerRecord]]:
    """Up to `count` records of each partition, in their order. Raises KafkaError where no broker answers."""
    places = [TopicPartition(topic, number) for number in partitions]
    found: dict[int, list[ConsumerRecord]] = {place.partition: [] for place in places}
    if not places:
        return found
    async with reading(connection, topic) as consumer:
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        left = [place for place in places if begins[place] < ends[place]]
        consumer.assign(left)
        for place in left:
            consumer.seek(place, max(begins[place], ends[place] - count))
        while left:
            for place, records in (await consumer.getmany(*left, timeout_ms=500)).items():
                found[place.partition] += records
            left = [place for place in left if await consumer.position(place) < ends[place]]
    return found


async def keys_between(connection: Connection, topic: str, partition: int, first: int, end: int) -> set[bytes]:
    """The keys of a partition's records in [first, end). Raises KafkaError where no broker answers."""
    place = TopicPartition(topic, partition)
    keys: set[bytes] = set()
    async with reading(connection, topic) as consumer:
        consumer.assign([place])
        consumer.seek(place, first)
        while await consumer.position(place) < end:
            fetched = await consumer.getmany(place, timeout_ms=1000)
            keys |= {record.key for record in fetched.get(place, ()) if record.offset < end and record.key}
    return keys
