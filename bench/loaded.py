"""A Kafka with the load on the contract's topics, a worker that reads it, and whether it did what it should."""

from __future__ import annotations

import asyncio
import sys
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))

import house as bench
import load
import msgspec
from command_line import SLAWATCH, environment
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from meaning import Meaning
from pinned import Pinned
from services import KafkaCluster, RedisServer, Security, free_ports

from agents.engine import Connection
from agents.topics import Topics
from streams.events import TOPIC_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PARTITIONS = 4
LEAST = 3_000
"""Events a second: what is slower than this is stopped, and a minute more is given to start."""

_PREFIX = "bench."
_LOOK_EVERY = 0.2  # seconds
_SCRAPE_EVERY = 2.0  # seconds: scrapes are work of what is measured
_ALERTS_WITHIN = 120.0  # seconds
_A_LOOK = 3 * load.TICKETS_A_SECOND  # deadlines between two looks: tickets that are open fall due at their rate
_ANY_TIME = {"log.message.timestamp.after.max.ms": str(2**63 - 1)}  # as the rivals' folder sets it


class _Clock(msgspec.Struct):
    target: Literal["first_response", "next_response", "resolution"]
    cycle: int
    verdict: Literal["met", "breached", "pending", "void"]
    stopped_at: str | None


class _Record(msgspec.Struct):
    """What is looked at of a record of the ledger."""

    clocks: list[_Clock]
    done_at: str | None = None


class _Alert(msgspec.Struct):
    """What is looked at of a record of sla-alerts."""

    kind: str
    level: str
    ticket_id: str | None = None
    target: str | None = None
    cycle: int | None = None


class Outcome(NamedTuple):
    """What a worker made of the load, by its ledger and its alerts."""

    judged: int
    late: int
    """Both as in `Meaning`."""
    alerts: int


@contextmanager
def loaded(count: int) -> Iterator[Loaded]:
    """Kafka and Redis, on the core of this process, with so many events; gone afterwards."""
    security = Security(properties=_ANY_TIME)
    temporary = TemporaryDirectory(prefix="slawatch-bench-")
    with KafkaCluster(security=security) as kafka, RedisServer() as redis, temporary as folder:
        yield Loaded(kafka.bootstrap, redis.url, Path(folder), count)


