"""Faust's Kafka transport with a batch data path: what it overrides, and what went wrong without each override."""

from __future__ import annotations

import asyncio
from itertools import accumulate, chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import faust
from faust.transport.consumer import ensure_TPset
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from agents.engine.connection import be_patient
from agents.engine.membership import ConsumerThread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence

    from agents.engine.interface import EngineConfig, Record
    from agents.engine.lease import Lease
    from agents.engine.losses import Gap
    from agents.engine.membership import Chunk

IDLE = 0.05


class Portion(NamedTuple):
    """Records of one partition, of several topics in about the order of their time: what a message carries."""

    records: Sequence[Record]
    previous: Mapping[str, int | None]  # by topic: the offset after the last record handed out before
    upto: Mapping[str, int]  # by topic: the offset after the last of these


class Host(Protocol):
    """What the transport asks of the engine that runs it."""

    config: EngineConfig
    lease: Lease

    @property
    def committable(self) -> Mapping[TP, int]:
        """Next offsets up to which everything an input caused is acknowledged."""

    async def positions(self, committed: Mapping[TP, int | None]) -> Mapping[TP, int]:
        """Where reading goes on."""

    def opened(self, positions: Mapping[TP, int]) -> Collection[int]:
        """Recovery is over and the input flows from these positions: that of the partitions that are returned, and
        of each other once `Consumer.open_inputs` is called for it."""

    def pressed(self, partition: int) -> bool:
        """Whether an alarm of the partition has come, and waits for what came before it to be read."""

    async def giving_up(self) -> None:
        """The partitions are about to be revoked: no more intake, and everything sent is to be acknowledged."""

    def fail(self, reason: str) -> None:
        """Ends the process."""


