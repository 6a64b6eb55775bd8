"""The limits of several notifiers, kept in Redis; windows are measured by Redis' own clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.notifier.claims_redis import unavailable
from agents.notifier.limits import MemoryLimits, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from agents.notifier.limits import Pace

# A window is a list of the instants of its last sends, in microseconds, the newest last. All windows of a send are
# looked at and written in one script, so two notifiers cannot both take the last place.
#
# A clock that is set back would make everybody wait until it has caught up: the sends are then taken to be of now,
# which costs a period at most. What somebody else has written there counts as a full window, for the same reason.
_NOW = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
"""
_TAKE = (
    _NOW
    + """
local function filled(key, count)
  redis.call('DEL', key)
  for _ = 1, count do redis.call('RPUSH', key, string.format('%.0f', now)) end
end
local waits = {}
local held = redis.pcall('GET', KEYS[1])
held = type(held) == 'string' and tonumber(held) or 0
waits[1] = math.max(held - now, 0)
local free = waits[1] == 0
for i = 2, #KEYS do
  local count, period = tonumber(ARGV[2 * i - 2]), tonumber(ARGV[2 * i - 1])
  local newest = redis.pcall('LINDEX', KEYS[i], -1)
  if newest then
    newest = type(newest) == 'string' and tonumber(newest)
    if not newest then filled(KEYS[i], count)
    elseif newest > now then filled(KEYS[i], math.min(redis.call('LLEN', KEYS[i]), count)) end
  end
  local first = tonumber(redis.call('LINDEX', KEYS[i], -count) or '')
  waits[i] = first and math.max(first + period - now, 0) or 0
  free = free and waits[i] == 0
end
if free then
  for i = 2, #KEYS do
    redis.call('RPUSH', KEYS[i], string.format('%.0f', now))
    redis.call('LTRIM', KEYS[i], -tonumber(ARGV[2 * i - 2]), -1)
    redis.call('PEXPIRE', KEYS[i], math.ceil(tonumber(ARGV[2 * i - 1]) / 1000) + 60000)
  end
end
return waits
"""
)
_HOLD = (
    _NOW
    + """
local held = redis.pcall('GET', KEYS[1])
held = type(held) == 'string' and tonumber(held) or 0
local till = now + ARGV[2]
if till > held then
  redis.call('SET', KEYS[1], string.format('%.0f', till), 'PX', math.ceil(ARGV[2] / 1000) + 1)
end
return 0
"""
)


class RedisLimits:
    """Limits under `{app}:pace:...`, and those of this process beside them: a Redis that was flushed forgets.

    `ticks` gives microseconds and never goes back; `clock`, for tests, stands for Redis' own.
    """

    def __init__(
        self, redis: Redis, app: str, ticks: Callable[[], int], clock: Callable[[], int] | None = None
    ) -> None:
        self._prefix = f"{app}:pace:"
        self._own = MemoryLimits(ticks)
        self._clock = clock
        self._take = redis.register_script(_TAKE)
        self._hold = redis.register_script(_HOLD)

    async def take(self, destination: str, pace: Pace, *, card: bool) -> Wait:
        """See the port."""
        wait = self._own.wait(destination, pace, card=card)
        if not wait.taken:
            return wait
        windows = pace.windows(card=card)
        keys = [self._key(destination, "hold"), *(self._key(destination, name) for name, _, _ in windows)]
        numbers = [number for _, count, period in windows for number in (count, period)]
        with unavailable():
            held, *waits = await self._take(keys=keys, args=[self._now(), *numbers])
        found = {name: int(wait) for (name, _, _), wait in zip(windows, waits, strict=True)}
        wait = Wait.of(int(held), found)
        return self._own.take_now(destination, pace, card=card) if wait.taken else wait

    async def hold(self, destination: str, wait: int) -> None:
        """See the port."""
        await self._own.hold(destination, wait)
        with unavailable():
            await self._hold(keys=[self._key(destination, "hold")], args=[self._now(), wait])

    def _now(self) -> int | str:
        return "" if self._clock is None else self._clock()

    def _key(self, destination: str, name: str) -> str:
        return f"{self._prefix}{destination}:{name}"
