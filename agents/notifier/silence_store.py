"""Where silences are kept: the topic sla-silences, which is the truth, and a copy in Redis for those who show them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka.errors import KafkaError, KafkaTimeoutError
from redis.exceptions import RedisError

from agents.dead_letters import printable
from agents.notifier.silences import Silence, encode, known, silencing
from agents.redis import why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from redis.asyncio import Redis

    from agents.one_partition import Entry

PATIENCE = 30.0
"""Seconds within which the topic must be read to its end."""
RETRY = 1.0
"""Seconds after an error."""
COPY_EVERY = 5.0
"""Seconds between looks at whether the copy is still whole."""

log = logging.getLogger("slawatch.notifier")


class Topic(Protocol):
    """What is asked of the topic; `agents.one_partition.OnePartition` is one."""

    name: str

    async def entries(self) -> list[Entry]:
        """What came since the last call."""

    async def position(self) -> int:
        """What is before it was returned."""

    async def end(self) -> int:
        """The offset after the newest."""


class Copy(Protocol):
    """A copy of the silences that others read."""

    async def put(self, silences: Mapping[str, Silence]) -> None:
        """Make it equal to these."""

    async def read(self, longest: int) -> dict[str, Silence]:
        """What is in it."""


class RedisCopy:
    """In the hash `{app}:silences`, by id. Raises RedisError."""

    def __init__(self, redis: Redis, app: str) -> None:
        self._redis = redis
        self._key = f"{app}:silences"

    async def put(self, silences: Mapping[str, Silence]) -> None:
        """See the port. Writes only where there is a difference; whoever reads sees all of it or what was before."""
        wanted: dict[Any, Any] = {name.encode(): encode(silence) for name, silence in silences.items()}
        if await self._held() == wanted:
            return
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._key)
            if wanted:
                pipeline.hset(self._key, mapping=wanted)
            await pipeline.execute()

    async def read(self, longest: int) -> dict[str, Silence]:
        """See the port."""
        held = await self._held()
        return known((held or {}).values(), longest)[0]

    async def _held(self) -> dict[bytes, bytes] | None:
        """None where somebody else has put something of another kind there."""
        if await self._redis.type(self._key) not in (b"hash", b"none"):
            return None
        found: dict[Any, Any] = await self._redis.hgetall(self._key)
        return {_bytes(name): _bytes(value) for name, value in found.items()}


class SilenceSource:
    """Knows the silences of the topic, and keeps the copy equal to them. `longest`: microseconds a silence may last."""

    def __init__(
        self, topic: Topic, longest: int, copy: Copy | None = None, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._topic = topic
        self._longest = longest
        self._copy = copy
        self._changed = changed
        self._silences: dict[str, Silence] = {}
        self._spans: list[tuple[int, int, Silence]] = []  # of all there ever were few hold: these are found by it
        self._copy_told = ""
        self._read_to = 0
        self._progress = asyncio.Condition()
        self.patience = PATIENCE
        self.copy_every = COPY_EVERY

    @property
    def silences(self) -> Iterable[Silence]:
        """All that are known, whether they hold now or not."""
        return self._silences.values()

    def silencing(self, alert: Mapping[str, Any], decided_at: int) -> Silence | None:
        """The silence that an alert record falls under, as far as the topic is read."""
        holding = [silence for since, until, silence in self._spans if since <= decided_at < until]
        return silencing(holding, alert, decided_at) if holding else None

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Inside it what comes on the topic takes effect within a second; all that is there already, before it begins.

        The topic is open meanwhile. Raises KafkaError where it cannot be read to its end.
        """
        tasks = [asyncio.create_task(self._follow())]
        if self._copy is not None:
            tasks.append(asyncio.create_task(self._keep_copy(self._copy)))
        try:
            await self._caught_up()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _caught_up(self) -> None:
        try:
            async with asyncio.timeout(self.patience):
                end = await self._topic.end()
                async with self._progress:
                    await self._progress.wait_for(lambda: self._read_to >= end)
        except TimeoutError:
            reason = f"the topic {self._topic.name} could not be read to its end within {self.patience:g} s"
            raise KafkaTimeoutError(reason) from None

    async def _follow(self) -> None:
        while True:
            try:
                entries = await self._topic.entries()
                position = await self._topic.position()
            except KafkaError as error:
                log.warning("the topic %s cannot be read now: %r", self._topic.name, error)
                await asyncio.sleep(RETRY)
                continue
            if entries:
                await self._take(entries)
            async with self._progress:
                self._read_to = position
                self._progress.notify_all()

    async def _take(self, entries: list[Entry]) -> None:
        found, refused = known((entry.value for entry in entries), self._longest)
        for error in refused:
            log.error("a record of %s is no silence and has no effect: %s", self._topic.name, printable(str(error)))
        self._silences |= found
        self._spans = [(*silence.span(), silence) for silence in self._silences.values()]
        self._changed()
        if self._copy is not None and found:
            await self._put(self._copy)

    async def _keep_copy(self, copy: Copy) -> None:
        while True:
            await asyncio.sleep(self.copy_every)
            await self._put(copy)

    async def _put(self, copy: Copy) -> None:
        """A copy that cannot be made holds up nobody: it is made later."""
        told = ""
        try:
            await copy.put(dict(self._silences))
        except (RedisError, OSError, TimeoutError) as error:
            told = why(error)
            if told != self._copy_told:
                log.warning("the silences in Redis are not up to date: %s", told)
        self._copy_told = told


def _bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
