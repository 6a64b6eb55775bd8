"""What a destination's queue had no room for: its records wait in Kafka, and are read again once it has."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

if TYPE_CHECKING:
    from agents.engine.connection import Connection
    from agents.notifier.intake import Intake
    from agents.notifier.lane import Lane
    from agents.notifier.progress import Partition

log = logging.getLogger("slawatch.notifier")

EVERY = 0.2
"""Seconds between looks at the lanes."""


class CatchingUp:
    """Reads `topic` again for the lanes of an intake, beside the consumer that reads on."""

    def __init__(self, connection: Connection, topic: str, intake: Intake) -> None:
        self._connection = connection
        self._topic = topic
        self._intake = intake

    def is_behind(self, lane: Lane) -> bool:
        """Whether records wait for it in Kafka."""
        return any(lane.name in partition.behind for partition in self._intake.partitions.values())

    async def run(self) -> None:
        """A lane catches up once it is half empty; until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            todo = [
                (number, partition, lane)
                for number, partition in self._intake.partitions.items()
                for lane in self._intake.lanes.values()
                if lane.name in partition.behind and lane.room >= lane.limit // 2
            ]
            if not todo:
                continue
            consumer = AIOKafkaConsumer(
                **self._connection.aiokafka(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
            )
            try:
                await consumer.start()
                waiting = Counter(lane.name for _, _, lane in todo)
                for number, partition, lane in todo:
                    tp = TopicPartition(self._topic, number)
                    share = lane.room // waiting[lane.name]  # else the first takes all there is, each time
                    waiting[lane.name] -= 1
                    await self._read_again(consumer, tp, partition, lane, share)
            except KafkaError as error:
                log.warning("alerts cannot be read again now: %s", type(error).__name__)
            finally:
                await consumer.stop()

    async def _read_again(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, partition: Partition, lane: Lane, count: int
    ) -> None:
        """At most so many records."""
        consumer.assign([tp])
        consumer.seek(tp, partition.behind[lane.name])
        while partition.live and lane.name in partition.behind and count > 0:
            records = (await consumer.getmany(tp, timeout_ms=500, max_records=count)).get(tp)
            if records:
                count -= len(records)
                self._intake.take_again(partition, lane, records)
            else:
                self._intake.caught_up(partition, lane, await consumer.position(tp))
