"""Which alerts were acknowledged by a link already: each is taken once, whichever of its links is used."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
from redis.exceptions import RedisError

from agents.redis import why
from streams.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis.asyncio import Redis

KEPT = 8 * DAY
"""How long a use is remembered, in microseconds: longer than a link holds."""

RESERVED = 30 * SECOND
"""How long one that is under way keeps out others, in microseconds: if it comes to nothing, it can be tried again."""


class UsesUnavailable(Exception):
    """It cannot be asked now whether an alert was taken; the text says why."""


class Use(NamedTuple):
    """Who took an alert, and when (microseconds since the epoch); by nobody yet while somebody is at it."""

    by: str
    at: int


UNDER_WAY = Use("", 0)


class Uses(Protocol):
    """The port. Every call may raise UsesUnavailable."""

    async def of(self, alert_id: str) -> Use | None:
        """Its use, if there is one."""

    async def begin(self, alert_id: str) -> Use | None:
        """Reserve it for the caller, or tell the use that there is."""

    async def done(self, alert_id: str, use: Use) -> None:
        """The caller's acknowledgement is on Kafka."""

    async def undo(self, alert_id: str) -> None:
        """It is not: anybody may try again."""


class MemoryUses:
    """Of a single process. `clock` gives microseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._uses: dict[str, tuple[Use, int]] = {}  # and until when

    async def of(self, alert_id: str) -> Use | None:
        """See the port."""
        use, until = self._uses.get(alert_id, (None, 0))
        return use if until > self._clock() else None

    async def begin(self, alert_id: str) -> Use | None:
        """See the port."""
        use = await self.of(alert_id)
        if use is None:
            self._set(alert_id, UNDER_WAY, RESERVED)
        return use

    async def done(self, alert_id: str, use: Use) -> None:
        """See the port."""
        self._set(alert_id, use, KEPT)

    async def undo(self, alert_id: str) -> None:
        """See the port."""
        self._uses.pop(alert_id, None)

    def _set(self, alert_id: str, use: Use, kept: int) -> None:
        now = self._clock()
        self._uses.pop(alert_id, None)
        self._uses[alert_id] = (use, now + kept)
        for old in [one for one, (_, until) in self._uses.items() if until <= now]:
            del self._uses[old]


class RedisUses:
    """Shared by all pages, under `{app}:ack:...`."""

    def __init__(self, redis: Redis, app: str) -> None:
        self._redis = redis
        self._prefix = f"{app}:ack:"

    async def of(self, alert_id: str) -> Use | None:
        """See the port."""
        with _unavailable():
            value = await self._redis.get(self._prefix + alert_id)
        return None if value is None else _read(value)

    async def begin(self, alert_id: str) -> Use | None:
        """See the port."""
        with _unavailable():
            free = await self._redis.set(self._prefix + alert_id, _written(UNDER_WAY), nx=True, px=RESERVED // 1000)
        return None if free else await self.of(alert_id) or UNDER_WAY

    async def done(self, alert_id: str, use: Use) -> None:
        """See the port."""
        with _unavailable():
            await self._redis.set(self._prefix + alert_id, _written(use), px=KEPT // 1000)

    async def undo(self, alert_id: str) -> None:
        """See the port."""
        with _unavailable():
            await self._redis.delete(self._prefix + alert_id)


def _written(use: Use) -> bytes:
    return msgspec.json.encode(tuple(use))


def _read(value: bytes | str) -> Use:
    """What somebody else has written there counts as under way: it ends by itself or is nothing of ours."""
    try:
        return Use(*msgspec.json.decode(value, type=tuple[str, int]))
    except msgspec.MsgspecError:
        return UNDER_WAY


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise UsesUnavailable(why(error)) from error
