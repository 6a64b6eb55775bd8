"""The thread that holds the group membership: heartbeats renew the lease, fetches come as whole chunks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import aiokafka
import msgspec
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import NoError, RebalanceInProgressError
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.engine.alignment import Alignment
from agents.engine.lease import Lease, ticks
from agents.engine.losses import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.engine.interface import EngineConfig, Record
    from agents.engine.transport import Host

FETCH_MIN_BYTES = 16 * 1024  # a fetch waits for this much or for FETCH_MAX_WAIT: small chunks cost CPU
FETCH_MAX_WAIT = 0.050
HANDED_OUT = 40_000  # records at a time: a whole fetch would keep the heartbeats waiting for seconds

_RENEWING = (HeartbeatRequest, SyncGroupRequest)
_STILL_A_MEMBER = (NoError.errno, RebalanceInProgressError.errno)


class Fetched(msgspec.Struct, gc=False):
    """What is used of aiokafka's `ConsumerRecord`: made in a third of the time, and nothing that the garbage collector
    looks at."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def _fetched(_: object, tp: Any, record: Any) -> Fetched:
    headers = record.headers
    return Fetched(
        tp.topic,
        tp.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(headers) if headers else (),
    )


PartitionRecords._consumer_record = _fetched


class Chunk(NamedTuple):
    """Records of one topic's partition as they were fetched."""

    records: Sequence[Record]
    previous: int | None  # the offset after the last record handed out before; None: the first one since a seek
    generation: int  # of the group, when it was handed out
    seek: int  # how often its partition had been sought then


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust publishes no types
    """Faust's, with its own aiokafka consumer; overrides of both."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        host: Host = self.app.engine
        config = host.config
        self._assignor = self.app.assignor
        session = config.session_timeout // 1000
        return aiokafka.AIOKafkaConsumer(
            **config.connection.aiokafka(),
            client_id=config.app,
            group_id=config.app,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",  # what a transaction took back never was
            fetch_min_bytes=FETCH_MIN_BYTES,
            fetch_max_wait_ms=int(FETCH_MAX_WAIT * 1000),
            session_timeout_ms=session,
            heartbeat_interval_ms=session // 6,
            rebalance_timeout_ms=max(30_000, session),
            request_timeout_ms=max(30_000, session + 5_000),
            max_poll_records=HANDED_OUT,
            max_poll_interval_ms=900_000,
        )

    async def on_start(self) -> None:
        self._handed: dict[Any, int] = {}
        self._given: dict[Any, int] = {}
        self.gaps: list[Gap] = []
        self.passed: dict[Any, tuple[int, int]] = {}
        config: EngineConfig = self.app.engine.config
        self.alignment = Alignment(config.inputs, self._unread, ticks, config.max_chunk, self.app.engine.pressed)
        self.seeks: Counter[Any] = Counter()
        await super().on_start()
        # The lease counts from the sending of a request that the coordinator answered; only it knows that moment.
        lease: Lease = self.app.engine.lease
        coordinator = self._consumer._coordinator
        send = coordinator._send_req

        async def timed_send(request: Any) -> Any:
            sent = ticks()
            answer = await send(request)
            if isinstance(request, _RENEWING) and answer.error_code in _STILL_A_MEMBER:
                lease.renew(sent)
            return answer

        coordinator._send_req = timed_send

    async def _fetch_records(self, *args: Any, **options: Any) -> dict[Any, Chunk]:
        # Counted here, where aiokafka lets go of the records: whatever is lost after this shows as a gap.
        fetched = await super()._fetch_records(*args, **options)
        generation = self.app.consumer_generation_id
        chunks = {}
        inputs = self.app.engine.config.inputs
        for tp, records in fetched.items():
            given, first = self._given.get(tp), records[0].offset
            if given is not None and given < first and tp.topic in inputs:
                self.gaps.append(Gap(TP(*tp), given, first))
            chunks[tp] = Chunk(records, self._handed.get(tp), generation, self.seeks[tp])
            self._handed[tp] = self._given[tp] = records[-1].offset + 1
            self.alignment.fetched(TP(*tp), records[-1].timestamp)
        # Marks of transactions, and gaps that compaction left, are passed and never handed out. Noted here, where no
        # record is between the position and us.
        self.passed = {
            tp: (given, state.position)
            for tp, given in self._given.items()
            if (state := self._state(tp)) is not None and state.position > given
        }
        return chunks

    def _unread(self, tp: TP) -> bool:
        state = self._state(tp)
        return state is not None and (state.lso is None or state.position < state.lso)

    def _state(self, tp: Any) -> Any:
        """What aiokafka knows of a place that is ours and has a position, else None."""
        assignment = self._consumer._subscription.subscription.assignment
        state = assignment.state_value(driver.ensure_aiokafka_TP(tp)) if assignment is not None else None
        return state if state is not None and state.has_valid_position else None

    async def _seek_wait(self, consumer: Any, partitions: Mapping[Any, int]) -> None:
        self._sought(partitions)
        await super()._seek_wait(consumer, partitions)

    def _sought(self, positions: Mapping[Any, int]) -> None:
        self._given.update(positions)
        for tp in positions:
            self.seeks[tp] += 1
            self._handed.pop(tp, None)
            self.alignment.sought(TP(*tp))

    async def committed(self, tps: set[TP]) -> dict[TP, int | None]:
        """Committed offsets of all partitions in one request; Faust asks for one after the other."""
        return await self.call_thread(self._committed, tps)  # type: ignore[no-any-return]  # Faust publishes no types

    async def _committed(self, tps: set[TP]) -> dict[TP, int | None]:
        keys = {tp: driver.ensure_aiokafka_TP(tp) for tp in tps}
        answer = await self._consumer._coordinator.fetch_committed_offsets(list(keys.values()))
        offsets = {tp: answer[key].offset if key in answer else -1 for tp, key in keys.items()}
        return {tp: offset if offset >= 0 else None for tp, offset in offsets.items()}

    async def seek_all(self, positions: Mapping[TP, int]) -> None:
        """Moves every position at once."""
        await self.call_thread(self._seek_all, positions)

    async def _seek_all(self, positions: Mapping[TP, int]) -> None:
        self._sought(positions)
        for tp, offset in positions.items():
            self._consumer.seek(driver.ensure_aiokafka_TP(tp), offset)
