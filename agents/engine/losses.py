"""Input that the brokers dropped before it was read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaConsumer
    from faust.types import TP

LOOK = 1.0  # seconds between looks


class Gap(NamedTuple):
    """Reading went on at `found` where it should have at `expected`.

    Marks of transactions leave such gaps too; and aiokafka goes on at the beginning, in silence, where what it asks
    for is gone.
    """

    tp: TP
    expected: int
    found: int


async def tell_losses(
    client: AIOKafkaConsumer, gaps: Callable[[], list[Gap]], told: Callable[[str, int, int], None]
) -> NoReturn:
    """Looks for ever at the gaps there are, and tells topic, partition and how many records were dropped in them."""
    open_gaps: list[Gap] = []
    while True:
        await asyncio.sleep(LOOK)
        open_gaps += gaps()
        if not open_gaps:
            continue
        with suppress(KafkaError):  # then at the next time
            begins = await client.beginning_offsets(list({TopicPartition(*gap.tp) for gap in open_gaps}))
            for tp, expected, found in open_gaps:
                lost = min(begins[TopicPartition(*tp)], found) - expected
                if lost > 0:
                    told(tp.topic, tp.partition, lost)
            open_gaps = []
