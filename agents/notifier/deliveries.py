"""The topic `sla-deliveries`: every outcome is there before a message counts as done, and is read back from there."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from agents.notifier.claims import KEPT, ClaimsUnavailable
from agents.notifier.message import FINAL, Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from aiokafka import AIOKafkaProducer

    from agents.notifier.claims import Claims

log = logging.getLogger("slawatch.notifier")

RETRY = 1.0
"""Seconds between attempts while Kafka or the claims are away."""


class Log(Protocol):
    """Where a lane tells what came of its messages."""

    async def ahead(self, delivery: Delivery) -> None:
        """Written and acknowledged on return."""

    def put(self, delivery: Delivery, done: Callable[[], None]) -> None:
        """Written soon; `done` is called once the outcome is durable and its claim says so too."""


class DeliveryLog:
    """Writes outcomes in batches: first the topic, then the claims, then `done`. Waits as long as Kafka is away."""

    def __init__(self, topic: str, claims: Claims) -> None:
        self._producer: AIOKafkaProducer  # from `use` on
        self._topic = topic
        self._claims = claims
        self._queue: asyncio.Queue[tuple[Delivery, Callable[[], None]]] = asyncio.Queue()

    def use(self, producer: AIOKafkaProducer) -> None:
        """Write with this one; nothing is written before."""
        self._producer = producer

    async def ahead(self, delivery: Delivery) -> None:
        """See the port."""
        await self._write([delivery])

    def put(self, delivery: Delivery, done: Callable[[], None]) -> None:
        """See the port."""
        self._queue.put_nowait((delivery, done))

    async def run(self) -> None:
        """Write what is put, until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            deliveries = [delivery for delivery, _ in batch]
            await self._write(deliveries)
            await self._note(deliveries)
            for _, done in batch:
                done()
                self._queue.task_done()

    async def drained(self) -> None:
        """Everything put so far is durable."""
        await self._queue.join()

    async def _write(self, deliveries: list[Delivery]) -> None:
        """A record written twice after a failure is the same record: the topic is compacted."""
        while True:
            try:
                acks = [
                    await self._producer.send(self._topic, msgspec.json.encode(delivery), delivery.key.encode())
                    for delivery in deliveries
                ]
                await asyncio.gather(*acks)
            except KafkaError as error:
                log.warning("outcomes wait: %s does not take records (%s)", self._topic, type(error).__name__)
                await asyncio.sleep(RETRY)
            else:
                return

    async def _note(self, deliveries: list[Delivery]) -> None:
        while True:
            try:
                await self._claims.finish((d.key, d.state) for d in deliveries if d.state in FINAL)
            except ClaimsUnavailable:
                await asyncio.sleep(RETRY)
            else:
                return


class Refill:
    """Fills the claims from the topic: first with all that alerts on `sla-alerts` can need, later what is new."""

    def __init__(self, kafka: Mapping[str, Any], topic: str, claims: Claims, clock: Callable[[], int]) -> None:
        self._kafka = kafka
        self._topic = topic
        self._claims = claims
        self._clock = clock
        self._read: dict[int, int] = {}  # partition -> next offset

    def forget(self) -> None:
        """The claims were flushed: fill them from the beginning."""
        self._read.clear()

    async def run(self) -> int:
        """Fill; returns how many outcomes were read. Raises ClaimsUnavailable and KafkaError."""
        count = 0
        positions = dict(self._read)
        async for deliveries in self._new(positions):
            count += len(deliveries)
            await self._claims.finish((d.key, d.state) for d in deliveries)
        await self._claims.filled()
        self._read = positions
        return count

    async def _new(self, positions: dict[int, int]) -> AsyncIterator[list[Delivery]]:
        """What was written since `positions`, which move on, up to the end at the time of the call."""
        consumer = AIOKafkaConsumer(self._topic, **self._kafka, group_id=None, enable_auto_commit=False)
        await consumer.start()
        try:
            partitions = sorted(consumer.assignment())
            ends = await consumer.end_offsets(partitions)
            fresh = [tp for tp in partitions if tp.partition not in positions]
            since = max(self._clock() - KEPT, 0) // 1000
            for tp, found in (await consumer.offsets_for_times(dict.fromkeys(fresh, since))).items():
                positions[tp.partition] = found.offset if found else ends[tp]
            todo = [tp for tp in partitions if positions[tp.partition] < ends[tp]]
            for tp in todo:
                consumer.seek(tp, positions[tp.partition])
            while todo:
                batches = await consumer.getmany(*todo, timeout_ms=500, max_records=5000)
                yield list(_decoded(record.value for records in batches.values() for record in records))
                for tp in todo:
                    positions[tp.partition] = await consumer.position(tp)
                todo = [tp for tp in todo if positions[tp.partition] < ends[tp]]
        finally:
            await consumer.stop()


def _decoded(values: Iterable[bytes | None]) -> Iterable[Delivery]:
    decoder = msgspec.json.Decoder(Delivery)
    for value in values:
        if value is None:
            continue
        try:
            yield decoder.decode(value)
        except msgspec.MsgspecError as error:
            log.error("a record of sla-deliveries cannot be read and is passed over: %s", error)
