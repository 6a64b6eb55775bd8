"""The law of rate limits, for every store of them: no window holds more sends than its limit, whoever sends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from agents.notifier.limits import Limits, MemoryLimits, Pace
from agents.notifier.limits_redis import RedisLimits
from config.destination_types import RateLimit
from streams.instants import MINUTE, SECOND

Moves = Sequence[tuple[int, int]]
"""Who tries to send, and how many microseconds after the one before; the clock may be set back."""

PACES = st.builds(
    lambda number, period, cards, burst: Pace(RateLimit(number, period), cards, burst),
    st.integers(1, 6),
    st.sampled_from([SECOND, MINUTE]),
    st.none() | st.integers(1, 8),
    st.none() | st.builds(RateLimit, st.integers(1, 3), st.just(SECOND)),
)


def moves(earliest: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.lists(st.tuples(st.integers(0, 2), st.integers(earliest, 40 * SECOND)), max_size=60)


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


async def sends(limits: Sequence[Limits], clock: Clock, pace: Pace, steps: Moves) -> list[int]:
    """When sends went through, in real time: a clock that is set back does not undo it."""
    found, real = [], 0
    for who, after in steps:
        clock.now += after
        real += max(after, 0)
        if (await limits[who % len(limits)].take("desk", pace, card=True)).taken:
            found.append(real)
    return found


def kept(found: Sequence[int], pace: Pace) -> bool:
    """Whether no stretch as long as a window's period holds more than its count."""
    return all(held(found, most, period) for _, most, period in pace.windows(card=True))


def held(found: Sequence[int], most: int, period: int) -> bool:
    return all(later - earlier >= period for earlier, later in zip(found, found[most:], strict=False))


@given(PACES, moves(0))
def test_one_notifier_never_sends_more_than_its_limits(pace: Pace, steps: Moves) -> None:
    clock = Clock()
    found = asyncio.run(sends([MemoryLimits(clock)], clock, pace, steps))
    assert kept(found, pace)


@given(PACES, st.integers(1, 40 * SECOND))
def test_what_was_told_to_wait_is_let_through_after_it(pace: Pace, apart: int) -> None:
    clock, found = Clock(), []
    limits = MemoryLimits(clock)
    for _ in range(30):
        wait = limits.take_now("desk", pace, card=True)
        if not wait.taken:
            clock.now += max(wait) - 1
            assert not limits.wait("desk", pace, card=True).taken
            clock.now += 1
            assert limits.take_now("desk", pace, card=True).taken
        found.append(clock.now)
        clock.now += apart
    assert kept(found, pace)


def over_redis(url: str, check: Callable[[Redis], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Redis.from_url(url) as redis:
            await check(redis)

    asyncio.run(run())


_apps = count()


@pytest.mark.parametrize("earliest", [0, -2 * 3600 * SECOND], ids=["clock goes on", "clock is set back"])
def test_several_notifiers_together_never_send_more_than_the_limits(redis_url: str, unique: str, earliest: int) -> None:
    """Each has a memory of its own that knows nothing of the others': only Redis holds them together."""

    @settings(max_examples=60)
    @given(PACES, moves(earliest))
    def law(pace: Pace, steps: Moves) -> None:
        async def check(redis: Redis) -> None:
            clock, app = Clock(), f"{unique}-{next(_apps)}"
            ticks = count(0, 3600 * SECOND)  # its own memory never holds it up
            notifiers = [RedisLimits(redis, app, lambda: next(ticks), clock) for _ in range(3)]
            found = await sends(notifiers, clock, pace, steps)
            assert kept(found, pace)

        over_redis(redis_url, check)

    law()


def test_a_clock_set_back_holds_up_no_longer_than_a_period(redis_url: str, unique: str) -> None:
    async def check(redis: Redis) -> None:
        clock, pace = Clock(), Pace(RateLimit(2, MINUTE))
        one, two = (RedisLimits(redis, unique, lambda: 0, clock) for _ in range(2))
        assert (await one.take("desk", pace, card=True)).taken
        clock.now -= 3600 * SECOND
        assert (await two.take("desk", pace, card=True)).taken
        assert 0 < (await RedisLimits(redis, unique, lambda: 0, clock).take("desk", pace, card=True)).rate <= MINUTE
        clock.now += MINUTE
        assert (await RedisLimits(redis, unique, lambda: 0, clock).take("desk", pace, card=True)).taken

    over_redis(redis_url, check)


def test_what_the_destination_asked_of_one_holds_for_all(redis_url: str, unique: str) -> None:
    async def check(redis: Redis) -> None:
        clock = Clock()
        one, two = (RedisLimits(redis, unique, clock, clock) for _ in range(2))
        await one.hold("desk", 30 * SECOND)
        await two.hold("desk", 5 * SECOND)  # the longer one stays
        for limits, waits in ((one, 30), (two, 5), (RedisLimits(redis, unique, clock, clock), 30)):
            assert (await limits.take("desk", Pace(), card=True)).rate == waits * SECOND
            assert (await limits.take("boss", Pace(), card=True)).taken
        clock.now += 5 * SECOND
        assert (await two.take("desk", Pace(), card=True)).rate == 25 * SECOND
        clock.now += 25 * SECOND
        assert (await one.take("desk", Pace(), card=True)).taken

    over_redis(redis_url, check)


def test_a_flushed_redis_lets_one_notifier_send_no_more_than_the_limit(redis_url: str, unique: str) -> None:
    async def check(redis: Redis) -> None:
        clock, pace = Clock(), Pace(RateLimit(3, MINUTE))
        limits = RedisLimits(redis, unique, clock, clock)
        for _ in range(3):
            assert (await limits.take("desk", pace, card=True)).taken
        await redis.delete(*await redis.keys(f"{unique}:*"))
        assert not (await limits.take("desk", pace, card=True)).taken

    over_redis(redis_url, check)


@pytest.mark.parametrize("value", ["what is this", "9" * 400, ""])
def test_what_somebody_else_wrote_there_holds_up_no_longer_than_a_period(
    redis_url: str, unique: str, value: str
) -> None:
    async def check(redis: Redis) -> None:
        clock, pace = Clock(), Pace(RateLimit(2, SECOND), 5)
        for key in ("rate", "cards"):
            await redis.set(f"{unique}:pace:desk:{key}", value)
        await redis.rpush(f"{unique}:pace:desk:hold", value)
        await RedisLimits(redis, unique, clock, clock).take("desk", pace, card=True)
        clock.now += MINUTE
        assert (await RedisLimits(redis, unique, clock, clock).take("desk", pace, card=True)).taken

    over_redis(redis_url, check)


def test_digests_are_no_cards() -> None:
    limits, pace = MemoryLimits(Clock()), Pace(RateLimit(10, SECOND), 1)
    assert limits.take_now("desk", pace, card=True).taken
    assert limits.take_now("desk", pace, card=True).cards
    assert limits.take_now("desk", pace, card=False).taken
