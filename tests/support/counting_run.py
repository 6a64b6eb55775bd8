"""One run of the engine with the counting owner: its topics, its workers, what was sent, and what must come of it."""

from __future__ import annotations

import asyncio
import heapq
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from confluent_kafka import Producer
from counting import FORGET, Event, decode_ticket, expected
from waiting import eventually

if TYPE_CHECKING:
    import random
    import signal
    from collections.abc import Callable

    from aiokafka import ConsumerRecord

_WORKER = Path(__file__).with_name("counting_worker.py")
_APPENDED = {"message.timestamp.type": "LogAppendTime"}
TOPICS = {
    "created": {},
    "replied": {},
    "noise": {},
    "alerts": _APPENDED,
    "ledger": {},
    "heartbeats": _APPENDED,
    "tickets-changelog": {"cleanup.policy": "compact"},
}


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


class Worker:
    """A worker process; its folder is its own, so that workers do not find each other's state."""

    def __init__(self, name: str, options: dict[str, Any], folder: Path) -> None:
        self.name = name
        self._out = folder / f"{name}.out"
        self._err = folder / f"{name}.err"
        self.started = time.time()
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._skip = out.tell()
            self.process = subprocess.Popen(
                [sys.executable, str(_WORKER), json.dumps(options)],
                stdout=out,
                stderr=err,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )

    def said(self, event: str) -> list[dict[str, Any]]:
        """What this process printed about an event so far."""
        with self._out.open("rb") as file:
            file.seek(self._skip)
            lines = file.read().split(b"\n")[:-1]
        return [fact for line in lines if (fact := json.loads(line))["event"] == event]

    @property
    def complaints(self) -> str:
        """What it logged."""
        return self._err.read_text()

    def live(self) -> set[int]:
        """The partitions it last said it has; nothing before it said so."""
        facts = self.said("live")
        return set(facts[-1]["partitions"]) if facts else set()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.terminate()
        return await self.gone(30)

    async def gone(self, within: float) -> int:
        """Its exit code, once it has left."""
        await eventually(lambda: self.process.poll() is not None, within, what=f"{self.name} leaves")
        return self.process.returncode


