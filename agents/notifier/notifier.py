"""The notifier put together: reads `sla-alerts`, keeps a lane for each destination, commits what is done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from agents.engine.clock import MAX_SKEW, Clock
from agents.engine.connection import be_patient, reach
from agents.notifier.catching_up import CatchingUp
from agents.notifier.claims import ClaimsUnavailable
from agents.notifier.deliveries import DeliveryLog, Refill
from agents.notifier.filling import Filling
from agents.notifier.intake import Intake, nobody
from agents.notifier.lane import LIMIT, Lane, unheard
from agents.notifier.limits import MemoryLimits, Pace
from agents.notifier.metrics import NotifierMetrics
from agents.notifier.progress import Partition
from agents.notifier.references import References
from agents.notifier.timekeeping import Timekeeping
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from agents.engine.connection import Connection
    from agents.notifier.backoff import Backoff
    from agents.notifier.claims import Claims
    from agents.notifier.http import Result, Sender
    from agents.notifier.intake import Routes, Silencing
    from agents.notifier.limits import Limits
    from agents.topics import Topics

log = logging.getLogger("slawatch.notifier")

# Seconds.
COMMIT_EVERY = 1.0
PROBE_EVERY = 2.0
PROBE_PATIENCE = 5.0
LEAVE_WITHIN = 10.0
RETRY = 1.0


@dataclass(frozen=True)
class Endpoint:
    """A destination as the notifier needs it. `timeout`: the longest an attempt takes, in microseconds."""

    name: str
    sender: Sender
    timeout: int
    pace: Pace = field(default_factory=Pace)


class Notifier(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka publishes no types
    """Runs from `run` to `stop`.

    `group` is the consumer group; `max_age` the age (microseconds since its decision) at which an alert is given
    up; `clock` gives microseconds since the epoch, and is gone by where no broker tells its time; `limits` are shared
    with whoever else sends; `fit` raises Refused where Kafka is not as it must be;
    `silencing` tells which alerts nobody is told of; `attempted` hears of each attempt by its destination's name.
    """

    def __init__(
        self,
        *,
        connection: Connection,
        topics: Topics,
        group: str,
        routes: Routes,
        endpoints: Sequence[Endpoint],
        claims: Claims,
        clock: Callable[[], int],
        max_age: int,
        session_timeout: int = 10 * SECOND,
        backoff: Backoff | None = None,
        lane_limit: int = LIMIT,
        limits: Limits | None = None,
        fit: Callable[[], Awaitable[None]] | None = None,
        silencing: Silencing = nobody,
        attempted: Callable[[str, Result], None] = unheard,
    ) -> None:
        self.metrics = NotifierMetrics()
        self._connection = connection
        self._topics = topics
        self._claims = claims
        # An alert's age, and what of the deliveries is still of use, are no matter of the clock of one host.
        self._clock = Clock(clock, MAX_SKEW)
        self._session_timeout = session_timeout
        self._patience = max((endpoint.timeout for endpoint in endpoints), default=0) / SECOND + RETRY
        self._group = group
        self._fit = fit
        self._clients: list[AIOKafkaConsumer | AIOKafkaProducer] = []  # started ones, to be stopped
        self._consumer: AIOKafkaConsumer  # from `_start` on, as is the producer
        self._producer: AIOKafkaProducer
        self._outcomes = DeliveryLog(topics.deliveries, claims)
        references = References()
        refill = Refill(connection.aiokafka(), topics.deliveries, claims, self._clock, references)
        self._filling = Filling(refill, topics.deliveries, self.metrics)
        self._unfilled = True
        self._time = Timekeeping(self._clock, topics.heartbeats, self.metrics)
        limits = limits or MemoryLimits(lambda: int(monotonic() * SECOND))
        lanes = {
            endpoint.name: Lane(
                endpoint.name,
                endpoint.sender,
                claims=claims,
                outcomes=self._outcomes,
                metrics=self.metrics,
                clock=self._clock,
                refill=self._filling.flushed,
                max_age=max_age,
                timeout=endpoint.timeout,
                pace=endpoint.pace,
                limits=limits,
                references=references,
                backoff=backoff,
                limit=lane_limit,
                attempted=attempted,
            )
            for endpoint in endpoints
        }
        self._intake = Intake(routes, lanes, self.metrics, silencing)
        self._catching_up = CatchingUp(connection, topics.alerts, self._intake)
        for lane in lanes.values():
            self.metrics.watch(lane.name, lane.__len__, partial(self._catching_up.is_behind, lane))
        self._committed: dict[int, int] = {}
        self._joined = False
        self._stopping = asyncio.Event()
        self._problems: dict[str, str] = {"kafka": "not reached yet", "claims": "not asked yet"}

    @property
    def problems(self) -> Mapping[str, str]:
        """Why it is not ready: what is wrong, by part; empty when it is."""
        return self._problems if self._joined else {**self._problems, "group": "not joined yet"}

    def stop(self) -> None:
        """Let `run` finish what is under way, commit, leave the group and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Deliver until `stop`. Raises Refused where the topics are missing or Kafka refuses us, and whatever
        went wrong for good: a supervisor should start it again.
        """
        stopping = asyncio.create_task(self._stopping.wait())
        starting = asyncio.create_task(self._start())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        lanes: list[asyncio.Task[None]] = []
        loops: list[asyncio.Task[None]] = []
        try:
            if not starting.done():
                return
            await starting
            lanes = [asyncio.create_task(lane.run()) for lane in self._intake.lanes.values()]
            parts = (self._read(), self._catching_up.run(), self._probe(), self._commit_often())
            beside = (self._time.keep(self._producer), self._outcomes.write(), self._outcomes.note())
            loops = [asyncio.create_task(part) for part in (*parts, *beside)]
            await asyncio.wait([stopping, *lanes, *loops], return_when=asyncio.FIRST_COMPLETED)
            await self._finish(loops[0], lanes)
        finally:
            await _ended(stopping, starting, *lanes, *loops)
            ended = await asyncio.gather(*lanes, *loops, return_exceptions=True)
            await self._leave()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _start(self) -> None:
        """Waits for Kafka as long as it takes."""
        await reach(self._connection)
        if self._fit is not None:
            await self._fit()
        kafka = self._connection.aiokafka()
        producer = AIOKafkaProducer(**kafka, acks="all")
        self._clients.append(producer)
        await producer.start()
        be_patient(producer)
        self._outcomes.use(producer)
        self._producer = producer
        await self._time.learn(producer)
        timeout = self._session_timeout // 1000
        self._consumer = AIOKafkaConsumer(
            **kafka,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=timeout,
            heartbeat_interval_ms=timeout // 3,
        )
        self._clients.insert(0, self._consumer)
        await self._consumer.start()
        self._consumer.subscribe([self._topics.alerts], listener=self)

    async def _finish(self, reading: asyncio.Task[None], lanes: Sequence[asyncio.Task[None]]) -> None:
        """No new attempt; those under way end, are recorded and committed, all within a bounded time."""
        reading.cancel()
        for lane in self._intake.lanes.values():
            lane.stop()
        if lanes:
            await asyncio.wait(lanes, timeout=self._patience)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._outcomes.drained(), self._patience)
        await self._commit(self._intake.partitions)

    async def _leave(self) -> None:
        for client in self._clients:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(client.stop(), LEAVE_WITHIN)

    # Reading

    async def _read(self) -> None:
        while True:
            batch = await self._consumer.getmany(timeout_ms=500, max_records=500)
            ours = dict(self._intake.partitions)
            if self._unfilled:
                self._unfilled = False
                await self._filling.fill()
            for tp, records in batch.items():
                partition = ours.get(tp.partition)
                # One lost while the claims were filled is read again by whoever has it now.
                if partition is not None and partition.live:
                    self._intake.take(partition, records)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Before the first message of them is claimed, what others did is read from the deliveries."""
        self._joined = True
        self._unfilled = True
        self._committed.clear()
        for tp in assigned:
            self._intake.partitions[tp.partition] = Partition()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """What is in hand ends first, so that the next owner knows of it."""
        lost = self._intake.forget(tp.partition for tp in revoked)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(p.settled() for p in lost.values())), self._patience)
        await self._commit(lost)

    # Committing

    async def _commit_often(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY)
            await self._commit(self._intake.partitions)

    async def _commit(self, partitions: Mapping[int, Partition]) -> None:
        offsets = {
            number: offset
            for number, partition in partitions.items()
            if (offset := partition.committable()) is not None and offset != self._committed.get(number)
        }
        if not offsets:
            return
        try:
            await self._consumer.commit({TopicPartition(self._topics.alerts, n): o for n, o in offsets.items()})
        except KafkaError as error:  # what is not committed is read again and found done
            log.warning("offsets are not committed now: %s", type(error).__name__)
        else:
            self._committed.update(offsets)

    # Health

    async def _probe(self) -> None:
        """Ask Kafka and the claims now and then whether they are there."""
        while True:
            problems = {}
            if self._time.untold:
                problems["kafka"] = f"takes no records ({self._time.untold})"
            try:
                async with asyncio.timeout(PROBE_PATIENCE):
                    await all_answer(self._consumer, self._topics.alerts)
            except (KafkaError, TimeoutError) as error:
                problems["kafka"] = f"does not answer ({type(error).__name__})"
            try:
                await self._claims.ping()
            except ClaimsUnavailable as error:
                problems["claims"] = f"cannot be asked ({error})"
            self._problems = problems
            self.metrics.kafka_up.set("kafka" not in problems)
            self.metrics.claims_up.set("claims" not in problems)
            await asyncio.sleep(PROBE_EVERY if not problems else RETRY)


async def all_answer(consumer: AIOKafkaConsumer, topic: str) -> None:
    """Returns once every partition of the topic has told its end: what is left of a cluster still answers for its own.

    Raises KafkaError, also where the topic is unknown: a broker that has just come back knows none, and nothing asked
    would be nothing wrong.
    """
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise UnknownTopicOrPartitionError(topic)
    await consumer.end_offsets([TopicPartition(topic, number) for number in numbers])


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancels them until all have ended: Python 3.11's wait_for and the Redis client may swallow a cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=RETRY)
