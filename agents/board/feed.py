"""The one reader of Redis: a picture each second, encoded once for all who see the same."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from redis.exceptions import RedisError

from agents.board.freshness import Freshness
from agents.board.record import key
from agents.board.summing import picture, without_names
from agents.engine.lease import ticks
from agents.redis import why
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio import Redis

    from agents.board.answers import Picture
    from agents.board.meters import BoardMetrics
    from agents.board.record import Read
    from streams.demand import Staffing

EVERY = 1.0  # seconds

log = logging.getLogger("slawatch.board")
_encode = msgspec.json.Encoder().encode


class Shot(NamedTuple):
    """A picture, as JSON for those who see names and for those who do not."""

    whole: Picture
    boards: Sequence[Read]
    named: bytes
    nameless: bytes


class Feed:
    """Reads until it is stopped. `clock` gives microseconds since the epoch."""

    def __init__(
        self,
        redis: Redis,
        app: str,
        partitions: int,
        staffing: Staffing,
        clock: Callable[[], int],
        metrics: BoardMetrics,
    ) -> None:
        self._redis = redis
        self._keys = [key(app, number) for number in range(partitions)]
        self._staffing = staffing
        self._clock = clock
        self._metrics = metrics
        self._fresh = Freshness(partitions)
        self._news = asyncio.Event()
        self._stopped = asyncio.Event()
        self.shot: Shot | None = None
        self.away: str | None = None
        """Why Redis could not be read for the picture that is shown."""
        metrics.partitions.set(partitions)

    async def run(self) -> None:
        """A picture each second, until `stop`."""
        while not self._stopped.is_set():
            await self.read()
            try:
                await asyncio.wait_for(self._stopped.wait(), EVERY)
            except TimeoutError:
                continue

    def stop(self) -> None:
        """No picture comes any more."""
        self._stopped.set()
        self._tell()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    async def next(self, seen: Shot | None) -> Shot | None:
        """The newest picture, once there is another than the one that was seen; None once it was stopped."""
        while self.shot is seen and not self.stopped:
            await self._news.wait()
        return None if self.stopped else self.shot

    async def read(self) -> None:
        """One picture."""
        values, away = await self._values()
        began = perf_counter()
        now = self._clock() // SECOND * SECOND
        self.shot = await asyncio.to_thread(self._look, values, ticks(), now)
        self.away = away
        monitor = self.shot.whole.monitor
        self._metrics.seconds.inc(perf_counter() - began)
        self._metrics.pictures.inc()
        self._metrics.partitions_live.set(monitor.live)
        self._metrics.redis_up.set(values is not None)
        self._tell()

    def _look(self, values: Sequence[bytes | None] | None, at: float, now: int) -> Shot:
        self._fresh.take(values, at)
        boards = self._fresh.boards
        whole = picture(boards, self._fresh.monitor(at, now), now, self._staffing)
        return Shot(whole, boards, _encode(whole), _encode(without_names(whole)))

    async def _values(self) -> tuple[Sequence[bytes | None] | None, str | None]:
        """What Redis holds, or why it cannot be read; the log says so when that changes."""
        try:
            found = await self._redis.mget(self._keys)
        except (RedisError, OSError) as error:
            away = why(error)
            if self.away is None:
                log.warning("Redis is away, the board shows that it is blind: %s", away)
            return None, away
        if self.away is not None:
            log.warning("Redis is back")
        return [value if isinstance(value, bytes) else None for value in found], None

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
