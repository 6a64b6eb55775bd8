"""What every store of claims promises: the same suite for Redis and for memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from services import RedisServer
from waiting import eventually

from agents.engine import wall_clock
from agents.notifier.claims import Claim, Claims, ClaimsUnavailable, Held, MemoryClaims
from agents.notifier.claims_redis import RedisClaims
from streams.instants import MINUTE, SECOND

LEASE = 30 * SECOND
OURS, DONE, LEFT, FLUSHED = Claim(Held.OURS), Held.DONE, Claim(Held.LEFT_BEHIND), Claim(Held.FLUSHED)


@pytest.fixture(params=["memory", "redis"])
async def empty(request: pytest.FixtureRequest, unique: str) -> AsyncIterator[Claims]:
    """Claims into which nothing was ever filled."""
    if request.param == "memory":
        yield MemoryClaims(wall_clock)
    else:
        async with Redis.from_url(request.getfixturevalue("redis_url")) as redis:
            yield RedisClaims(redis, unique)


@pytest.fixture
async def claims(empty: Claims) -> Claims:
    await empty.filled()
    return empty


async def test_nothing_is_given_out_before_the_claims_are_filled(empty: Claims) -> None:
    assert await empty.claim("a|raised|desk", "one", LEASE) == FLUSHED
    await empty.filled()
    assert await empty.claim("a|raised|desk", "one", LEASE) == OURS


async def test_a_claim_belongs_to_one_holder(claims: Claims) -> None:
    assert await claims.claim("a|raised|desk", "one", LEASE) == OURS
    held, state, wait = await claims.claim("a|raised|desk", "two", LEASE)
    assert (held, state) == (Held.ELSEWHERE, "")
    assert 0 < wait <= LEASE


async def test_its_holder_renews_it(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    assert await claims.claim("a|raised|desk", "one", 2 * LEASE) == OURS
    assert (await claims.claim("a|raised|desk", "two", LEASE)).wait > LEASE


async def test_messages_of_one_alert_are_claimed_apart(claims: Claims) -> None:
    for key in ("a|raised|desk", "a|corrected|desk", "a|raised|boss", "b|raised|desk"):
        assert await claims.claim(key, "one", LEASE) == OURS


async def test_what_has_its_outcome_is_never_given_out_again(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    await claims.finish([("a|raised|desk", "sent"), ("b|raised|desk", "failed"), ("c|raised|desk", "expired")])
    for key, state in (("a", "sent"), ("b", "failed"), ("c", "expired")):
        for holder in ("one", "two"):
            assert await claims.claim(f"{key}|raised|desk", holder, LEASE) == Claim(Held.DONE, state=state)


async def test_a_claim_given_back_unsent_is_as_if_it_had_never_been(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    await claims.release("a|raised|desk", "one", unknown=False)
    assert await claims.claim("a|raised|desk", "two", LEASE) == OURS


async def test_a_claim_given_back_after_an_unknown_result_says_so_to_everybody(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    await claims.release("a|raised|desk", "one", unknown=True)
    assert await claims.claim("a|raised|desk", "one", LEASE) == LEFT


async def test_a_claim_whose_lease_is_over_was_left_behind(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", 30_000)

    async def taken_over() -> bool:
        return await claims.claim("a|raised|desk", "two", LEASE) == LEFT

    await eventually(taken_over)
    assert (await claims.claim("a|raised|desk", "one", LEASE)).held is Held.ELSEWHERE


async def test_only_the_holder_gives_back(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    await claims.release("a|raised|desk", "two", unknown=False)
    assert (await claims.claim("a|raised|desk", "two", LEASE)).held is Held.ELSEWHERE
    await claims.finish([("a|raised|desk", "sent")])
    await claims.release("a|raised|desk", "one", unknown=False)
    assert (await claims.claim("a|raised|desk", "one", LEASE)).held is DONE


async def test_an_outcome_that_is_no_end_leaves_a_claim_as_it_is_or_behind(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    await claims.finish([("b|raised|desk", "sent")])
    await claims.finish([(f"{key}|raised|desk", "ambiguous") for key in "abc"])
    assert await claims.claim("a|raised|desk", "one", LEASE) == OURS
    assert (await claims.claim("b|raised|desk", "one", LEASE)).held is DONE
    assert await claims.claim("c|raised|desk", "one", LEASE) == LEFT


async def test_of_many_at_once_one_gets_the_claim(claims: Claims) -> None:
    answers = await asyncio.gather(*(claims.claim("a|raised|desk", f"holder-{n}", MINUTE) for n in range(50)))
    assert [answer.held for answer in answers].count(Held.OURS) == 1
    assert {answer.held for answer in answers} == {Held.OURS, Held.ELSEWHERE}


async def test_a_flushed_redis_gives_out_nothing(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        claims = RedisClaims(redis, "app")
        await claims.filled()
        await claims.finish([("a|raised|desk", "sent")])
        await asyncio.to_thread(redis_server.flush)
        assert await claims.claim("a|raised|desk", "one", LEASE) == FLUSHED


async def test_a_redis_that_is_away_or_full_is_unavailable(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url, socket_timeout=0.2, socket_connect_timeout=0.2) as redis:
        claims = RedisClaims(redis, "app")
        await claims.filled()
        await redis.config_set("maxmemory", 1)
        with pytest.raises(ClaimsUnavailable):
            await claims.claim("a|raised|desk", "one", LEASE)
        redis_server.pause()
        with pytest.raises(ClaimsUnavailable):
            await claims.claim("a|raised|desk", "one", LEASE)
        redis_server.resume()
        redis_server.kill()
        with pytest.raises(ClaimsUnavailable):
            await claims.ping()


async def test_a_claim_that_somebody_else_wrote_over_counts_as_left_behind(redis_url: str, unique: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        claims = RedisClaims(redis, unique)
        await claims.filled()
        await redis.set(f"{unique}:claim:a:raised:desk", "what is this")
        assert await claims.claim("a|raised|desk", "one", LEASE) == LEFT


async def test_claims_in_redis_expire(redis_url: str, unique: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        claims = RedisClaims(redis, unique)
        await claims.filled()
        await claims.claim("a|raised|desk", "one", LEASE)
        await claims.finish([("b|raised|desk", "sent")])
        for key in ("a", "b"):
            days = await redis.pttl(f"{unique}:claim:{key}:raised:desk") / 86_400_000
            assert 7 < days <= 8