class Loaded:
    """The servers, and a folder for whatever is kept on disk."""

    def __init__(self, bootstrap: str, redis: str, folder: Path, count: int) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.count = count
        self.topics = Topics(_PREFIX)
        self.meaning = Meaning()
        self._redis = redis
        self._policies = folder / "policies.yaml"
        self._policies.write_text(load.POLICIES)
        self._preload()

    @property
    def limit(self) -> float:
        """Seconds that an engine may take for the load."""
        return 60 + self.count / LEAST

    def worker(self, app: str) -> Pinned:
        """Starts a worker that has read nothing yet: state on disk, windows, ledger and boards on."""
        self._create(app)
        (port,) = free_ports(1)
        self._metrics = f"http://127.0.0.1:{port}/metrics"
        settings = {
            "kafka": self.bootstrap, "redis": self._redis, "app": app, "topic_prefix": _PREFIX,
            "partitions": str(PARTITIONS), "policies": str(self._policies), "data_dir": str(self.folder / app),
            "metrics_listen": f"127.0.0.1:{port}",
            "alert_max_age": "30d",  # however long the load is, what was late in it is announced
        }  # fmt: skip
        return Pinned([SLAWATCH, "worker"], self.folder / f"{app}.log", environment(**settings))

    def floor(self, app: str) -> Pinned:
        """Starts the raw floor on the contract's topics."""
        given = {"BOOTSTRAP": self.bootstrap, "APP": app, "COUNT": str(self.count)}
        command = [sys.executable, Path(__file__).with_name("floor.py")]
        return Pinned(command, self.folder / f"{app}.log", environment() | given)

    def until_begun(self, process: Pinned, group: str) -> None:
        """Waits until events are committed."""
        self._until(process, group, 1)

    def until_read(self, process: Pinned, group: str) -> None:
        """Waits until all events are committed, so all that follows from them is acknowledged."""
        self._until(process, group, self.count)

    def until_worked(self, process: Pinned, group: str) -> None:
        """The same of a worker; until then those count that it has applied: it commits tens of thousands at once."""
        self._until(process, group, self.count, self._applied)

    def _applied(self) -> int:
        try:
            with urllib.request.urlopen(self._metrics, timeout=10) as answer:
                return int(bench.figure(answer.read().decode(), "sla_events_total"))
        except OSError:
            return 0  # it is starting

    # What came of it

    def ends(self) -> dict[str, list[int]]:
        """Where ledger and alerts end now, by topic and partition."""
        consumer = self._consumer("ends")
        try:
            return {
                topic: [
                    consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
                    for number in range(PARTITIONS)
                ]
                for topic in (self.topics.ledger, self.topics.alerts)
            }
        finally:
            consumer.close()

    def until_told(self, begins: dict[str, list[int]]) -> None:
        """Waits until there are as many alerts as clocks were stopped too late, and more come only as time passes."""
        topic, before = self.topics.alerts, 0
        end = time.monotonic() + _ALERTS_WITHIN
        while time.monotonic() < end:
            now = sum(self.ends()[topic]) - sum(begins[topic])
            if now >= self.meaning.breached and now - before <= _A_LOOK:
                return
            before = now
            time.sleep(3)
        raise TimeoutError(f"{before:,} alerts, of {self.meaning.breached:,} clocks that were stopped too late")

    def outcome(self, begins: dict[str, list[int]]) -> Outcome:
        """What was written since then. Raises RuntimeError where it is not what the load means."""
        decode = msgspec.json.Decoder(_Record).decode
        found: dict[bytes, tuple[tuple[str, int, str, bool], ...]] = {}
        for message in self._since(self.topics.ledger, begins):
            record = decode(message.value())
            found[message.key()] = tuple(
                (clock.target, clock.cycle, clock.verdict, clock.stopped_at != record.done_at)
                for clock in record.clocks
                if clock.stopped_at is not None
            )
        verdicts = Counter((target, verdict) for clocks in found.values() for target, _, verdict, _ in clocks)
        late = sum(any(was == "breached" and by_reply for *_, was, by_reply in clocks) for clocks in found.values())
        _same("tickets", len(found), self.meaning.tickets)
        _same("verdicts", dict(verdicts), dict(self.meaning.verdicts))
        _same("tickets with a late reply", late, self.meaning.late)

        read = msgspec.json.Decoder(_Alert).decode
        alerts = [read(message.value()) for message in self._since(self.topics.alerts, begins)]
        breaches = [alert for alert in alerts if alert.level == "breach"]  # not those that operations are told
        _same("alerts corrected", [alert for alert in breaches if alert.kind == "corrected"][:5], [])
        raised = Counter((alert.ticket_id, alert.target, alert.cycle) for alert in breaches if alert.kind == "raised")
        _same("alerts raised twice", [clock for clock, count in raised.items() if count > 1][:5], [])
        untold = [
            (key, target, cycle)
            for key, clocks in found.items()
            for target, cycle, verdict, _ in clocks
            if verdict == "breached" and (key.decode(), target, cycle) not in raised
        ]
        _same("breaches without an alert", untold[:5], [])
        judged = sum(count for (target, _), count in verdicts.items() if target != "next_response")
        return Outcome(judged, late, raised.total())

    # Inside

    def _until(self, process: Pinned, group: str, count: int, applied: Callable[[], int] | None = None) -> None:
        places = [TopicPartition(topic, number) for topic in self.topics.inputs for number in range(PARTITIONS)]
        consumer = self._consumer(group)
        end = time.monotonic() + self.limit
        try:
            while True:
                done = _committed(consumer, places)
                process.look(applied() if applied is not None and done < count else done)
                if done >= count:
                    return
                if time.monotonic() > end:
                    raise TimeoutError(f"{group} read {done:,} of {self.count:,} events\n{process.logged}")
                time.sleep(_LOOK_EVERY if applied is None else _SCRAPE_EVERY)
        finally:
            consumer.close()

    def _preload(self) -> None:
        self._create("slawatch")
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "linger.ms": 50, "partitioner": "murmur2_random",
             "queue.buffering.max.messages": 500_000}
        )  # fmt: skip
        names = {kind: self.topics.name(base) for kind, base in TOPIC_OF.items()}
        begin = time.time() - 2 * self.count / (load.TICKETS_A_SECOND * load.EVENTS_A_TICKET)  # all of it is past
        for number, (at, kind, ticket_id, event) in enumerate(load.events(self.count, begin)):
            while True:
                try:
                    producer.produce(names[kind], event, ticket_id, timestamp=int(at * 1000))
                    break
                except BufferError:
                    producer.poll(0.1)
            self.meaning.add(event)
            if not number % 10_000:
                producer.poll(0)
        left = producer.flush(60)
        if left:
            raise TimeoutError(f"{left} events were not taken by Kafka")

    def _create(self, app: str) -> None:
        asyncio.run(Topics(_PREFIX, app).create(Connection(self.bootstrap), PARTITIONS, 1))

    def _consumer(self, group: str) -> Consumer:
        return Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": group, "enable.auto.commit": False,
             "enable.partition.eof": True, "auto.offset.reset": "earliest", "log_level": 0}
        )  # fmt: skip

    def _since(self, topic: str, begins: dict[str, list[int]]) -> Iterator[Message]:
        consumer = self._consumer("since")
        ended: set[int] = set()
        try:
            consumer.assign([TopicPartition(topic, number, begin) for number, begin in enumerate(begins[topic])])
            while len(ended) < PARTITIONS:
                for message in consumer.consume(5000, 1):
                    error = message.error()
                    if error is None:
                        yield message
                    elif error.code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                    elif not error.retriable():
                        raise KafkaException(error)
        finally:
            consumer.close()


def _committed(consumer: Consumer, places: Sequence[TopicPartition]) -> int:
    try:
        return sum(max(0, place.offset) for place in consumer.committed(list(places), timeout=10))
    except KafkaException:
        return 0  # the broker is still looking for the group's coordinator


def _same(what: str, found: object, meant: object) -> None:
    if found != meant:
        raise RuntimeError(f"{what}: {found}, and the load means {meant}")
