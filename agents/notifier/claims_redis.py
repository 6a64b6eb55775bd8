"""The claims of several notifiers, kept in Redis; leases are measured by Redis' own clock."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from agents.notifier.claims import KEPT, Claim, ClaimsUnavailable, Held
from agents.notifier.message import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from redis.asyncio import Redis

    from agents.notifier.message import State

# A claim's value is a final state, or "pending HOLDER UNTIL" (milliseconds since the epoch, 0 when left behind).
# One script, so that the marker, the claim and the clock are looked at in one moment. A value that cannot be
# read was not written by us: the message may have been sent, as with one left behind.
_CLAIM = """
if redis.call('EXISTS', KEYS[2]) == 0 then return {'FLUSHED', '', 0} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', KEYS[1])
local held = 'OURS'
if value then
  if value == 'sent' or value == 'failed' or value == 'expired' then return {'DONE', value, 0} end
  local holder, till = string.match(value, '^pending (%S+) (%d+)$')
  if holder ~= ARGV[1] then
    if holder and tonumber(till) > now then return {'ELSEWHERE', '', tonumber(till) - now} end
    held = 'LEFT_BEHIND'
  end
end
redis.call('SET', KEYS[1], string.format('pending %s %.0f', ARGV[1], now + ARGV[2]), 'PX', ARGV[3])
return {held, '', 0}
"""
_RELEASE = """
local value = redis.call('GET', KEYS[1])
if not value or string.match(value, '^pending (%S+) ') ~= ARGV[1] then return 0 end
if ARGV[2] == '1' then redis.call('SET', KEYS[1], 'pending - 0', 'PX', ARGV[3]) else redis.call('DEL', KEYS[1]) end
return 1
"""
_LEFT_BEHIND = "pending - 0"
_KEPT_MS = KEPT // 1000
_CHUNK = 1000


class RedisClaims:
    """Claims under `{app}:claim:...`; the key `{app}:claims-filled` is gone when Redis was flushed."""

    durable = True

    def __init__(self, redis: Redis, app: str) -> None:
        self._redis = redis
        self._prefix = f"{app}:claim:"
        self._marker = f"{app}:claims-filled"
        self._claim = redis.register_script(_CLAIM)
        self._release = redis.register_script(_RELEASE)

    async def claim(self, key: str, token: str, lease: int) -> Claim:
        """See the port."""
        with _unavailable():
            held, state, wait = await self._claim(
                keys=[self._key(key), self._marker], args=[token, max(lease // 1000, 1), _KEPT_MS]
            )
        return Claim(Held[_text(held)], state=_text(state), wait=int(wait) * 1000)

    async def release(self, key: str, token: str, *, unknown: bool) -> None:
        """See the port."""
        with _unavailable():
            await self._release(keys=[self._key(key)], args=[token, int(unknown), _KEPT_MS])

    async def finish(self, states: Iterable[tuple[str, State]]) -> None:
        """See the port."""
        todo = list(states)
        for start in range(0, len(todo), _CHUNK):
            with _unavailable():
                pipeline = self._redis.pipeline(transaction=False)
                for key, state in todo[start : start + _CHUNK]:
                    final = state in FINAL
                    pipeline.set(self._key(key), state if final else _LEFT_BEHIND, px=_KEPT_MS, nx=not final)
                await pipeline.execute()

    async def filled(self) -> None:
        """See the port."""
        with _unavailable():
            await self._redis.set(self._marker, "1")

    async def ping(self) -> None:
        """See the port."""
        with _unavailable():
            await self._redis.exists(self._marker)

    def _key(self, key: str) -> str:
        return self._prefix + key.replace("|", ":")


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise ClaimsUnavailable(type(error).__name__) from error


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
