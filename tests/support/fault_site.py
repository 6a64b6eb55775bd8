"""A whole site under faults: processes that are started again as by a supervisor, a load, a chat, and the verdict.

async with Site(kafka, redis_server, tmp_path, unique, seed) as site:
    async with site.load(300):
        await site.kill("w1")
        ...
    await site.settled(within=60)
    report = await site.verdict(latest=18)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from os import killpg
from typing import TYPE_CHECKING, Any, Self

import fault_load
import msgspec
import yaml
from fake_chat import FakeChat
from fault_oracle import Evidence, Gauge, Oracle, Seen
from fault_verdict import Report, judge_run
from judge_time import SECOND
from kafka_io import now
from processes import Installation
from services import KafkaCluster
from supervised import Supervised
from topic_log import appended_at, read_log, stamped_by_broker
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from pathlib import Path

    from fake_chat import Post
    from processes import Program
    from prometheus_client.samples import Sample
    from services import RedisServer

GRACE = 1.0  # seconds
LOOK = 0.05  # seconds between looks at the processes
_GAUGES = {
    "sla_queue_tickets": ("state", "team", "priority", "channel"),
    "sla_window_judged": ("target", "team", "priority", "channel"),
    "sla_window_met": ("target", "team", "priority", "channel"),
    "sla_tickets_kept": ("kind",),
}


class Site:
    """An async context manager; entered once everything is ready. `limit` in whole seconds is the first response's.

    Events of the test's own go through `site.events.put`, so that the oracle knows them. Notes each fault.
    """

    def __init__(
        self,
        kafka: KafkaCluster | str,
        redis: RedisServer,
        folder: Path,
        name: str,
        seed: int,
        *,
        partitions: int = 4,
        workers: int = 2,
        notifiers: int = 1,
        limit: float = 6.0,
        restart_after: float = 1.0,
        settings: Mapping[str, str] | None = None,
        worker_settings: Mapping[str, str] | None = None,
        notifier_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.kafka = kafka
        self.redis = redis
        self.chat = FakeChat()
        bootstrap = kafka.bootstrap if isinstance(kafka, KafkaCluster) else kafka
        self.house = Installation(bootstrap, name, folder, partitions, redis=redis.url, **(settings or {}))
        self.limit = int(limit)
        self.policies = fault_load.policies(self.limit)
        self.events = fault_load.Load(bootstrap, self.house.prefix, seed, self.limit, GRACE)
        self.workers: dict[str, Supervised] = {}
        self.notifiers: dict[str, Supervised] = {}
        self.faults: list[tuple[float, str, str]] = []
        self._worker_settings = dict(worker_settings or {})
        self._notifier_settings = dict(notifier_settings or {})
        self._policy_file = ""
        self._counts = (workers, notifiers)
        self._restart_after = restart_after
        self._started = time.time()
        self._around = AsyncExitStack()

    # Life

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.chat)
            await stack.enter_async_context(self.house)
            await asyncio.to_thread(stamped_by_broker, self.house.bootstrap, self.house.topics.inputs)
            self._policy_file = self.house.file("policies.yaml", self.policies)
            workers, notifiers = self._counts
            for number in range(workers):
                await self.start(f"w{number + 1}")
            for number in range(notifiers):
                await self.start(f"n{number + 1}")
            watch = asyncio.create_task(self._supervise())
            stack.push_async_callback(_ended, watch)
            self.events.start()
            stack.callback(self.events.close)
            await self.all_live(within=90, shared=True)
            for notifier in self.notifiers.values():
                await notifier.program.ready(90)
            self._started = time.time()
            self._around = stack.pop_all()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        for one in self._all():
            one.held = True
        await self._around.__aexit__(*failure)

    def _all(self) -> list[Supervised]:
        return [*self.workers.values(), *self.notifiers.values()]

    def _of(self, name: str) -> Supervised:
        return self.workers[name] if name in self.workers else self.notifiers[name]

    async def _supervise(self) -> None:
        """Starts again what has left, a moment later."""
        due: dict[str, float] = {}
        while True:
            for one in self._all():
                code = one.program.code
                if code is None:
                    continue
                if not one.left:
                    one.left, one.frozen = True, False
                    one.exits.append((time.time(), code))
                    due[one.name] = time.monotonic() + self._restart_after
                    if code > 0:
                        self._say(f"{one.name} left with {code}")
                if not one.held and time.monotonic() >= due[one.name]:
                    await self.start(one.name)
            await asyncio.sleep(LOOK)

    # Faults

    def fault(self, kind: str, what: str) -> None:
        """Notes a fault with its time, and prints it."""
        self.faults.append((time.time(), kind, what))
        self._say(f"{kind} {what}")

    def hit(self, name: str, number: signal.Signals, how: str) -> None:
        """Notes that somebody else has sent it a signal."""
        self._of(name).frozen = number == signal.SIGSTOP
        self.fault(f"{number.name} {how}", name)

    def _say(self, text: str) -> None:
        print(f"{time.time() - self._started:7.2f} s  {text}", flush=True)

    def hold(self, name: str) -> None:
        """It is not started again, once it has left, until `start`."""
        self._of(name).held = True

    async def start(self, name: str) -> None:
        """Starts a process that has left, or a further one: workers are named w1, w2..., notifiers n1, n2..."""
        table = self.workers if name.startswith("w") else self.notifiers
        if name not in table:

            def again() -> Program:
                if name.startswith("w"):
                    return self.house.worker(name, **({"policies": self._policy_file} | self._worker_settings))
                return self.house.notifier(self.chat, name, **self._notifier_settings)

            table[name] = Supervised(name, again(), again)
            return
        one = table[name]
        assert one.program.code is not None, f"{name} is running"
        one.program, one.held, one.left = one.again(), False, False
        one.restarts += 1

    async def kill(self, name: str) -> None:
        """kill -9; the supervisor starts it again."""
        self.fault("kill -9", name)
        self._of(name).program.kill()

    async def terminate(self, name: str, within: float = 30) -> int:
        """SIGTERM; its exit code, once it has left. The supervisor starts it again unless it is held."""
        self.fault("SIGTERM", name)
        program = self._of(name).program
        program.terminate()
        return await program.gone(within)

    async def stop(self, name: str) -> None:
        """SIGSTOP."""
        self.fault("SIGSTOP", name)
        self._of(name).frozen = True
        killpg(self._of(name).program.pid, signal.SIGSTOP)

    async def cont(self, name: str) -> None:
        """SIGCONT."""
        self.fault("SIGCONT", name)
        self._of(name).frozen = False
        killpg(self._of(name).program.pid, signal.SIGCONT)

    # Load

    @asynccontextmanager
    async def load(self, rate: float) -> AsyncIterator[fault_load.Load]:
        """Tickets flow at so many events a second while the block runs; those begun are told to their end after it."""
        self.events.pace(rate)
        try:
            yield self.events
        finally:
            self._say(f"load over: {self.events.achieved:.0f} events/s of {rate:g}")
            self.events.pace(0)

    # Looking

    async def samples(self, names: Iterable[str] | None = None) -> dict[str, list[Sample]]:
        """The metrics of each worker (or process named) that runs and answers; a stopped one is not asked."""
        chosen = self.workers.values() if names is None else [self._of(name) for name in names]
        answers = await asyncio.gather(*(one.scrape() for one in chosen))
        return {one.name: found for one, found in zip(chosen, answers, strict=True) if found is not None}

    async def metric(self, metric: str, names: Iterable[str] | None = None, **labels: str) -> float:
        """The sum of a metric over the workers (or the processes named), those with these labels."""
        return sum(
            sample.value
            for found in (await self.samples(names)).values()
            for sample in found
            if sample.name == metric and labels.items() <= sample.labels.items()
        )

    async def holders(self) -> dict[int, list[str]]:
        """Each live partition's workers, by what their metrics say."""
        holders: dict[int, list[str]] = defaultdict(list)
        for name, found in (await self.samples()).items():
            for sample in found:
                if sample.name == "sla_input_lag_seconds":
                    holders[int(sample.labels["partition"])].append(name)
        return holders

    async def owner(self, partition: int, within: float = 60) -> str:
        """The worker that has it; waits until it is exactly one."""

        async def one() -> str | None:
            names = (await self.holders()).get(partition, [])
            return names[0] if len(names) == 1 else None

        return str(await eventually(one, within, what=f"one worker has partition {partition}"))

    async def all_live(self, within: float, *, shared: bool = False) -> float:
        """Waits until every partition is live in exactly one worker (`shared`: each running one has some).

        The seconds that took; what workers say of themselves is up to a second old.
        """
        began = time.monotonic()

        async def live() -> bool:
            holders = await self.holders()
            assert {number: len(names) for number, names in holders.items()} == dict.fromkeys(
                range(self.house.partitions), 1
            ), dict(holders)
            if shared:
                running = {one.name for one in self.workers.values() if one.program.running and not one.frozen}
                assert {names[0] for names in holders.values()} == running, dict(holders)
            return True

        await eventually(live, within, every=0.1, what="every partition is live in exactly one worker")
        return time.monotonic() - began

    # Verdict

    async def settled(self, within: float) -> None:
        """Waits until all tickets are told, their deadlines past, the input committed, and every breach in the chat."""
        end = time.monotonic() + within

        def left() -> float:
            return max(end - time.monotonic(), 1.0)

        assert within > fault_load.longest(self.limit), (
            f"the last deadline is {fault_load.longest(self.limit):g} s away"
        )
        await eventually(lambda: not self.events.under_way, left(), what="all tickets are told")
        await asyncio.to_thread(self.events.flush, left())
        last = self.events.last_begun + (fault_load.longest(self.limit) + GRACE) * SECOND
        await eventually(lambda: now() > last, left(), what="the last deadline is past")
        await self.all_live(left())
        await self.house.caught_up(left())
        evidence = Evidence(self._document, int(GRACE * SECOND), now(), await asyncio.to_thread(self._input))
        # Off the loop on which the chat answers.
        wanted = await asyncio.to_thread(lambda: Oracle(evidence).required)

        def announced() -> bool:
            said = {(b["ticket_id"], b["target"], b["cycle"]) for b in self._bodies() if b["level"] == "breach"}
            missing = sorted(wanted - said)
            assert not missing, f"{len(missing)} of {len(wanted)} breaches are not in the chat: {missing[:5]}"
            return True

        await eventually(lambda: asyncio.to_thread(announced), left(), every=0.2, what="every breach is in the chat")
        await self.house.delivered(left())

    async def verdict(
        self, latest: float | None = None, *, dead_letters: int = 0, posts: Sequence[Post] | None = None
    ) -> Report:
        """VERDICT B, after `settled`; see `judge_run`.

        `dead_letters`: how many the test planned. `posts`: the messages that the chat took, where that is not all.
        What is last written and shown may take a few seconds. What did not hold is left in evidence.json.
        """

        async def judged() -> Report:
            evidence = await self._evidence(self.chat.posts if posts is None else posts)
            evidence.planned_dead_letters = dead_letters
            try:
                return await asyncio.to_thread(judge_run, evidence, latest)
            except AssertionError:
                gauges = {" ".join(gauge): value for gauge, value in evidence.gauges.items()}
                left = asdict(evidence) | {"gauges": gauges}
                self.house.file("evidence.json", msgspec.json.encode(left).decode())
                raise

        report = await eventually(judged, timeout=40, every=1, what="verdict")
        self._say(str(report))
        return report

    @property
    def _document(self) -> Mapping[str, Any]:
        document: Mapping[str, Any] = yaml.safe_load(self.policies)
        return document

    def _bodies(self) -> list[dict[str, Any]]:
        return [post.body for post in self.chat.posts]

    def _records(self, *topics: str) -> list[Any]:
        return read_log(self.house.bootstrap, topics, self.house.partitions)

    def _input(self) -> list[Seen]:
        found = []
        for record in self._records(*self.house.topics.inputs):
            with contextlib.suppress(ValueError, TypeError, RecursionError):  # a test may have planted rubbish
                event = json.loads(record.value())
                if event["event_id"] in self.events.ids:
                    place = (record.topic(), record.partition(), record.offset())
                    known = self.events.acknowledged_at.get(place) or self.events.acknowledged.get(event["event_id"], 0)
                    found.append(Seen(appended_at(record), event, known))
        return found

    async def _evidence(self, posts: Sequence[Post]) -> Evidence:
        """What may still change comes last and at once: deadlines come meanwhile, and it must be of one moment."""
        topics = self.house.topics
        told = await asyncio.to_thread(self._input)
        dead_letters = len(await asyncio.to_thread(self._records, topics.dead_letters))
        ledger = await asyncio.to_thread(self._records, topics.ledger)
        alerts = await asyncio.to_thread(self._records, topics.alerts)
        return Evidence(
            policies=self._document,
            grace=int(GRACE * SECOND),
            as_of=now(),
            input=told,
            acknowledged=self.events.acknowledged,
            alerts=[Seen(appended_at(record), json.loads(record.value())) for record in alerts],
            posts=[Seen(int(post.at * SECOND), post.body) for post in posts],
            ledger={record.key().decode(): json.loads(record.value()) for record in ledger},
            gauges=await self._gauges(),
            dead_letters=dead_letters,
            faults=self.faults,
        )

    async def _gauges(self) -> Counter[Gauge]:
        """Of all workers together."""
        found: Counter[Gauge] = Counter()
        for of_one in (await self.samples()).values():
            for sample in of_one:
                names = _GAUGES.get(sample.name)
                if names is not None and sample.labels.get("window", "24h") == "24h":
                    found[sample.name, *(sample.labels[name] for name in names)] += int(sample.value)
        return found


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
