"""Input that the brokers dropped before it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiokafka import AIOKafkaConsumer
    from faust.types import TP


class Gap(NamedTuple):
    """Reading went on at `found` where it should have at `expected`.

    Marks of transactions leave such gaps too; and aiokafka goes on at the beginning, in silence, where what it asks
    for is gone.
    """

    tp: TP
    expected: int
    found: int


async def losses(client: AIOKafkaConsumer, gaps: Iterable[Gap]) -> Iterator[tuple[TP, int]]:
    """Of the gaps those in which records were dropped, with how many at most. Raises KafkaError."""
    gaps = list(gaps)
    beginnings = await client.beginning_offsets(list({TopicPartition(*gap.tp) for gap in gaps}))
    lost = ((gap.tp, min(beginnings[TopicPartition(*gap.tp)], gap.found) - gap.expected) for gap in gaps)
    return ((tp, records) for tp, records in lost if records > 0)
