"""Whether Kafka is there: only where all of a topic answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from aiokafka.errors import KafkaError

from agents.notifier.notifier import all_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import AIOKafkaConsumer, TopicPartition


class Consumer:
    """Knows the partitions of a topic, or none."""

    def __init__(self, numbers: set[int] | None) -> None:
        self.numbers = numbers
        self.asked: list[int] = []

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self.numbers

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        self.asked += [place.partition for place in places]
        return dict.fromkeys(places, 0)


async def test_every_partition_is_asked() -> None:
    consumer = Consumer({0, 1, 2})
    await all_answer(cast("AIOKafkaConsumer", consumer), "sla-alerts")
    assert consumer.asked == [0, 1, 2]


@pytest.mark.parametrize("numbers", [None, set()])
async def test_a_topic_that_nobody_knows_is_no_answer(numbers: set[int] | None) -> None:
    """As the metadata of a broker that has just come back: with nothing to ask all seemed well."""
    with pytest.raises(KafkaError):
        await all_answer(cast("AIOKafkaConsumer", Consumer(numbers)), "sla-alerts")
