"""When somebody was last at work here: what workers leave on the topic of their signs of life."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aiokafka.errors import KafkaError

from agents.engine.tail import newest

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
    try:
        async with asyncio.timeout(PATIENCE):
            signs = await newest(connection, topic, range(count), LOOKED_AT)
    except (KafkaError, TimeoutError):
        return None  # it is told without it, a little later
    return max((_at_work_at(record.value) for records in signs.values() for record in records), default=0) or None


def _at_work_at(value: bytes | None) -> int:
    """By its writer's clock: one that was made in an outage is appended after it. 0: not at work."""
    try:
        sign = _read(value or b"{}")
    except msgspec.MsgspecError:
        return 0
    return sign.at if sign.partitions else 0
