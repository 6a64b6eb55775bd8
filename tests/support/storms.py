"""A destination in virtual time with notifiers that crash or stand still at any step, and what became of all."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notices import QUICK, START, message

from agents.notifier.claims import MemoryClaims
from agents.notifier.deliveries import Begun
from agents.notifier.http import Outcome, Result
from agents.notifier.lane import Lane
from agents.notifier.limits import MemoryLimits, Pace
from agents.notifier.message import DIGEST, FINAL
from agents.notifier.metrics import NotifierMetrics
from agents.notifier.progress import Job, Partition
from streams.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.notifier.backoff import Backoff
    from agents.notifier.claims import Claim
    from agents.notifier.message import Delivery, Message, State
    from agents.notifier.storm import Storm

LATENCY = 0.02
TIMEOUT = 2 * SECOND


class Crash(Exception):
    """The process is gone."""


def seconds() -> float:
    return asyncio.get_running_loop().time()


def instant() -> int:
    return START + int(seconds() * SECOND)


@dataclass
class Post:
    """What arrived: the keys it tells of, by itself or within a digest."""

    at: float
    keys: tuple[str, ...]
    repeat: bool
    digest: str | None
    message: Message


@dataclass
class World:
    """What outlives a notifier: the topics, the chat, and the claims where these are durable."""

    messages: Sequence[Message]
    durable: bool
    pace: Pace = field(default_factory=Pace)
    storm: Callable[[], Storm] | None = None
    answers: Callable[[int], Result] = lambda _: Result(Outcome.SENT)
    latency: float = LATENCY
    backoff: Backoff = QUICK
    log: list[Delivery] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    attempts: int = 0
    claims: MemoryClaims | None = None
    limits: MemoryLimits | None = None

    def notifier(self, **more: Any) -> Notifier:
        if self.limits is None or not self.durable:
            self.limits = MemoryLimits(lambda: int(seconds() * SECOND))
        if self.claims is None or not self.durable:
            self.claims = MemoryClaims(instant)
        return Notifier(self, self.claims, self.limits, **more)

    @property
    def ended(self) -> dict[str, Delivery]:
        """The last word on each message, of those that have an end."""
        last = {delivery.key: delivery for delivery in self.log}
        return {key: delivery for key, delivery in last.items() if delivery.state in FINAL}

    def told(self) -> set[str]:
        """The messages of which the record says that they were told, by their own or by their digest's."""
        found = {key for key, delivery in self.ended.items() if delivery.state in ("sent", "digested")}
        for delivery in self.ended.values():
            if delivery.kind == DIGEST and delivery.state == "sent":
                found |= set(delivery.members or ())
        return found

    def check(self, crashes: int = 0) -> None:
        """Everything is told, once unless it is marked, and the record says how."""
        keys = {one.key for one in self.messages}
        unmarked: Counter[str] = Counter()
        marked: Counter[str] = Counter()
        for post in self.posts:
            (marked if post.repeat else unmarked).update(post.keys)
        assert not {key: times for key, times in unmarked.items() if times > 1}, "told twice, unmarked"
        assert keys == unmarked.keys() | marked.keys(), "never told"
        assert all(times <= crashes for times in marked.values()), "repeated without need"
        ended = self.ended
        assert keys <= ended.keys(), "without an outcome"
        in_digests = defaultdict(set)
        for post in self.posts:
            if post.digest is not None:
                in_digests[post.digest] |= set(post.keys)
        for key in keys:
            delivery = ended[key]
            assert delivery.state in ("sent", "digested")
            if delivery.state == "digested":
                assert delivery.digest is not None
                assert key in in_digests[delivery.digest], "its digest does not tell of it"
                assert ended[f"{delivery.digest}|{DIGEST}|desk"].state == "sent"


