"""Whether workers are alive: their signs on the topic worker-heartbeats, and which partitions they are at."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from agents.notifier.watch import Trouble
from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.engine.connection import Connection

FRESH = MINUTE
"""How long a sign counts, in microseconds: workers give one every few seconds."""
RETRY = 1.0
"""Seconds after an error."""

log = logging.getLogger("slawatch.notifier")


class _Sign(msgspec.Struct):
    """What a worker writes; a notifier's own has neither."""

    worker: int | None = None
    partitions: list[int] | None = None


_decode = msgspec.json.Decoder(_Sign).decode


class Signs:
    """Which partitions were at work when. `clock` gives microseconds since the epoch, by the brokers' time."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._since = clock()
        self._seen: dict[int, int] = {}  # partition -> newest sign of a worker at it
        self.partitions = 0
        """How many there are."""
        self.up_to_date = False
        """Whether the topic is read up to about now: else nobody knows who is alive."""

    def take(self, value: bytes | None, at: int) -> None:
        """A record of the topic, with the instant at which the broker took it."""
        try:
            sign = _decode(value or b"")
        except msgspec.MsgspecError:
            return
        if sign.worker is not None:
            for partition in sign.partitions or ():
                self._seen[partition] = max(at, self._seen.get(partition, at))

    def at_work(self) -> set[int]:
        """The partitions whose tickets a worker looks after now."""
        now = self._clock()
        return {partition for partition, at in self._seen.items() if now - at <= FRESH}

    def missing(self) -> list[Trouble]:
        """Whether partitions have no worker; nothing where that cannot be known."""
        if not self.up_to_date:
            return []
        alive = self.at_work()
        missing = [number for number in range(self.partitions) if number not in alive]
        if not missing:
            return []
        since = min(self._seen.get(number, self._since) for number in missing)
        which = (
            "no worker is at work" if not alive else f"{len(missing)} of {self.partitions} partitions have no worker"
        )
        return [Trouble("workers", "", since, f"{which}: their tickets' deadlines pass unseen")]


class SignReader:
    """Reads the topic from a minute ago on, and goes on until cancelled."""

    def __init__(self, connection: Connection, topic: str, signs: Signs, clock: Callable[[], int]) -> None:
        self._connection = connection
        self._topic = topic
        self._signs = signs
        self._clock = clock

    async def run(self) -> None:
        """Waits as long as Kafka is away."""
        while True:
            try:
                await self._read()
            except KafkaError as error:
                self._signs.up_to_date = False
                log.warning("the workers' signs cannot be read now: %r", error)
                await asyncio.sleep(RETRY)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(self._topic, **self._connection.aiokafka(), group_id=None, enable_auto_commit=False)
        await consumer.start()
        try:
            self._signs.partitions = len(consumer.assignment())  # all topics have as many
            await self._go_back(consumer)
            while True:
                # Whether Kafka answers at all: without it getmany returns nothing, and says nothing.
                ends = await asyncio.wait_for(consumer.end_offsets(sorted(consumer.assignment())), FRESH / 1_000_000)
                batches = await consumer.getmany(timeout_ms=1000, max_records=5000)
                for records in batches.values():
                    for record in records:
                        self._signs.take(record.value, record.timestamp * 1000)
                self._signs.up_to_date = all([await consumer.position(place) >= end for place, end in ends.items()])
        except TimeoutError:
            raise KafkaError("no answer in time") from None
        finally:
            await consumer.stop()

    async def _go_back(self, consumer: Any) -> None:
        places = sorted(consumer.assignment())
        since = max(self._clock() - FRESH, 0) // 1000
        found = await consumer.offsets_for_times(dict.fromkeys(places, since))
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, found[place].offset if found.get(place) else ends[place])
