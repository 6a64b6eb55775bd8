"""A topic read from its beginning to what was its end at the call, beside any group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from aiokafka import ConsumerRecord

    from agents.engine import Connection


async def records(reach: Connection, topic: str, partitions: Collection[int]) -> AsyncIterator[ConsumerRecord]:
    """Those of one partition in their order. Raises KafkaError."""
    places = [TopicPartition(topic, number) for number in partitions]
    async with AIOKafkaConsumer(
        **reach.aiokafka(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign(places)  # once: aiokafka may hang when it is stopped soon after another assignment
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, begins[place])
        while places := [place for place in places if await consumer.position(place) < ends[place]]:
            for place, found in (await consumer.getmany(*places, timeout_ms=1_000)).items():
                for record in found:
                    if record.offset < ends[place]:
                        yield record