class Notifier:
    """A lane with its claims, log and sender, each of whose effects may be the last: `at` counts them."""

    durable: bool

    def __init__(
        self, world: World, claims: MemoryClaims, limits: MemoryLimits, *, at: int = -1, stands_still: bool = False
    ) -> None:
        self.world = world
        self.durable = world.durable
        self.steps = 0
        self.dead = False
        self.go_on = asyncio.Event()
        self.stood = asyncio.Event()
        self._at = at
        self._stands_still = stands_still
        self._claims = claims
        self.partition = Partition()
        self._writes: set[asyncio.Task[None]] = set()
        self.lane = Lane(
            "desk",
            self,
            claims=self,  # type: ignore[arg-type]  # it wraps them
            outcomes=self,
            metrics=NotifierMetrics(),
            clock=instant,
            ticks=seconds,
            refill=self.fill,
            max_age=DAY,
            timeout=TIMEOUT,
            pace=world.pace,
            limits=limits,
            storm=world.storm() if world.storm is not None else None,
            backoff=world.backoff,
            rng=random.Random(1),
        )

    async def run(self, messages: Iterable[Message] | None = None) -> None:
        """Until everything has its outcome, or it crashes."""
        await self.fill()
        running = asyncio.create_task(self.lane.run())
        for number, one in enumerate(self.world.messages if messages is None else messages):
            self.lane.put(Job(one, self.partition, number, hold=self.hold(one)))
        try:
            while len(self.lane):
                if self.dead:
                    raise Crash
                if running.done():
                    running.result()
                await asyncio.sleep(0.05)
            self.lane.stop()
            await running
        finally:
            self.dead = True
            running.cancel()
            for write in self._writes:
                write.cancel()
            await asyncio.gather(running, *self._writes, return_exceptions=True)

    async def feed(self, every: float) -> float:
        """Run with a message each so many seconds, while there is room; returns when all had their outcome."""
        await self.fill()
        running = asyncio.create_task(self.lane.run())
        for number, one in enumerate(self.world.messages):
            await asyncio.sleep(number * every - seconds())
            await _until(lambda: self.lane.room > 0)
            self.lane.put(Job(one, self.partition, number))
        await _until(lambda: not len(self.lane))
        self.lane.stop()
        await running
        return seconds()

    def hold(self, one: Message) -> int:
        return int(one.alert.record.get("hold") or 0)

    async def step(self, *, sends: bool = False) -> None:
        if self.dead:
            raise Crash
        self.steps += 1
        if self._stands_still:
            if sends or self.stood.is_set() or self.steps < self._at:
                if self.stood.is_set():
                    await self.go_on.wait()
                return
            self.stood.set()
            await self.go_on.wait()
        elif self.steps == self._at:
            self.dead = True
            raise Crash

    async def fill(self) -> None:
        """As Refill does, from the log."""
        await self._claims.begin()
        begun = Begun()
        for delivery in self.world.log:
            begun.read(delivery)
        await self._claims.finish((d.key, d.state) for d in self.world.log if d.state in FINAL)
        await self._claims.left(begun.own.items())
        await self._claims.left(begun.summed_up.items())
        await self._claims.filled()

    # The claims

    async def claim(self, key: str, token: str, lease: int, over: str = "") -> Claim:
        await self.step()
        claim = await self._claims.claim(key, token, lease, over)
        await self.step()
        return claim

    async def ended(self, keys: Sequence[str]) -> list[bool]:
        await self.step()
        return await self._claims.ended(keys)

    async def release(self, key: str, token: str, *, unknown: bool) -> None:
        await self.step()
        await self._claims.release(key, token, unknown=unknown)
        await self.step()

    async def finish(self, states: Iterable[tuple[str, State]]) -> None:
        await self.step()
        await self._claims.finish(states)

    # The log

    async def ahead(self, delivery: Delivery) -> None:
        await self.step()
        await asyncio.sleep(0.001)
        if self.dead:
            raise Crash
        self.world.log.append(delivery)
        await self.step()
        if delivery.state in FINAL:
            await self.finish([(delivery.key, delivery.state)])

    def put(self, delivery: Delivery, done: Callable[[], None]) -> None:
        async def write() -> None:
            with contextlib.suppress(Crash):
                await self.ahead(delivery)
                done()

        write_it = asyncio.create_task(write())
        self._writes.add(write_it)
        write_it.add_done_callback(self._writes.discard)

    # The sender

    async def send(self, message: Message, *, repeat: bool) -> Result:
        await self.step(sends=True)
        self.world.attempts += 1
        result = self.world.answers(self.world.attempts)
        if result.outcome is not Outcome.FAILED:
            self.world.posts.append(post(message, repeat=repeat))
        await asyncio.sleep(self.world.latency if result.outcome is not Outcome.UNKNOWN else TIMEOUT / SECOND)
        await self.step(sends=True)
        return result


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - time is virtual
        await asyncio.sleep(0.1)


def post(one: Message, *, repeat: bool) -> Post:
    if one.alert.kind != DIGEST:
        return Post(seconds(), (one.key,), repeat, None, one)
    keys = tuple(f"{alert_id}|raised|{one.destination}" for alert_id in one.alert.record["alert_ids"])
    return Post(seconds(), keys, repeat, one.alert.alert_id, one)


def messages(count: int, **fields: Any) -> list[Message]:
    """Each of a ticket of its own."""
    return [message(number, **fields) for number in range(count)]