class Run:
    """An async context manager; afterwards no worker is left."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, **options: Any) -> None:
        self.partitions = options.get("partitions", 4)
        self.limit = options.get("limit", 2)
        self._options = {
            "bootstrap": bootstrap,
            "prefix": prefix,
            "partitions": self.partitions,
            "limit": self.limit,
            **options,
        }
        self._prefix = prefix
        self._bootstrap = bootstrap
        self._folder = folder
        self.workers: list[Worker] = []
        self.sent: dict[str, list[tuple[str, Event]]] = defaultdict(list)
        self.forgotten: set[str] = set()
        self._number = 0

    async def __aenter__(self) -> Self:
        if self._options.get("create", True):
            await self._create_topics()
        self._producer = Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "linger.ms": 5,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "reconnect.backoff.max.ms": 200,  # after an outage replies must not lie here while deadlines pass
                "log_level": 0,
            }
        )
        return self

    async def _create_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        replication = self._options.get("replication", 1)
        await admin.create_topics(
            [
                NewTopic(self.topic(name), self.partitions, replication, topic_configs=configuration)
                for name, configuration in TOPICS.items()
            ]
        )
        await admin.close()

    async def __aexit__(self, *_: object) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
        self.flush()

    def topic(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def start(self, name: str = "w0", **options: Any) -> Worker:
        """Starts a worker; one of the same name before it leaves it its local state."""
        data = {} if self._options.get("memory") else {"data_dir": str(self._folder / name)}
        worker = Worker(name, {**self._options, **data, **options}, self._folder)
        self.workers.append(worker)
        return worker

    def flush(self) -> None:
        """Waits until all that was sent is acknowledged."""
        assert self._producer.flush(60) == 0, "not everything sent was acknowledged"

    def send(self, kind: str, ticket: str, at: int | None = None, *, repeats: int = 1) -> None:
        """Sends an event, with its instant now if not given, and remembers it."""
        self._number += 1
        event = Event(f"e{self._number}", now() if at is None else at)
        self.sent[ticket].append((kind, event))
        for _ in range(repeats):
            self._produce(kind, ticket, msgspec.json.encode(event))

    def forget(self, ticket: str) -> None:
        """Makes the worker write a tombstone."""
        self.forgotten.add(ticket)
        self._produce("noise", ticket, FORGET)

    def _produce(self, kind: str, ticket: str, value: bytes) -> None:
        self._producer.produce(self.topic(kind), value, ticket.encode())
        self._producer.poll(0)

    async def load(
        self, rate: float, seconds: float, chance: random.Random, *, until: Callable[[], bool] | None = None
    ) -> None:
        """Tickets at a rate of events a second: three in ten never answered, two late, five in time; with noise,
        repeats, and replies that arrive before the creation."""
        end = time.monotonic() + seconds
        later: list[tuple[int, str, str]] = []
        started, count = time.monotonic(), 0
        while time.monotonic() < end and not (until and until()):
            while count < (time.monotonic() - started) * rate:
                ticket = f"T{len(self.sent):06d}"
                created = now()
                fate = chance.random()
                if fate < 0.5:
                    heapq.heappush(
                        later, (created + int(chance.random() * (self.limit - 1.2) * 1e6), "replied", ticket)
                    )
                elif fate < 0.7:
                    heapq.heappush(
                        later, (created + int((self.limit + 1.0 + chance.random()) * 1e6), "replied", ticket)
                    )
                heapq.heappush(later, (created + int(chance.random() * 1e6), "noise", ticket))
                self.send("created", ticket, created, repeats=1 + (chance.random() < 0.1))
                count += 1
                count += self._due(later)
            await asyncio.sleep(0.005)
            count += self._due(later)
        while later:
            self._due(later)
            await asyncio.sleep(0.01)
        self.flush()

    def _due(self, later: list[tuple[int, str, str]]) -> int:
        sent = 0
        while later and later[0][0] <= now():
            _, kind, ticket = heapq.heappop(later)
            self.send(kind, ticket)
            sent += 1
        return sent

    async def records(self, name: str) -> list[ConsumerRecord]:
        """All records of a topic, in the order of each partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            tps = [TopicPartition(self.topic(name), number) for number in range(self.partitions)]
            ends = await consumer.end_offsets(tps)
            consumer.assign(tps)
            records: list[ConsumerRecord] = []
            async with asyncio.timeout(60):
                while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                    for some in (await consumer.getmany(timeout_ms=500)).values():
                        records += some
            return records
        finally:
            await consumer.stop()

    async def alerts(self) -> Counter[str]:
        """How many alerts each ticket got."""
        return Counter(record.key.decode() for record in await self.records("alerts"))

    async def state(self) -> dict[str, int]:
        """The number of events of each ticket, as the changelog has it."""
        last = {record.key.decode(): record.value for record in await self.records("tickets-changelog")}
        return {key: len(decode_ticket(value).seen) for key, value in last.items() if value is not None}

    async def assert_exact(self, within: float = 30) -> Counter[str]:
        """State, ledger and alerts are what the sent events alone say; returns the alerts."""
        sizes, late = expected(self.sent, int(self.limit * 1e6))
        sizes = {ticket: size for ticket, size in sizes.items() if ticket not in self.forgotten}
        late -= self.forgotten

        async def complete() -> bool:
            return await self.state() == sizes and set(await self.alerts()) - self.forgotten >= late

        try:
            await eventually(complete, within, every=0.5)
        except AssertionError:
            state, alerts = await self.state(), set(await self.alerts())
            wrong = {key: (sizes.get(key), state.get(key)) for key in sizes | state if sizes.get(key) != state.get(key)}
            missing = sorted(late - alerts)
            raise AssertionError(
                f"{len(wrong)} of {len(sizes)} tickets wrong (expected, is): {dict(list(wrong.items())[:5])}; "
                f"{len(missing)} alerts missing: {missing[:5]}; {self.complaints()}"
            ) from None
        alerts = await self.alerts()
        false = set(alerts) - late - self.forgotten
        assert not false, f"{len(false)} false alerts: {sorted(false)[:5]}"
        ledger = {record.key.decode(): int(record.value) for record in await self.records("ledger")}
        assert {key: size for key, size in ledger.items() if key not in self.forgotten} == sizes
        return alerts

    def complaints(self) -> str:
        """The ends of the workers' logs."""
        return "\n".join(f"--- {worker.name}: {worker.complaints[-1500:]}" for worker in self.workers)

    async def all_live(self, *workers: Worker, within: float = 40) -> None:
        """Waits until these workers have all partitions between them."""
        everything = set(range(self.partitions))

        def shared() -> bool:
            held = [worker.live() for worker in workers]
            return all(held) and set().union(*held) == everything and sum(map(len, held)) == self.partitions

        try:
            await eventually(shared, within, every=0.05)
        except AssertionError:
            raise AssertionError(f"not all live: {[w.live() for w in workers]}; {self.complaints()}") from None

    def sizes(self, worker: Worker) -> Counter[int]:
        """The derived rows a stopped worker ended with."""
        total: Counter[int] = Counter()
        for sizes in worker.said("stopped")[-1]["sizes"].values():
            total.update({int(size): count for size, count in sizes.items()})
        return total

    def expected_sizes(self) -> Counter[int]:
        """The derived rows that the sent events alone say."""
        sizes, _ = expected(self.sent, int(self.limit * 1e6))
        return Counter(size for ticket, size in sizes.items() if ticket not in self.forgotten)