class RawSchema(faust.Schema):  # type: ignore[misc]  # Faust publishes no types
    """Passes chunks through; decoding is the partition owner's, where a bad record kills no agent."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:
        return message.value


class _Active:
    """The partitions that may be handed out now; an asking fetch sees later changes.

    aiokafka takes an empty set for "all": a fetch under way handed out the records of paused partitions, and Faust
    dropped them. So it is never false.
    """

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[TP]:
        return iter(set(self._consumer._active_partitions))

    def __contains__(self, tp: object) -> bool:
        consumer = self._consumer
        if not consumer.flow_active or tp not in consumer._active_partitions:
            return False
        return consumer._thread.alignment.may_read(TP(*tp))  # type: ignore[misc]  # aiokafka asks for its own pairs


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust publishes no types
    """Hands over one message per fetched chunk, commits what the engine says, opens the input after the seek."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._awaiting_seek: set[TP] = set()
        self._awaiting_load: set[TP] = set()
        self._positions: Mapping[TP, int] | None = None
        self._may_commit = False

    @property
    def host(self) -> Host:
        """The engine."""
        return self.app.engine  # type: ignore[no-any-return]  # Faust publishes no types

    def passed(self, tp: TP, offset: int) -> int:
        """The next offset that may hold a record, where every one before `offset` was taken."""
        given, position = self._thread.passed.get(tp, (None, offset))
        return position if given == offset else offset

    def gaps(self) -> list[Gap]:
        """Where input went on further on than it was read, since the last time this was asked."""
        found, self._thread.gaps = self._thread.gaps, []
        return found

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _is_input(self, tp: TP) -> bool:
        return tp.topic in self.host.config.inputs

    # Chunks

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - Faust's own
        """One message per portion of a partition; Faust's own makes four tasks per record."""
        fetched, _ = await self._wait_next_records(timeout)
        if self.should_stop:
            return
        alignment = self._thread.alignment
        ready = []
        for key, chunk in (fetched or {}).items():
            tp = TP(key.topic, key.partition)
            if self._is_input(tp):
                alignment.hold(tp, chunk)
            else:
                ready.append([(tp, chunk)])
        for given in (*ready, *alignment.ready().values()):
            parts = [part for part in given if not self._is_stale(*part)]  # what was held over a seek came again since
            if not parts:
                continue
            for portion in _portions(parts, self.host.config.max_chunk):
                if not self.flow_active or any(self._is_stale(tp, chunk) for tp, chunk in parts):
                    break
                last = portion.records[-1]
                tp = TP(last.topic, last.partition)  # Faust drops what it takes for an older offset of the same place
                yield (
                    tp,
                    ConsumerMessage(
                        tp.topic,
                        tp.partition,
                        last.offset,
                        last.timestamp / 1000,
                        None,
                        None,
                        None,
                        portion,
                        None,
                        0,
                        0,
                        tp,
                        generation_id=parts[0][1].generation,
                    ),
                )

    def _is_stale(self, tp: TP, chunk: Chunk) -> bool:
        # Its records are fetched again, by us after the seek or by the partition's next owner.
        return chunk.generation != self.app.consumer_generation_id or chunk.seek != self._thread.seeks[tp]

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's own
        return await super()._getmany(_Active(self), timeout)

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's own
        # Faust sleeps a second while nothing is active, which every rebalance would wait for.
        if self.flow_active and not self._get_active_partitions():
            await asyncio.sleep(IDLE)
            return {}, set()
        return await super()._wait_next_records(timeout)

    def on_buffer_full(self, tp: TP) -> None:
        """A full queue blocks the fetcher, which is enough; Faust's way makes a paused partition active again when
        the queue drains in the middle of a rebalance."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""

    async def verify_all_partitions_active(self) -> None:
        """Faust's livelock detector knows single messages only; the engine watches its own progress."""

    # The input opens after a completed seek: Faust resumes it before, and the flow control then clears the agent's
    # queue: whatever was fetched in between was lost.

    def resume_partitions(self, tps: Iterable[Any]) -> None:
        """Input partitions wait for the seek."""
        wanted = ensure_TPset(tps)
        inputs = {tp for tp in wanted if self._is_input(tp)}
        if inputs:
            self._awaiting_seek |= inputs
            self._positions = None
        super().resume_partitions(wanted - inputs)

    async def perform_seek(self) -> None:
        """Seeks every input partition to where the engine goes on."""
        tps = {tp for tp in self.assignment() if self._is_input(tp)}
        if not tps:
            return
        committed = await self._thread.committed(tps)
        positions = await self.host.positions(committed)
        await self._seek(positions)
        self._positions = positions

    async def go_back(self, positions: Mapping[TP, int]) -> None:
        """Input that does not flow yet is read anew from there."""
        await self._seek(positions)
        # Whoever goes on after a crash must do so from there too.
        if not await self._commit(positions):
            self.host.fail("the beginning of what is read anew could not be committed")

    async def _seek(self, positions: Mapping[TP, int]) -> None:
        await self._thread.seek_all(positions)
        self._read_offset.update(positions)
        self._committed_offset.update(positions)

    def resume_flow(self) -> None:
        """Opens the input partitions if their seek is done, and their owners are loaded."""
        super().resume_flow()
        if not self._awaiting_seek:
            return
        if self._positions is None:
            self.host.fail("the seek to the committed offsets did not complete")
            return
        sought, self._awaiting_seek = self._awaiting_seek, set()
        loaded = self.host.opened(self._positions)
        self._awaiting_load = {tp for tp in sought if tp.partition not in loaded}
        self._may_commit = True
        super().resume_partitions(sought - self._awaiting_load)

    def open_inputs(self, partition: int) -> None:
        """The owner of a partition is loaded: its input flows from now on."""
        opened = {tp for tp in self._awaiting_load if tp.partition == partition}
        self._awaiting_load -= opened
        for tp in opened:
            self._thread.alignment.sought(tp)  # it was not read since, and topics have their patience anew
        super().resume_partitions(opened)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finishes what is under way and commits it; a process without a lease ends here, before it can write."""
        if not self.host.lease.valid:
            self.host.fail(
                "the group session ran out while this process was stopped or cut off; "
                f"writes were held back {self.host.lease.refused} times"
            )
        self._awaiting_seek = set()
        self._awaiting_load = set()
        await self.host.giving_up()
        await self.maybe_wait_for_commit_to_finish()
        await self.commit()
        self._may_commit = False
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Newly assigned partitions are paused before anything else can make them active."""
        self._awaiting_seek = set()
        self._awaiting_load = set()
        self._paused_partitions.update(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    # The commit is the engine's own account. Faust's flush gives up after 100 ms of silence, and its acks would
    # commit past what the changelog has not acknowledged.

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> list[TP]:
        return list(self.host.committable)

    def _new_offset(self, tp: TP) -> int | None:
        return self.host.committable.get(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        owned = self.assignment()
        offsets = {tp: offset for tp, offset in offsets.items() if tp in owned}
        # Between two assignments a commit is of no generation: it costs us the membership, and the group another round,
        # in which the next one of twice a second comes again.
        if not self._may_commit or not offsets or not await self._commit(offsets):
            return False
        self._committed_offset.update(offsets)
        return True

    def ack(self, message: Any) -> bool:
        """Marks only; see above."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A chunk's message carries its last offset only, so to Faust all is gaps."""


class Producer(driver.Producer):  # type: ignore[misc]  # Faust publishes no types
    """acks=all, idempotent, and silent without a lease."""

    def _settings_auth(self) -> Mapping[str, Any]:
        connection = self.app.engine.config.connection
        return connection.aiokafka()  # type: ignore[no-any-return]  # Faust publishes no types

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    async def on_start(self) -> None:
        """Without the lease nothing leaves: a stopped and resumed process wrote over its successor's state."""
        await super().on_start()
        be_patient(self._producer)
        lease: Lease = self.app.engine.lease
        observer = self.app.engine.observer
        accumulator = self._producer._message_accumulator
        drain = accumulator.drain_by_nodes

        def leased_drain(*args: Any, **options: Any) -> Any:
            if lease.valid:
                return drain(*args, **options)
            lease.refused += 1
            observer.held_back()
            return {}, True

        accumulator.drain_by_nodes = leased_drain


class Transport(driver.Transport):  # type: ignore[misc]  # Faust publishes no types
    """Faust's own way to put in another consumer and producer."""

    Consumer = Consumer
    Producer = Producer


def _portions(parts: Sequence[tuple[TP, Chunk]], size: int) -> Iterator[Portion]:
    """Chunks of a partition as portions of limited size. The order of offsets within a topic stays."""
    records = parts[0][1].records if len(parts) == 1 else _merged(parts)
    previous = {tp.topic: chunk.previous for tp, chunk in reversed(parts)}
    for start in range(0, len(records), size):
        part = records[start : start + size]
        upto = {record.topic: record.offset + 1 for record in part}
        yield Portion(part, previous, upto)
        previous = previous | upto


def _merged(parts: Sequence[tuple[TP, Chunk]]) -> list[Record]:
    """About in the order of time: a record whose topic was further on already stands there."""
    records: list[Record] = []
    reached: list[int] = []
    for _, of_topic in groupby(parts, key=itemgetter(0)):
        several = list(chain.from_iterable(chunk.records for _, chunk in of_topic))
        records += several
        reached += accumulate([record.timestamp for record in several], max)
    return [records[place] for place in sorted(range(len(records)), key=reached.__getitem__)]
