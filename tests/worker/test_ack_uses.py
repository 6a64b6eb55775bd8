"""What every store of used acknowledgements promises: the same suite for Redis and for memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from services import RedisServer

from agents.ack.uses import UNDER_WAY, MemoryUses, RedisUses, Use, Uses, UsesUnavailable
from agents.engine import wall_clock
from agents.redis import once_more

USE = Use("Li Wei", 5)


@pytest.fixture(params=["memory", "redis"])
async def uses(request: pytest.FixtureRequest, unique: str) -> AsyncIterator[Uses]:
    if request.param == "memory":
        yield MemoryUses(wall_clock)
    else:
        async with Redis.from_url(request.getfixturevalue("redis_url")) as redis:
            yield RedisUses(redis, unique)


async def test_an_alert_is_free_until_somebody_is_at_it(uses: Uses) -> None:
    assert await uses.of("a") is None
    assert await uses.begin("a") is None
    assert await uses.of("a") == UNDER_WAY
    assert await uses.begin("a") == UNDER_WAY
    assert await uses.begin("b") is None


async def test_what_is_done_says_by_whom_to_everybody(uses: Uses) -> None:
    await uses.begin("a")
    await uses.done("a", USE)
    assert await uses.of("a") == USE
    assert await uses.begin("a") == USE


async def test_what_came_to_nothing_is_free_again(uses: Uses) -> None:
    await uses.begin("a")
    await uses.undo("a")
    assert await uses.begin("a") is None


async def test_of_many_at_once_one_is_first(uses: Uses) -> None:
    assert [await begun for begun in asyncio.as_completed([uses.begin("a") for _ in range(20)])].count(None) == 1


async def test_what_was_under_way_for_long_is_free_again() -> None:
    now = [0]
    uses = MemoryUses(lambda: now[0])
    await uses.begin("a")
    now[0] += 31_000_000
    assert await uses.begin("a") is None


async def test_in_redis_it_ends_by_itself_too(redis_url: str, unique: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        uses = RedisUses(redis, unique)
        await uses.begin("a")
        assert 0 < await redis.pttl(f"{unique}:ack:a") <= 30_000
        await uses.done("a", USE)
        assert await redis.pttl(f"{unique}:ack:a") > 7 * 86_400_000
        await redis.set(f"{unique}:ack:b", "what is this")
        assert await uses.of("b") == UNDER_WAY


async def test_a_redis_that_is_away_is_unavailable(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url, socket_timeout=0.2, retry=once_more()) as redis:
        redis_server.kill()
        uses = RedisUses(redis, "app")
        for ask in (uses.of("a"), uses.begin("a"), uses.done("a", USE), uses.undo("a")):
            with pytest.raises(UsesUnavailable):
                await ask
