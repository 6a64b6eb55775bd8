"""The values of a topic, of all its partitions, from their beginnings to what was their end at the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agents.engine import Connection


async def values(reach: Connection, topic: str, partitions: int) -> AsyncIterator[bytes]:
    """Those of one partition in their order; records without a value are left out. Raises KafkaError."""
    places = [TopicPartition(topic, number) for number in range(partitions)]
    async with AIOKafkaConsumer(
        **reach.aiokafka(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign(places)  # once: aiokafka may hang when it is stopped soon after another assignment
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, begins[place])
        while places := [place for place in places if await consumer.position(place) < ends[place]]:
            for place, records in (await consumer.getmany(*places, timeout_ms=1_000)).items():
                for record in records:
                    if record.offset < ends[place] and record.value is not None:
                        yield record.value
