"""The topic `sla-deliveries`: every outcome is there before a message counts as done, and is read back from there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from agents.notifier.claims import KEPT, ClaimsUnavailable
from agents.notifier.message import FINAL, Delivery
from agents.notifier.references import References

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping

    from aiokafka import AIOKafkaProducer

    from agents.notifier.claims import Claims

log = logging.getLogger("slawatch.notifier")

T = TypeVar("T")

RETRY = 1.0
"""Seconds between attempts while Kafka or the claims are away."""

NOBODY = "-"
"""A token that no sender has."""


class Log(Protocol):
    """Where a lane tells what came of its messages."""

    async def ahead(self, delivery: Delivery) -> None:
        """Written and acknowledged on return."""

    def put(self, delivery: Delivery, done: Callable[[], None]) -> None:
        """Written soon, after all that was put before; `done` is called once it is acknowledged."""


class DeliveryLog:
    """Writes outcomes in batches to the topic, and notes those that are ends in the claims.

    It waits as long as Kafka is away. Outcomes reach the topic while the claims are away: they are filled from it.
    """

    def __init__(self, topic: str, claims: Claims) -> None:
        self._producer: AIOKafkaProducer  # from `use` on
        self._topic = topic
        self._claims = claims
        self._queue: asyncio.Queue[tuple[Delivery, Callable[[], None]]] = asyncio.Queue()
        self._unnoted: asyncio.Queue[Delivery] = asyncio.Queue()

    def use(self, producer: AIOKafkaProducer) -> None:
        """Write with this one; nothing is written before."""
        self._producer = producer

    async def ahead(self, delivery: Delivery) -> None:
        """See the port."""
        acknowledged = asyncio.Event()
        self.put(delivery, acknowledged.set)
        await acknowledged.wait()

    def put(self, delivery: Delivery, done: Callable[[], None]) -> None:
        """See the port."""
        self._queue.put_nowait((delivery, done))

    async def write(self) -> None:
        """Write what is put, until cancelled."""
        while True:
            batch = await _taken(self._queue)
            # Of a message that was begun and ended since the last batch, the end is enough.
            latest = {delivery.key: delivery for delivery, _ in batch}
            await self._write(list(latest.values()))
            for delivery in latest.values():
                if delivery.state in FINAL:
                    self._unnoted.put_nowait(delivery)
            for _, done in batch:
                done()
                self._queue.task_done()

    async def note(self) -> None:
        """Tell the claims which messages have ended, until cancelled."""
        while True:
            batch = await _taken(self._unnoted)
            while True:
                try:
                    await self._claims.finish((delivery.key, delivery.state) for delivery in batch)
                except ClaimsUnavailable:
                    await asyncio.sleep(RETRY)
                else:
                    break
            for _ in batch:
                self._unnoted.task_done()

    async def drained(self) -> None:
        """Everything put so far is durable, and noted."""
        await self._queue.join()
        await self._unnoted.join()

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


async def _taken(queue: asyncio.Queue[T]) -> list[T]:
    """All there is, at least one."""
    batch = [await queue.get()]
    while not queue.empty():
        batch.append(queue.get_nowait())
    return batch


class Begun:
    """What outcomes read in their order leave open: messages whose last word is no end, and who holds them.

    A message of a digest is held by the digest until its own record says what became of it: the digest's tells that.
    """

    def __init__(self) -> None:
        self.own: dict[str, str] = {}
        self.summed_up: dict[str, str] = {}

    def read(self, delivery: Delivery) -> None:
        """One record more."""
        self.own.pop(delivery.key, None)
        self.summed_up.pop(delivery.key, None)
        if delivery.state in ("sending", "ambiguous"):
            self.own[delivery.key] = delivery.holder or NOBODY
        holder = delivery.members_holder
        for key in (delivery.members or ()) if holder else ():
            if delivery.state in ("put_off", "void"):  # it was not sent
                if self.summed_up.get(key) == holder:
                    del self.summed_up[key]
            else:
                self.summed_up[key] = holder or ""


class Refill:
    """Fills the claims from the topic: first with all that alerts on `sla-alerts` can need, later what is new."""

    def __init__(
        self,
        kafka: Mapping[str, Any],
        topic: str,
        claims: Claims,
        clock: Callable[[], int],
        references: References | None = None,
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._claims = claims
        self._clock = clock
        self._references = references or References()
        self._read: dict[int, int] = {}  # partition -> next offset

    async def run(self) -> int:
        """Fill; returns how many outcomes were read. Raises ClaimsUnavailable and KafkaError."""
        total = 0
        while True:
            if not await self._claims.begin():
                self._read.clear()
            positions = dict(self._read)
            begun = Begun()
            async with contextlib.aclosing(self._new(positions)) as batches:
                async for deliveries in batches:
                    total += len(deliveries)
                    for delivery in deliveries:
                        begun.read(delivery)
                        self._references.learn(delivery)
                    await self._claims.finish((d.key, d.state) for d in deliveries if d.state in FINAL)
            await self._claims.left(begun.own.items())
            await self._claims.left(begun.summed_up.items())  # after: what a message's own record says goes first
            if await self._claims.filled():
                self._read = positions
                return total
            self._read.clear()
            log.warning("claims were lost while they were filled from %s: once more", self._topic)

    async def _new(self, positions: dict[int, int]) -> AsyncGenerator[list[Delivery], None]:
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
