"""The claims of several notifiers, kept in Redis; leases are measured by Redis' own clock."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from agents.notifier.claims import KEPT, Claim, ClaimsUnavailable, Held
from agents.notifier.message import AGAIN, FINAL, FRESH
from agents.redis import why

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redis.asyncio import Redis

    from agents.notifier.message import State

# A claim's value is a final state, or "pending HOLDER UNTIL" (milliseconds since the epoch, 0 when left behind).
#
# The marker's value is "filling GENERATION COUNT", then "filled GENERATION COUNT". A generation is the instant at
# which filling from nothing began; the count grows with every claim. So a notifier that has seen a later one than
# Redis has now knows that Redis went back in time, be it by an old snapshot or a replica that lagged.
#
# Each step is one script, so that the marker, the claim and the clock are looked at in one moment.
_MARKER = """
local function marker(key)
  local value = redis.pcall('GET', key)
  if not value then return 'none', 0, 0 end
  if type(value) == 'table' then return 'unreadable', 0, 0 end  -- no string: an error came
  local state, generation, count = string.match(value, '^(fill%a+) (%d+) (%d+)$')
  if state ~= 'filling' and state ~= 'filled' then return 'unreadable', 0, 0 end
  return state, tonumber(generation), tonumber(count)
end
local function mark(key, state, generation, count)
  redis.call('SET', key, string.format('%s %.0f %.0f', state, generation, count))
end
local function went_back(generation, count, seen_generation, seen_count)
  if generation ~= tonumber(seen_generation) then return generation < tonumber(seen_generation) end
  return count < tonumber(seen_count)
end
"""
_FINAL = f"local final = {{{', '.join(f'{state}=true' for state in sorted(FINAL))}}}"
_CLAIM = (
    _MARKER
    + _FINAL
    + """
