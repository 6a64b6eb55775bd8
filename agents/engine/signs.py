"""When somebody was last at work here: what workers leave on the topic of their signs of life."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

if TYPE_CHECKING:
    from agents.engine.connection import Connection

LOOKED_AT = 20
"""Records at the end of a partition: those of workers that wait for partitions tell nothing."""
PATIENCE = 5.0  # seconds for all of it


class _Sign(msgspec.Struct):
    at: int = 0
    partitions: list[int] = []


_read = msgspec.json.Decoder(_Sign).decode


async def last_sign(connection: Connection, topic: str, count: int) -> int | None:
    """The newest instant (microseconds) at which a worker had partitions and was not blind; None: nothing says so."""
    newest = None
    try:
        async with asyncio.timeout(PATIENCE), AIOKafkaConsumer(**connection.aiokafka()) as consumer:
            places = [TopicPartition(topic, number) for number in range(count)]
            begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
            consumer.assign(places)
            for place in places:
                consumer.seek(place, max(begins[place], ends[place] - LOOKED_AT))
            left = [place for place in places if begins[place] < ends[place]]
            while left:
                for records in (await consumer.getmany(*left, timeout_ms=500)).values():
                    for record in records:
                        newest = max(newest or 0, _at_work_at(record.value)) or None
                left = [place for place in left if await consumer.position(place) < ends[place]]
    except (KafkaError, TimeoutError):
        return newest  # it is told without it, a little later
    return newest


def _at_work_at(value: bytes | None) -> int:
    """By its writer's clock: one that was made in an outage is appended after it. 0: not at work."""
    try:
        sign = _read(value or b"{}")
    except msgspec.MsgspecError:
        return 0
    return sign.at if sign.partitions else 0
