"""A lane with a great deal to ring, as after a change of policies, and the alarms of the others."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

from waiting import eventually

from agents.engine import Observer, wall_clock
from agents.engine.alarms import Alarms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import TopicPartition


class Clock:
    """Of a machine that agrees with the brokers."""

    agrees = True

    def __call__(self) -> int:
        return wall_clock()


class Ends:
    """Nothing is ever written."""

    async def end_offsets(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)


class EndlessLane:
    """Wants to ring at once, and again and again."""

    has_room = True

    def __init__(self, number: int) -> None:
        self.number = number
        self.owner = SimpleNamespace(wake_at=lambda: 0, is_ready=lambda read_up_to: True)
        self.rung: list[int] = []

    async def ring(self, read_up_to: int) -> None:
        self.rung.append(read_up_to)
        await asyncio.sleep(0.001)


class Engine:
    """As much of the engine as the alarms see."""

    def __init__(self, *lanes: EndlessLane) -> None:
        self.config = SimpleNamespace(inputs=("in",), grace=0, settle=0, input_stall=60_000_000)
        self.observer = Observer()
        self.clock = Clock()
        self.lease = SimpleNamespace(valid=True)
        self._opened_at = wall_clock()
        self.open_lanes = {lane.number: lane for lane in lanes}

    def opened_at(self, _: object) -> int:
        return self._opened_at

    def reached(self, _: object) -> Mapping[str, int]:
        return {"in": 0}


async def test_lanes_with_endless_work_take_turns_and_hear_how_far_the_input_is_read() -> None:
    lanes = EndlessLane(0), EndlessLane(1)
    ringing = asyncio.create_task(Alarms(Engine(*lanes), Ends()).ring())  # type: ignore[arg-type]  # fakes of what is used
    try:
        for lane in lanes:
            await eventually(lambda lane=lane: len(set(lane.rung)) > 1, timeout=20, what=f"lane {lane.number} rings")
    finally:
        ringing.cancel()