local function starts(text, prefix) return string.sub(text, 1, #prefix) == prefix end
local state, generation, count = marker(KEYS[2])
if state == 'unreadable' then
  redis.call('DEL', KEYS[2])
  return {'UNREADABLE', '', 0, 0, 0}
end
if state ~= 'filled' then return {'FLUSHED', '', 0, 0, 0} end
if went_back(generation, count, ARGV[4], ARGV[5]) then
  redis.call('DEL', KEYS[2])
  return {'FLUSHED', '', 0, 0, 0}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.pcall('GET', KEYS[1])
local held = 'OURS'
if value then
  if final[value] then return {'DONE', value, 0, generation, count} end
  local holder, till
  if type(value) ~= 'table' then holder, till = string.match(value, '^pending (%S+) (%d+)$') end
  if not holder then
    redis.call('DEL', KEYS[1], KEYS[2])
    return {'UNREADABLE', '', 0, 0, 0}
  end
  if holder ~= ARGV[1] and holder ~= ARGV[6] then
    if tonumber(till) > now then return {'ELSEWHERE', '', tonumber(till) - now, generation, count} end
    if starts(holder, ARGV[7]) or starts(holder, ARGV[8]) then
      return {'IN_DIGEST', holder, 0, generation, count}
    end
    if starts(ARGV[1], ARGV[7]) then return {'LEFT_BEHIND', '', 0, generation, count} end
    held = 'LEFT_BEHIND'
  end
end
redis.call('SET', KEYS[1], string.format('pending %s %.0f', ARGV[1], now + ARGV[2]), 'PX', ARGV[3])
mark(KEYS[2], 'filled', generation, count + 1)
return {held, '', 0, generation, count + 1}
"""
)
_RELEASE = """
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' or string.match(value, '^pending (%S+) ') ~= ARGV[1] then return 0 end
if ARGV[2] == '1' then redis.call('SET', KEYS[1], 'pending - 0', 'PX', ARGV[3]) else redis.call('DEL', KEYS[1]) end
return 1
"""
_BEGIN = (
    _MARKER
    + """
local state, generation, count = marker(KEYS[1])
if state == 'filled' and not went_back(generation, count, ARGV[1], ARGV[2]) then
  mark(KEYS[1], 'filled', generation, count + 1)
  return {1, generation, count + 1}
end
if state ~= 'filling' or went_back(generation, count, ARGV[1], ARGV[2]) then
  local time = redis.call('TIME')
  generation, count = time[1] * 1000000 + time[2], 0
end
mark(KEYS[1], 'filling', generation, count + 1)
return {0, generation, count + 1}
"""
)
# What another has filled since a loss is as good: it holds all that was on the topic after that loss.
_FILLED = (
    _MARKER
    + """
local state, generation, count = marker(KEYS[1])
local mine = state == 'filling' and generation == tonumber(ARGV[1])
if not (mine or state == 'filled') or went_back(generation, count, ARGV[1], ARGV[2]) then
  return {0, generation, count}
end
mark(KEYS[1], 'filled', generation, count + 1)
return {1, generation, count + 1}
"""
)
_LEFT_BEHIND = "pending {} 0"
_KEPT_MS = KEPT // 1000
_CHUNK = 1000
_PROBE_MS = 60_000


class RedisClaims:
    """Claims under `{app}:claim:...`; the key `{app}:claims-filled`, the marker, says whether they are all there."""

    durable = True

    def __init__(self, redis: Redis, app: str) -> None:
        self._redis = redis
        self._prefix = f"{app}:claim:"
        self._marker = f"{app}:claims-filled"
        self._probe = f"{app}:claims-probe"
        self._claim = redis.register_script(_CLAIM)
        self._release = redis.register_script(_RELEASE)
        self._begin = redis.register_script(_BEGIN)
        self._filled = redis.register_script(_FILLED)
        self._seen = (0, 0)  # the latest generation and count of the marker

    async def claim(self, key: str, token: str, lease: int, over: str = "") -> Claim:
        """See the port."""
        about: list[str | int] = [token, max(lease // 1000, 1), _KEPT_MS, *self._seen, over, FRESH, AGAIN]
        with unavailable():
            answer, word, wait, *seen = await self._claim(keys=[self._key(key), self._marker], args=about)
        generation, count = seen
        self._seen = max(self._seen, (generation, count))
        held = Held[_text(answer)]
        if held is Held.IN_DIGEST:
            return Claim(held, holder=_text(word))
        return Claim(held, state=_text(word), wait=int(wait) * 1000)

    async def ended(self, keys: Sequence[str]) -> list[bool]:
        """See the port. An outcome is one, however old the Redis that tells it."""
        found: list[bool] = []
        for start in range(0, len(keys), _CHUNK):
            with unavailable():
                pipeline = self._redis.pipeline(transaction=False)
                for key in keys[start : start + _CHUNK]:
                    pipeline.get(self._key(key))
                values = await pipeline.execute(raise_on_error=False)  # a key of another type is no outcome
            found += [isinstance(value, bytes) and value.decode("latin-1") in FINAL for value in values]
        return found

    async def release(self, key: str, token: str, *, unknown: bool) -> None:
        """See the port."""
        with unavailable():
            await self._release(keys=[self._key(key)], args=[token, int(unknown), _KEPT_MS])

    async def finish(self, states: Iterable[tuple[str, State]]) -> None:
        """See the port."""
        await self._set(states, over=True)

    async def left(self, begun: Iterable[tuple[str, str]]) -> None:
        """See the port."""
        await self._set(((key, _LEFT_BEHIND.format(token)) for key, token in begun), over=False)

    async def begin(self) -> bool:
        """See the port."""
        return await self._mark(self._begin)

    async def filled(self) -> bool:
        """See the port."""
        return await self._mark(self._filled)

    async def ping(self) -> None:
        """See the port. Asks by writing: a Redis that is full, or a replica, answers whoever only reads."""
        with unavailable():
            await self._redis.set(self._probe, "1", px=_PROBE_MS)

    async def _mark(self, script: Any) -> bool:
        with unavailable():
            whole, generation, count = await script(keys=[self._marker], args=self._seen)
        self._seen = (generation, count)
        return bool(whole)

    async def _set(self, values: Iterable[tuple[str, str]], *, over: bool) -> None:
        todo = list(values)
        for start in range(0, len(todo), _CHUNK):
            with unavailable():
                pipeline = self._redis.pipeline(transaction=False)
                for key, value in todo[start : start + _CHUNK]:
                    pipeline.set(self._key(key), value, px=_KEPT_MS, nx=not over)
                await pipeline.execute()

    def _key(self, key: str) -> str:
        return self._prefix + key.replace("|", ":")


@contextmanager
def unavailable() -> Iterator[None]:
    """What Redis' client raises becomes ClaimsUnavailable, in words."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise ClaimsUnavailable(why(error)) from error


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
