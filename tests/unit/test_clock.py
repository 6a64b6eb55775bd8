"""The time a worker goes by: the brokers' as long as its own clock agrees, and moved by nobody who sets a clock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from agents.engine.clock import Clock
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

START = parse_instant("2026-03-02T09:00:00Z")


class World:
    """True time, the system's clock and two brokers' clocks, each off by as much as the test says."""

    def __init__(self) -> None:
        self.true = START
        self.system_off = 0
        self.brokers_off = [0, 0]
        self.way = 20_000
        """What a record and its acknowledgement take together."""
        self.kind = 1
        self.clock = Clock(lambda: self.true + self.system_off, MINUTE, lambda: (self.true - START) / SECOND + 5000)

    def _ask(self, broker: int) -> Callable[[], Awaitable[Any]]:
        async def ask() -> Any:
            self.true += self.way // 2
            appended = self.true + self.brokers_off[broker]
            self.true += self.way // 2
            return SimpleNamespace(timestamp=appended // 1000, timestamp_type=self.kind)

        return ask

    async def compare(self) -> None:
        await self.clock.compare([self._ask(0), self._ask(1)])

    def off(self) -> int:
        """How far the clock is from true time."""
        return self.clock() - self.true


@pytest.fixture
def world() -> World:
    return World()


async def test_before_any_broker_was_asked_it_agrees_with_none(world: World) -> None:
    assert not world.clock.agrees
    await world.compare()
    assert world.clock.agrees
    assert abs(world.off()) <= 1


@pytest.mark.parametrize("jump", [-30 * DAY, -HOUR, -MINUTE - SECOND, MINUTE + SECOND, HOUR, 30 * DAY])
async def test_a_clock_that_is_set_moves_nothing_and_is_told(world: World, jump: int) -> None:
    await world.compare()
    world.system_off = jump
    assert abs(world.off()) <= 1, "before anybody could know"
    await world.compare()
    assert not world.clock.agrees
    assert world.clock.skew == pytest.approx(-jump, abs=world.way)
    world.true += HOUR
    assert abs(world.off()) < SECOND
    world.system_off = 0
    await world.compare()
    assert world.clock.agrees
    assert abs(world.off()) <= 1


@pytest.mark.parametrize("jump", [-30 * DAY, -HOUR, HOUR, 30 * DAY])
async def test_a_clock_that_is_set_while_a_broker_answers_moves_nothing(world: World, jump: int) -> None:
    await world.compare()

    async def slowly() -> Any:
        world.system_off = jump
        return await world._ask(0)()

    await world.clock.compare([slowly])
    assert abs(world.off()) <= world.way


@pytest.mark.parametrize("jump", [-30 * DAY, HOUR])
async def test_a_broker_whose_clock_is_wrong_moves_nothing_and_is_told(world: World, jump: int) -> None:
    """Of several brokers one is enough."""
    await world.compare()
    world.brokers_off[1] = jump
    for _ in range(3):
        await world.compare()
        assert not world.clock.agrees
        assert world.clock.skew == pytest.approx(jump, abs=world.way)
        assert abs(world.off()) <= 1


async def test_a_clock_that_is_a_little_off_goes_by_the_brokers(world: World) -> None:
    """Within what is allowed the brokers' clock decides: a worker that is 45 s ahead must not page 45 s early."""
    world.system_off = 45 * SECOND
    await world.compare()
    assert world.clock.agrees
    assert abs(world.off()) <= world.way
    assert world.clock.skew == pytest.approx(-45 * SECOND, abs=world.way)


@pytest.mark.parametrize("off", [-30 * DAY, 30 * DAY])
async def test_off_from_the_start_it_shows_the_brokers_time_until_they_agree(world: World, off: int) -> None:
    world.system_off = off
    await world.compare()
    assert not world.clock.agrees
    assert abs(world.off()) <= world.way
    world.system_off = 0
    await world.compare()
    assert world.clock.agrees
    assert abs(world.off()) <= 1


@pytest.mark.parametrize(("kind", "broker_off"), [(0, 0), (0, -HOUR), (1, -START + SECOND)])
async def test_where_no_broker_tells_its_time_it_is_the_systems(world: World, kind: int, broker_off: int) -> None:
    """A topic without append time, or the mock cluster, whose time is made up."""
    world.kind, world.brokers_off = kind, [broker_off, broker_off]
    await world.compare()
    assert (world.clock.agrees, world.clock.skew) == (True, 0)
    world.system_off = HOUR
    assert world.off() == HOUR
