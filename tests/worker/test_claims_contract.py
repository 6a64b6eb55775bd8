"""What every store of claims promises: the same suite for Redis and for memory."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis
from services import RedisServer
from waiting import eventually

from agents.engine import wall_clock
from agents.notifier.claims import Claim, Claims, ClaimsUnavailable, Held, MemoryClaims
from agents.notifier.claims_redis import RedisClaims
from agents.notifier.message import FINAL
from agents.redis import PATIENCE, client, once_more
from config.settings import Settings
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
    return await filled(empty)


async def filled(claims: Claims) -> Claims:
    """Filled with what there is: nothing."""
    await claims.begin()
    assert await claims.filled()
    return claims


async def test_nothing_is_given_out_before_the_claims_are_filled(empty: Claims) -> None:
    assert await empty.claim("a|raised|desk", "one", LEASE) == FLUSHED
    assert not await empty.begin()
    assert await empty.claim("a|raised|desk", "one", LEASE) == FLUSHED
    assert await empty.filled()
    assert await empty.claim("a|raised|desk", "one", LEASE) == OURS


async def test_what_is_filled_later_is_added_and_holds_up_no_claim(claims: Claims) -> None:
    assert await claims.begin()
    assert await claims.claim("a|raised|desk", "one", LEASE) == OURS
    await claims.finish([("b|raised|desk", "sent")])
    assert await claims.filled()
    assert (await claims.claim("a|raised|desk", "two", LEASE)).held is Held.ELSEWHERE
    assert (await claims.claim("b|raised|desk", "two", LEASE)).held is DONE


async def test_a_claim_belongs_to_one_holder(claims: Claims) -> None:
    assert await claims.claim("a|raised|desk", "one", LEASE) == OURS
    held, state, wait, _ = await claims.claim("a|raised|desk", "two", LEASE)
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
    await claims.claim("sent|raised|desk", "one", LEASE)
    ends = sorted(FINAL)
    await claims.finish((f"{state}|raised|desk", state) for state in ends)
    for state in ends:
        for holder in ("one", "two"):
            assert await claims.claim(f"{state}|raised|desk", holder, LEASE) == Claim(Held.DONE, state=state)


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


async def test_what_was_begun_without_an_outcome_is_left_behind_unless_there_is_a_claim(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    await claims.finish([("b|raised|desk", "sent")])
    await claims.left((f"{key}|raised|desk", "another") for key in "abc")
    assert await claims.claim("a|raised|desk", "one", LEASE) == OURS
    assert (await claims.claim("b|raised|desk", "one", LEASE)).held is DONE
    assert await claims.claim("c|raised|desk", "one", LEASE) == LEFT


async def test_whoever_began_a_message_goes_on_with_it_when_its_claim_was_lost(claims: Claims) -> None:
    await claims.left([("a|raised|desk", "one"), ("b|raised|desk", "one")])
    assert await claims.claim("a|raised|desk", "one", LEASE) == OURS
    await claims.release("b|raised|desk", "one", unknown=False)
    assert await claims.claim("b|raised|desk", "two", LEASE) == OURS


async def test_of_many_at_once_one_gets_the_claim(claims: Claims) -> None:
    answers = await asyncio.gather(*(claims.claim("a|raised|desk", f"holder-{n}", MINUTE) for n in range(50)))
    assert [answer.held for answer in answers].count(Held.OURS) == 1
    assert {answer.held for answer in answers} == {Held.OURS, Held.ELSEWHERE}


async def test_what_a_digest_held_is_given_to_nobody_before_its_fate_is_known(claims: Claims) -> None:
    for holder in ("digest-1", "redigest-1"):
        key = f"{holder}|raised|desk"
        await claims.claim(key, holder, 1000)
        await asyncio.sleep(0.01)
        for token in ("one", "digest-2", "redigest-2", "one"):
            assert await claims.claim(key, token, LEASE) == Claim(Held.IN_DIGEST, holder=holder)
        assert await claims.claim(key, "one", LEASE, holder) == OURS
        assert (await claims.claim(key, "two", LEASE)).held is Held.ELSEWHERE


async def test_while_a_digest_is_at_it_others_wait(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "digest-1", LEASE)
    assert (await claims.claim("a|raised|desk", "one", LEASE)).held is Held.ELSEWHERE
    assert await claims.claim("a|raised|desk", "digest-1", LEASE) == OURS


async def test_a_digest_of_fresh_messages_leaves_alone_what_may_have_arrived(claims: Claims) -> None:
    await claims.left([("a|raised|desk", "another")])
    for _ in range(2):
        assert await claims.claim("a|raised|desk", "digest-1", LEASE) == LEFT
    assert await claims.claim("a|raised|desk", "redigest-1", LEASE) == LEFT
    assert await claims.claim("a|raised|desk", "redigest-1", LEASE) == OURS


async def test_what_is_over_for_one_holder_is_not_for_another(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    assert (await claims.claim("a|raised|desk", "two", LEASE, "three")).held is Held.ELSEWHERE
    assert await claims.claim("a|raised|desk", "two", LEASE, "one") == OURS
    await claims.release("a|raised|desk", "two", unknown=True)
    assert await claims.claim("a|raised|desk", "two", LEASE, "") == LEFT


async def test_many_are_asked_at_once_whether_they_have_ended(claims: Claims) -> None:
    await claims.claim("a|raised|desk", "one", LEASE)
    states = ("sent", "failed", "expired", "digested", "void")
    await claims.finish((f"{state}|raised|desk", state) for state in states)
    keys = ["a|raised|desk", "b|raised|desk", *(f"{state}|raised|desk" for state in states)]
    assert await claims.ended(keys) == [False, False, True, True, True, True, True]


# Redis alone can lose claims, and others can write into it


@dataclass
class Shared:
    """A Redis, and what two notifiers have of it."""

    redis: Redis
    one: RedisClaims
    two: RedisClaims
    app: str

    def key(self, message: str) -> str:
        return f"{self.app}:claim:{message.replace('|', ':')}"

    @property
    def marker(self) -> str:
        return f"{self.app}:claims-filled"

    async def go_back(self, snapshot: dict[bytes, bytes]) -> None:
        """As a Redis does that is started with an old snapshot."""
        await self.redis.delete(*await self.redis.keys(f"{self.app}:*"))
        for key, dump in snapshot.items():
            await self.redis.restore(key, 0, dump)

    async def snapshot(self) -> dict[bytes, bytes]:
        return {key: await self.redis.dump(key) for key in await self.redis.keys(f"{self.app}:*")}


@pytest.fixture
async def shared(redis_url: str, unique: str) -> AsyncIterator[Shared]:
    async with Redis.from_url(redis_url) as redis:
        both = Shared(redis, RedisClaims(redis, unique), RedisClaims(redis, unique), unique)
        await filled(both.one)
        await filled(both.two)
        yield both


async def lose_all(shared: Shared) -> None:
    await shared.go_back({})


async def test_lost_claims_give_out_nothing(shared: Shared) -> None:
    await shared.one.finish([("a|raised|desk", "sent")])
    await lose_all(shared)
    for claims in (shared.one, shared.two):
        assert await claims.claim("a|raised|desk", "one", LEASE) == FLUSHED


async def test_a_fill_that_only_adds_does_not_stand_for_claims_that_were_lost(shared: Shared) -> None:
    await lose_all(shared)
    assert not await shared.one.begin()


async def test_claims_lost_while_they_are_filled_are_filled_once_more(shared: Shared) -> None:
    await lose_all(shared)
    await shared.one.begin()
    await lose_all(shared)
    assert not await shared.one.filled()
    await shared.one.begin()
    await lose_all(shared)
    await shared.two.begin()
    assert not await shared.one.filled()
    assert await shared.one.claim("a|raised|desk", "one", LEASE) == FLUSHED
    assert await shared.two.filled()


async def test_of_two_that_fill_the_first_is_enough(shared: Shared) -> None:
    await lose_all(shared)
    await shared.one.begin()
    await shared.two.begin()
    assert await shared.one.filled()
    assert await shared.two.claim("a|raised|desk", "one", LEASE) == OURS
    assert await shared.two.filled()
    assert await shared.one.begin()


async def test_what_another_filled_after_a_loss_is_taken_for_whole(shared: Shared) -> None:
    await lose_all(shared)
    await filled(shared.two)
    await shared.two.claim("a|raised|desk", "one", LEASE)
    assert (await shared.one.claim("a|raised|desk", "two", LEASE)).held is Held.ELSEWHERE
    assert await shared.one.begin()


async def test_a_redis_that_went_back_in_time_is_filled_again(shared: Shared) -> None:
    """The claims of its past are there, one left by a holder that is long gone, and the marker is too."""
    await shared.one.claim("a|raised|desk", "gone", LEASE)
    past = await shared.snapshot()
    await shared.one.finish([("a|raised|desk", "sent")])
    await shared.one.claim("b|raised|desk", "one", LEASE)
    await shared.one.finish([("b|raised|desk", "sent")])
    await shared.go_back(past)
    assert await shared.one.claim("b|raised|desk", "two", LEASE) == FLUSHED
    assert await shared.two.claim("b|raised|desk", "two", LEASE) == FLUSHED
    assert not await shared.one.begin()
    await shared.one.finish([("a|raised|desk", "sent"), ("b|raised|desk", "sent")])
    assert await shared.one.filled()
    for claims in (shared.one, shared.two):
        assert (await claims.claim("b|raised|desk", "two", LEASE)).held is DONE


async def test_a_redis_that_went_back_is_noticed_by_a_fill_that_only_adds(shared: Shared) -> None:
    past = await shared.snapshot()
    await shared.one.claim("a|raised|desk", "one", LEASE)
    await shared.go_back(past)
    assert not await shared.one.begin()


async def test_another_generation_of_the_past_is_not_taken_for_whole(shared: Shared) -> None:
    past = await shared.snapshot()
    await lose_all(shared)
    await filled(shared.one)
    await shared.go_back(past)
    assert await shared.one.claim("a|raised|desk", "one", LEASE) == FLUSHED


async def spoiled_value(shared: Shared, key: str) -> None:
    await shared.redis.set(key, "what is this")


async def spoiled_bytes(shared: Shared, key: str) -> None:
    await shared.redis.set(key, b"\xff\x00pending x 1")


async def spoiled_end(shared: Shared, key: str) -> None:
    await shared.redis.set(key, "pending one soon")


async def spoiled_list(shared: Shared, key: str) -> None:
    await shared.redis.delete(key)
    await shared.redis.rpush(key, "sent")


async def spoiled_hash(shared: Shared, key: str) -> None:
    await shared.redis.delete(key)
    await shared.redis.hset(key, "state", "sent")


@pytest.mark.parametrize("spoil", [spoiled_value, spoiled_bytes, spoiled_end, spoiled_list, spoiled_hash])
@pytest.mark.parametrize("where", ["claim", "marker"])
async def test_what_somebody_else_has_written_over_is_dropped_and_all_is_filled_anew(
    shared: Shared, spoil: Callable[[Shared, str], Awaitable[None]], where: str
) -> None:
    await shared.one.finish([("a|raised|desk", "sent")])
    await spoil(shared, shared.key("a|raised|desk") if where == "claim" else shared.marker)
    assert await shared.one.claim("a|raised|desk", "one", LEASE) == Claim(Held.UNREADABLE)
    for claims in (shared.one, shared.two):
        assert await claims.claim("a|raised|desk", "one", LEASE) == FLUSHED
    assert not await shared.one.begin()
    await shared.one.finish([("a|raised|desk", "sent")])
    assert await shared.one.filled()
    for claims in (shared.one, shared.two):
        assert (await claims.claim("a|raised|desk", "one", LEASE)).held is DONE


@pytest.mark.parametrize("spoil", [spoiled_value, spoiled_list, spoiled_hash])
async def test_a_message_under_way_ends_well_whatever_was_written_over_its_claim(
    shared: Shared, spoil: Callable[[Shared, str], Awaitable[None]]
) -> None:
    await shared.one.claim("a|raised|desk", "one", LEASE)
    await spoil(shared, shared.key("a|raised|desk"))
    await shared.one.release("a|raised|desk", "one", unknown=True)
    await shared.one.finish([("a|raised|desk", "sent")])
    assert (await shared.two.claim("a|raised|desk", "two", LEASE)).held is DONE


@pytest.mark.parametrize("marker", ["filled 99999999999999999999999 99999999999999999999999", "filling 1 1", "full"])
async def test_whatever_is_written_over_the_marker_filling_comes_to_an_end(shared: Shared, marker: str) -> None:
    await shared.redis.set(shared.marker, marker)
    await shared.one.claim("a|raised|desk", "one", LEASE)
    await filled(shared.one)
    await shared.one.claim("a|raised|desk", "one", LEASE)
    await shared.redis.delete(shared.marker)
    await filled(shared.one)
    assert await shared.one.claim("a|raised|desk", "one", LEASE) == OURS


async def test_a_redis_that_is_away_or_takes_no_writes_is_unavailable(redis_server: RedisServer) -> None:
    """Asking alone is not enough: one that is full or a replica still answers."""
    async with Redis.from_url(
        redis_server.url, socket_timeout=0.2, socket_connect_timeout=0.2, retry=once_more()
    ) as redis:
        claims = RedisClaims(redis, "app")
        await filled(claims)

        async def refused(reason: str) -> None:
            for ask in (claims.claim("a|raised|desk", "one", LEASE), claims.ping(), claims.begin()):
                with pytest.raises(ClaimsUnavailable, match=reason):
                    await ask

        await redis.config_set("maxmemory", 1)
        await refused("full")
        await redis.config_set("maxmemory", 0)
        await claims.ping()
        await redis.replicaof("127.0.0.1", "1")
        await refused("replica")
        await redis.replicaof("no", "one")
        await claims.ping()
        redis_server.pause()
        await refused("Timeout")
        redis_server.resume()
        redis_server.kill()
        await refused("nobody listens")


async def test_a_redis_that_does_not_answer_holds_up_nobody_for_long(redis_server: RedisServer) -> None:
    async with client(Settings(redis=redis_server.url)) as redis:
        claims = RedisClaims(redis, "app")
        await claims.ping()
        redis_server.pause()
        before = time.monotonic()
        with pytest.raises(ClaimsUnavailable):
            await claims.ping()
        assert time.monotonic() - before < 3 * PATIENCE
        redis_server.resume()
        await claims.ping()


async def test_claims_in_redis_expire(shared: Shared) -> None:
    await shared.one.claim("a|raised|desk", "one", LEASE)
    await shared.one.finish([("b|raised|desk", "sent")])
    await shared.one.left([("c|raised|desk", "one")])
    for message in ("a", "b", "c"):
        days = await shared.redis.pttl(shared.key(f"{message}|raised|desk")) / 86_400_000
        assert 7 < days <= 8
