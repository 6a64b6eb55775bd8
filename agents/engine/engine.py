"""The engine: runs partitions' owners on Kafka, exact after every crash, and rings only what is known to be due."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.engine.alarms import Alarms
from agents.engine.app import App
from agents.engine.changelog import Changelog
from agents.engine.clock import Clock
from agents.engine.connection import be_patient, keeps_deletions, partition_counts, reach
from agents.engine.disk import Disk
from agents.engine.interface import Observer, wall_clock
from agents.engine.lane import Lane
from agents.engine.lease import Lease, ticks
from agents.engine.losses import tell_losses
from agents.engine.placement import LOOK, refuse_unequal, stay_equal
from agents.engine.replay import Replay
from agents.engine.signs import last_sign
from agents.engine.store import MemoryStore
from agents.engine.tail import keys_between, newest
from agents.engine.trouble import FullError, UnusableError
from agents.errors import Refused
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping

    from agents.engine.interface import EngineConfig, PartitionFactory, Record
    from agents.engine.store import StateStore

FAULT = 70  # exit code: a supervisor should start it again
REFRESH = 60.0  # seconds between notes that a local store is up to date
DRAIN = 20.0  # seconds in which everything sent must be acknowledged at a hand-over
TELL = 5.0  # seconds in which what operations are told may still leave at the end

SAID = 4000  # alerts of a partition whose writer may have died before their tickets' state
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
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`prepare` is awaited whenever this process has been given partitions, before the factory is called for
        them: what they are judged by must be as new as it was where they come from."""
        self.config = config
        self.observer = observer or Observer()
        self.clock = Clock(clock, config.max_skew)
        self.lease = Lease(config.session_timeout / SECOND)
        self.stopping = False
        self._counted = (*config.inputs, config.changelog)
        self._factory = factory
        self._prepare = prepare
        self._stores: dict[int, StateStore] = {}
        self._lanes: dict[int, Lane] = {}
        self._found: dict[int, bool] = {}
        self._replays: dict[int, Replay] = {}
        self._ends: dict[int, int] = {}  # of the changelog, when partitions were given to us
        self._next_changelog: dict[int, int] = {}
        self._said: dict[int, list[Record]] = {}  # to be recalled once the partition opens
        self._open = False
        self._opening: asyncio.Task[None] | None = None  # loads partitions and opens them, one after the other
        self._opened_at: dict[int, int] = {}
        self._last_sign: int | None = None
        self._telling = asyncio.Lock()
        self._untold: set[asyncio.Task[None]] = set()
        self._connected = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._disk: Disk | None = None
        self._beat = ticks()

    # For the process around it

    async def start(self) -> None:
        """Joins the group; returns once the first assignment is taken: its partitions are restored and opened then.

        Waits for a Kafka that is not there, and until its clock and ours agree: a wrong time would end windows, forget
        tickets and refuse events for good, and the partitions are better off with a worker whose clock is right.

        Raises Refused where the topics are missing or unequal, or the local state belongs to another cluster.
        """
        config = self.config
        cluster = await reach(config.connection)
        await self._check_counts()
        if config.data_dir:
            kept = await keeps_deletions(config.connection, config.changelog)
            owner = f"{config.changelog} of {config.partitions} partitions in the Kafka cluster {cluster}"
            self._disk = Disk(config.data_dir / config.changelog, owner, kept, self.fail)
        # Beside the group, for questions: on the consuming connection they wait behind the long poll.
        self._client = AIOKafkaConsumer(
            **config.connection.aiokafka(), request_timeout_ms=10_000, metadata_max_age_ms=int(LOOK * 1000)
        )
        await self._client.start()
        self._client._client.set_topics(self._counted)  # by itself it would ask for every topic of the cluster
        # Beside the lanes': it needs no membership, and its records do not wait behind theirs.
        self.teller = AIOKafkaProducer(**config.connection.aiokafka(), acks="all")
        await self.teller.start()
        be_patient(self.teller)
        self._connected.set()
        self._last_sign = await last_sign(config.connection, config.heartbeats, config.partitions)
        self._alarms = Alarms(self, self._client)
        self.run(self._alarms.compare())
        await self._alarms.agreed.wait()
        self.app = App(self)
        self.app.finalize()
        threading.Thread(target=self._watch, daemon=True).start()
        self.run(self._live())
        await self.app.start()
        self.run(self._alarms.ring())
        self.run(self._look_at_counts())
        self.run(tell_losses(self._client, self.app.consumer.gaps, self.observer.input_lost))

    async def stop(self) -> None:
        """Gives up the partitions in order: everything sent is acknowledged and committed, the group is left.

        To be called after `start` has returned.
        """
        self.stopping = True
        guard = threading.Timer(DRAIN + 10, self.fail, ["the engine did not stop in time"])
        guard.start()
        await self.giving_up()
        await self._told()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.app.stop()
        for number in list(self._stores):
            self._drop(number)
        await self._client.stop()
        await self.teller.stop()
        if self._disk:
            self._disk.release()
        guard.cancel()

    @property
    def open(self) -> bool:
        """Whether it is in the group and takes input of all that it was given, be that nothing."""
        return self._open and self._opening is None

    @property
    def live(self) -> frozenset[int]:
        """The partitions that are recovered, take input and cannot have another owner yet."""
        return frozenset(self.open_lanes) if self.lease.valid else frozenset()

    def owner(self, partition: int) -> Any:
        """The `Partition` of a live partition, as the factory made it. Raises KeyError."""
        return self._lanes[partition].owner

    def lag(self, partition: int) -> float:
        """Seconds since the instant up to which a live partition's input is known to be read."""
        return max(0, self.clock() - self._alarms.known_since(self._lanes[partition])) / SECOND

    @property
    def skew(self) -> int:
        """Microseconds that the broker's clock is ahead of the system's, at least; 0 where it gives no time."""
        return self.clock.skew

    def tell(self, topic: str, value: bytes) -> None:
        """Sends a record that no input caused, as soon as that is possible, to a partition that every reader knows."""

        async def send() -> None:
            async with self._telling:  # one after the other: "recovered" must not be before "raised"
                await self._connected.wait()  # what is wrong may be known before Kafka is reached
                while True:
                    try:
                        await self.teller.send_and_wait(topic, value, partition=0)
                    except KafkaError as error:
                        log.warning("a record for %s waits, Kafka does not take it: %r", topic, error)
                        await asyncio.sleep(1)
                    else:
                        return

        if self.lease.valid:  # nothing leaves a process that was stopped while another took over
            task = self._started(send())
            self._untold.add(task)
            task.add_done_callback(self._untold.discard)

    # For the transport and the table

    @property
    def committable(self) -> Mapping[TP, int]:
        passed = self.app.consumer.passed
        durable = [(TP(topic, n), offset) for n, lane in self._lanes.items() for topic, offset in lane.durable.items()]
        return {tp: passed(tp, offset) for tp, offset in durable}

    async def assigned(self, partitions: frozenset[int]) -> None:
        try:
            await self._stop_opening()
            await self._check_counts()
            for number in set(self._stores) - partitions:
                self._drop(number)
            ends = await self._client.end_offsets([TopicPartition(self.changelog, number) for number in partitions])
            self._ends = {place.partition: end for place, end in ends.items()}
            for number in sorted(partitions - set(self._stores)):
                store = self._stores[number] = self._open_store(number, self._ends[number])
                self._found[number] = store.mark.offset >= 0
            self._replays = {number: Replay(self._stores[number]) for number in partitions}
        except Refused as error:
            await self._refuse(error)
        except (FullError, UnusableError) as error:
            self.fail(str(error))
        except Exception as error:  # noqa: BLE001 - Faust would go on without the partitions
            self.fail(f"the assignment could not be taken: {error!r}")

    def persisted(self, partition: int) -> int | None:
        end = self._ends[partition]
        return end - 1 if end else None

    async def recovered(self, ends: dict[int, int]) -> None:
        try:
            inputs = {tp.partition for tp in self.app.consumer.assignment() if tp.topic in self.config.inputs}
            if inputs != set(self._stores):
                self.fail(f"input partitions {sorted(inputs)} but changelog partitions {sorted(self._stores)}")
            replays = self._replays
            # Not in `assigned`: the group gets no heartbeat while that is awaited.
            if self._prepare is not None:
                await self._prepare()
            # Where somebody else wrote to a partition that stays, it is loaded anew too.
            kept = [n for n in self._lanes if self._stores[n].mark.offset + 1 >= ends[n]]
            taken = [number for number in replays if number not in kept]
            said = await newest(self.config.connection, self.config.alerts, taken, SAID) if self.config.alerts else {}
            if self._replays is not replays:
                return  # assigned anew meanwhile, which is recovered in its turn
            self._said |= said
            self._ends = ends
            for number in set(self._lanes) - set(kept):
                self._lanes.pop(number).close()
            for number in kept:
                self._next_changelog[number] = self._stores[number].mark.offset + 1
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

    def opened(self, positions: Mapping[TP, int]) -> Collection[int]:
        for lane in self._lanes.values():
            self._open_lane(lane, positions)
        # After a time without any worker the monitor has been blind since then, until it has read all that came.
        blind_since, self._last_sign = self._last_sign, None
        self._opened_at = dict.fromkeys(self._stores, blind_since) if blind_since else {}
        now = self.clock()
        for number in self._lanes:
            self._opened_at.setdefault(number, now)
        self._open = True
        if closed := [number for number in self._stores if number not in self._lanes]:
            self._opening = self._started(self._open_others(closed, positions))
        return set(self._lanes)

    def _open_lane(self, lane: Lane, positions: Mapping[TP, int]) -> None:
        number = lane.number
        mine = {tp.topic: offset for tp, offset in positions.items() if tp.partition == number}
        lane.open(mine, self._next_changelog[number], self._replays[number].refused)
        lane.recall(self._said.pop(number, ()))
        self._alarms.forget(number)

    async def _open_others(self, numbers: Iterable[int], positions: Mapping[TP, int]) -> None:
        """Has partitions restored and loaded, and opens each as soon as it is, those first of which the least is
        missing here. Those that are open have their turns meanwhile."""
        missing = {number: self._ends[number] - self._stores[number].mark.offset for number in numbers}
        async with Changelog(self.config.connection, self.changelog) as changelog:
            for number in sorted(missing, key=missing.__getitem__):
                started, store = ticks(), self._stores[number]
                positions = await self._restore(changelog, number, positions)
                owner = self._factory(number, store)
                try:
                    for _ in owner.load():
                        await asyncio.sleep(0)
                except BaseException:
                    owner.close()
                    raise
                lane = Lane(number, store, owner, self)
                self.observer.recovered(number, self._replays[number].applied, self._found[number], ticks() - started)
                self._open_lane(lane, positions)
                self._opened_at.setdefault(number, self.clock())
                self._lanes[number] = lane
                self.app.consumer.open_inputs(number)
        self._opening = None

    async def _restore(self, changelog: Changelog, number: int, positions: Mapping[TP, int]) -> Mapping[TP, int]:
        """Brings a store up to the end of the changelog; from where the input is read then."""
        store, replay = self._stores[number], self._replays[number]
        if replay.next < self._ends[number]:
            await changelog.replay(number, replay, self._ends[number], self.clock)
        self._next_changelog[number] = max(self._ends[number], store.mark.offset + 1)
        if replay.refused:
            self.observer.refused(self.changelog, number, replay.refused, anew=replay.anew)
        if replay.anew:
            mine = [TopicPartition(*tp) for tp in positions if tp.partition == number]
            beginnings = {TP(*place): first for place, first in (await self._client.beginning_offsets(mine)).items()}
            await self.app.consumer.go_back(beginnings)
            positions = {**positions, **beginnings}
        return positions

    async def _stop_opening(self) -> None:
        """What is loaded by halves is dropped: its store may be closed after this."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)

    async def giving_up(self) -> None:
        await self._stop_opening()
        given_up = frozenset(self.open_lanes)
        self._open = False
        try:
            async with asyncio.timeout(DRAIN):
                for lane in self._lanes.values():
                    await lane.drained()
        except TimeoutError:
            self.fail(f"writes were not acknowledged within {DRAIN:.0f} s at a hand-over")
        if given_up:
            self.observer.revoked(given_up)

    async def take(self, message: Any) -> None:
        lane = self._lanes.get(message.partition)
        # A portion of an earlier generation is fetched again by its next owner.
        if not self._open or lane is None or message.generation_id != self.app.consumer_generation_id:
            return
        try:
            await lane.chunk(message.value)
            self._alarms.read_on()
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
        return await keys_between(self.config.connection, self.config.changelog, partition, first, end)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self._started(work)

    def _started(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before its first step
        return task

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

    def pressed(self, partition: int) -> bool:
        lane = self._lanes.get(partition)
        wake = lane.owner.wake_at() if lane is not None else None
        return wake is not None and wake <= self.clock()

    # For the alarms

    def reached(self, lane: Lane) -> Mapping[str, int]:
        """By input topic, the offset below which there is no record that a lane has not applied."""
        passed = self.app.consumer.passed
        return {topic: passed(TP(topic, lane.number), offset) for topic, offset in lane.read.items()}

    def opened_at(self, lane: Lane) -> int:
        return self._opened_at[lane.number]

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
        told = partial(self.observer.rebuilt, number)
        return self._disk.open(number, end, self.clock(), told) if self._disk else MemoryStore()

    def _drop(self, number: int) -> None:
        lane = self._lanes.pop(number, None)
        if lane is not None:
            lane.refresh()
            lane.close()
        self._alarms.forget(number)
        self._said.pop(number, None)
        self._stores.pop(number).close()

    async def _check_counts(self) -> None:
        refuse_unequal(await partition_counts(self.config.connection, self._counted), self.config.partitions)

    async def _look_at_counts(self) -> None:
        try:
            await stay_equal(self._client, self._counted, self.config.partitions)
        except Refused as error:
            await self._refuse(error)

    async def _refuse(self, error: Refused) -> NoReturn:
        """Ends the process, once those who run it are told."""
        self._open = False
        self.observer.misfit(str(error).partition(":")[0])
        await self._told()
        self.fail(str(error), code=3)

    async def _told(self) -> None:
        """What operations are to know is not lost with a process that ends."""
        if self._untold:
            await asyncio.wait(self._untold, timeout=TELL)
