"""The engine: runs partitions' owners on Kafka, exact after every crash, and rings only what is known to be due."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.engine.alarms import Alarms
from agents.engine.app import App
from agents.engine.connection import keeps_deletions, partition_counts, reach
from agents.engine.disk import Disk
from agents.engine.interface import Observer, wall_clock
from agents.engine.lane import Lane
from agents.engine.lease import Lease, ticks
from agents.engine.store import MemoryStore
from agents.errors import Refused
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from agents.engine.interface import EngineConfig, PartitionFactory
    from agents.engine.store import StateStore
    from agents.engine.transport import Portion

FAULT = 70  # exit code: a supervisor should start it again
REFRESH = 60.0  # seconds between notes that a local store is up to date
DRAIN = 20.0  # seconds in which everything sent must be acknowledged at a hand-over

STALLED = 120.0  # seconds without a turn of the event loop after which the process ends

log = logging.getLogger("slawatch.engine")


class Engine:
    """Runs a `Partition` for every partition that the consumer group gives to this process.

    Any exception in it, any lost write and any gap in the input end the process with exit code 70: what is in memory
    cannot be trusted then, and a restart finds everything again.
    """

    def __init__(
        self,
        config: EngineConfig,
        factory: PartitionFactory,
        observer: Observer | None = None,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self.config = config
        self.observer = observer or Observer()
        self.clock = clock
        self.lease = Lease(config.session_timeout / SECOND)
        self.stopping = False
        self._factory = factory
        self._stores: dict[int, StateStore] = {}
        self._lanes: dict[int, Lane] = {}
        self._found: dict[int, bool] = {}
        self._replayed: dict[int, int] = {}
        self._replay_next: dict[int, int] = {}
        self._next_changelog: dict[int, int] = {}
        self._open = False
        self.opened_at = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._disk: Disk | None = None
        self._beat = ticks()

    # For the process around it

    async def start(self) -> None:
        """Joins the group; returns once the first assignment is recovered. Waits for a Kafka that is not there.

        Raises Refused where the topics are missing or unequal, or the local state belongs to another cluster.
        """
        config = self.config
        cluster = await reach(config.connection)
        await self._check_counts()
        if config.data_dir:
            kept = await keeps_deletions(config.connection, config.changelog)
            self._disk = Disk(config.data_dir / config.changelog, cluster, kept)
        # Beside the group, for questions: on the consuming connection they wait behind the long poll.
        self._client = AIOKafkaConsumer(**config.connection.aiokafka(), request_timeout_ms=10_000)
        await self._client.start()
        self._alarms = Alarms(self, self._client)
        self.app = App(self)
        self.app.finalize()
        threading.Thread(target=self._watch, daemon=True).start()
        self.run(self._live())
        await self.app.start()
        self.run(self._alarms.ring())
        self.run(self._alarms.probe())

    async def stop(self) -> None:
        """Gives up the partitions in order: everything sent is acknowledged and committed, the group is left.

        To be called after `start` has returned.
        """
        self.stopping = True
        guard = threading.Timer(DRAIN + 10, self.fail, ["the engine did not stop in time"])
        guard.start()
        await self.giving_up()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.app.stop()
        for number in list(self._stores):
            self._drop(number)
        await self._client.stop()
        if self._disk:
            self._disk.release()
        guard.cancel()

    @property
    def open(self) -> bool:
        """Whether it is in the group and takes input of what it was given, be that nothing."""
        return self._open

    @property
    def live(self) -> frozenset[int]:
        """The partitions that are recovered and take input."""
        return frozenset(self.open_lanes)

    def owner(self, partition: int) -> Any:
        """The `Partition` of a live partition, as the factory made it. Raises KeyError."""
        return self._lanes[partition].owner

    def lag(self, partition: int) -> float:
        """Seconds since the instant up to which a live partition's input is known to be read."""
        return max(0, self.clock() - self._alarms.known_since(self._lanes[partition])) / SECOND

    @property
    def skew(self) -> int:
        """Microseconds that the broker's clock is ahead of ours, at least; 0 where it gives no time."""
        return self._alarms.skew

    def tell(self, topic: str, value: bytes) -> None:
        """Sends a record that no input caused; if it cannot be sent that is logged, and all."""

        async def send() -> None:
            try:
                await self.batches.send_and_wait(topic, value)
            except KafkaError as error:
                log.warning("a record for %s could not be sent: %r", topic, error)

        self.run(send())

    # For the transport and the table

    @property
    def committable(self) -> Mapping[TP, int]:
        lanes = self._lanes.values()
        return {TP(topic, lane.number): offset for lane in lanes for topic, offset in lane.durable.items()}

    async def assigned(self, partitions: frozenset[int]) -> None:
        try:
            await self._check_counts()
            for number in set(self._stores) - partitions:
                self._drop(number)
            new = sorted(partitions - set(self._stores))
            changelog = self.config.changelog
            ends = await self._client.end_offsets([TopicPartition(changelog, number) for number in new])
            for number in new:
                store = self._stores[number] = self._open_store(number, ends[TopicPartition(changelog, number)])
                self._found[number] = store.mark.offset >= 0
            self._replayed = dict.fromkeys(partitions, 0)
            self._replay_next = {}
        except Refused as error:
            self.fail(str(error), code=3)
        except Exception as error:  # noqa: BLE001 - Faust would go on without the partitions
            self.fail(f"the assignment could not be taken: {error!r}")

    def persisted(self, partition: int) -> int | None:
        offset = self._stores[partition].mark.offset
        return offset if offset >= 0 else None

    def replay(self, partition: int, portion: Portion) -> None:
        # Faust hands over a late record of a partition that was given up, too.
        if partition not in self._stores:
            return
        previous = portion.previous[self.config.changelog]
        if previous not in (None, self._replay_next.get(partition)):
            self.fail(f"the changelog of partition {partition} goes on at {previous}: something was lost")
        self._replay_next[partition] = portion.records[-1].offset + 1
        try:
            self._replayed[partition] += self._stores[partition].replay(portion.records, self.clock())
        except Exception as error:  # noqa: BLE001 - Faust would only log it
            self.fail(f"the changelog of partition {partition} could not be replayed: {error!r}")

    async def recovered(self, ends: dict[int, int]) -> None:
        try:
            inputs = {tp.partition for tp in self.app.consumer.assignment() if tp.topic in self.config.inputs}
            if inputs != set(self._stores):
                self.fail(f"input partitions {sorted(inputs)} but changelog partitions {sorted(self._stores)}")
            for number, store in self._stores.items():
                started = ticks()
                kept = self._lanes.get(number)
                if kept and self._replayed[number]:
                    self._lanes.pop(number).close()
                if number not in self._lanes:
                    self._lanes[number] = Lane(number, store, self._factory(number, store), self)
                    self.observer.recovered(number, self._replayed[number], self._found[number], ticks() - started)
                    await asyncio.sleep(0)
                self._next_changelog[number] = max(ends[number], store.mark.offset + 1)
            if not self._stores:
                self._open = True  # nothing to seek, so `opened` is not called
        except Exception as error:  # noqa: BLE001 - Faust drops what is raised in recovery callbacks
            self.fail(f"recovery failed: {error!r}")

    async def positions(self, committed: Mapping[TP, int | None]) -> Mapping[TP, int]:
        beginnings = await self._client.beginning_offsets([TopicPartition(*tp) for tp in committed])
        positions = {}
        for tp, offset in committed.items():
            beginning = beginnings[TopicPartition(*tp)]
            if offset is not None and offset < beginning:
                self.observer.input_lost(tp.topic, tp.partition, beginning - offset)
            positions[tp] = max(offset or 0, beginning)
        return positions

    def opened(self, positions: Mapping[TP, int]) -> None:
        for number, lane in self._lanes.items():
            mine = {tp.topic: offset for tp, offset in positions.items() if tp.partition == number}
            lane.open(mine, self._next_changelog[number])
            self._alarms.forget(number)
        self.opened_at = self.clock()
        self._open = True

    async def giving_up(self) -> None:
        live = self.live
        self._open = False
        try:
            async with asyncio.timeout(DRAIN):
                for lane in self._lanes.values():
                    await lane.drained()
        except TimeoutError:
            self.fail(f"writes were not acknowledged within {DRAIN:.0f} s at a hand-over")
        if live:
            self.observer.revoked(live)

    async def take(self, message: Any) -> None:
        lane = self._lanes.get(message.partition)
        # A portion of an earlier generation is fetched again by its next owner.
        if not self._open or lane is None or message.generation_id != self.app.consumer_generation_id:
            return
        try:
            await lane.chunk(message.value)
            await asyncio.sleep(0)  # a full queue would let nothing else have its turn
        except Exception as error:
            log.exception("partition %d", message.partition)
            self.fail(f"a portion of partition {message.partition} could not be applied: {error!r}")

    # For the lanes

    @property
    def batches(self) -> Any:
        return self.app.producer._producer

    @property
    def changelog(self) -> str:
        return self.config.changelog

    async def changelog_keys(self, partition: int, first: int, end: int) -> set[bytes]:
        tp = TopicPartition(self.config.changelog, partition)
        keys: set[bytes] = set()
        async with AIOKafkaConsumer(**self.config.connection.aiokafka()) as consumer:
            consumer.assign([tp])
            consumer.seek(tp, first)
            while await consumer.position(tp) < end:
                fetched = await consumer.getmany(tp, timeout_ms=1000)
                keys |= {record.key for record in fetched.get(tp, ()) if record.offset < end and record.key}
        return keys

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before its first step

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            log.exception("in the background")
            self.fail(repr(error))

    def fail(self, reason: str, code: int = FAULT) -> NoReturn:
        log.critical("%s; the process ends with %d", reason, code)
        logging.shutdown()
        os._exit(code)

    # For the alarms

    @property
    def open_lanes(self) -> Mapping[int, Lane]:
        return self._lanes if self._open else {}

    # Inside

    async def _live(self) -> None:
        """Shows the watch that the event loop turns, and notes now and then that the local stores are up to date."""
        refreshed = ticks()
        while True:
            self._beat = ticks()
            if self._beat - refreshed > REFRESH:
                refreshed = self._beat
                for lane in self.open_lanes.values():
                    lane.refresh()
            await asyncio.sleep(1)

    def _watch(self) -> None:
        # In a thread: heartbeats come from another one, so the group would not notice.
        while not self.stopping:
            time.sleep(1)
            if ticks() - self._beat > STALLED:
                self.fail("the event loop stands still")

    def _open_store(self, number: int, end: int) -> StateStore:
        if self._disk is None:
            return MemoryStore()

        def told(reason: str) -> None:
            log.warning("the local state of partition %d is rebuilt from the changelog: %s", number, reason)
            self.observer.rebuilt(number, reason)

        return self._disk.open(number, end, self.clock(), told)

    def _drop(self, number: int) -> None:
        lane = self._lanes.pop(number, None)
        if lane is not None:
            lane.refresh()
            lane.close()
        self._alarms.forget(number)
        self._stores.pop(number).close()

    async def _check_counts(self) -> None:
        config = self.config
        for topic, count in (await partition_counts(config.connection, (*config.inputs, config.changelog))).items():
            if count != config.partitions:
                raise Refused(
                    f"topic {topic} has {count or 'no'} partitions, {config.partitions} are configured: all input "
                    "topics and the changelog need the same number (`slawatch topics check` lists them all)"
                )
