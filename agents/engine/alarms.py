"""When alarms ring: once the input is known to be read far enough, and nothing speaks against trusting it."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from aiokafka.errors import KafkaError

from agents.engine.clock import askers
from agents.engine.lease import Lease, ticks
from agents.engine.watermark import Ends, Watermark
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from agents.engine.clock import Clock
    from agents.engine.interface import EngineConfig, Observer
    from agents.engine.lane import Lane

POLL = 0.05  # seconds between looks at the alarms at the most
AT_ONCE = 0.001  # seconds between two parts of work ahead
ASK = 1.0  # seconds between questions about the input's end while nothing is due
SHARE = 0.1  # seconds that a lane rings before the others have their turn and the end of the input is asked for anew
SLOW = 2.0  # seconds after which an unanswered question counts as an error
PROBE = 5.0  # seconds between looks at the brokers' clocks


class Ringing(Protocol):
    """What the alarms ask of the engine."""

    config: EngineConfig
    observer: Observer
    clock: Clock
    lease: Lease

    def opened_at(self, lane: Lane) -> int:
        """The instant from which on its input counts as read while nothing is known of it."""

    @property
    def open_lanes(self) -> Mapping[int, Lane]:
        """The lanes that take input; none while partitions change hands."""

    def reached(self, lane: Lane) -> Mapping[str, int]:
        """By input topic, the offset below which there is no record that a lane has not applied."""

    @property
    def teller(self) -> Any:
        """The producer of what no input caused."""

    def fail(self, reason: str) -> NoReturn:
        """Ends the process."""


class Alarms:
    """Rings the lanes' owners. Holds while the lease, the clock or the way to Kafka is in doubt."""

    def __init__(self, engine: Ringing, client: Ends) -> None:
        self._engine = engine
        self._watermark = Watermark(client, engine.config.inputs, engine.clock)
        self._calm_at = 0.0
        self._blind = False
        self._skewed = False
        self._held = False
        self._waiting = False  # something is due, and its input is not read far enough
        self._read_on = asyncio.Event()
        self.agreed = asyncio.Event()  # the clocks have agreed once: there is a time to go by

    def forget(self, partition: int) -> None:
        """The partition is not ours any more, or is read anew."""
        self._watermark.forget(partition)

    def known_since(self, lane: Lane) -> int:
        """The instant up to which the lane's input is known to be read; before that is known, when it was opened."""
        read_up_to = self._read_up_to(lane)
        return self._engine.opened_at(lane) if read_up_to is None else read_up_to

    def read_on(self) -> None:
        """Input was applied."""
        if self._waiting:
            self._read_on.set()

    async def _pause(self) -> None:
        """Until it is time to look again: at the next alarm and grace, or when input was read that one waits for."""
        now, grace = self._engine.clock(), self._engine.config.grace
        lanes = self._engine.open_lanes.values()
        seconds = POLL
        for lane in lanes:
            wake = lane.owner.wake_at()
            if wake is None or wake + grace <= now:
                continue
            seconds = min(seconds, (wake + grace - now) / SECOND)
            if wake <= now and lane.owner.prepare(now):
                seconds = AT_ONCE
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, AT_ONCE)):
                await self._read_on.wait()
        self._read_on.clear()

    async def ring(self) -> None:
        """Looks after the alarms for ever."""
        asked = 0.0
        while True:
            await self._pause()
            self._look()  # before anything is asked: else nobody hears of a time without any worker
            lanes = self._engine.open_lanes
            now = self._engine.clock()
            due = [lane for lane in lanes.values() if self._due(lane, now)]
            wanted: Iterable[Lane] = (lane for lane in due if self._unasked(lane))
            if ticks() - asked >= ASK:
                asked, wanted = ticks(), lanes.values()
            await self._ask([lane.number for lane in wanted])
            if not self._holds():
                await self._ring_all(due)
            self._waiting = any(self._due(lane, now) for lane in due)

    def _due(self, lane: Lane, instant: int) -> bool:
        wake = lane.owner.wake_at()
        return wake is not None and wake + self._engine.config.grace <= instant

    def _is_ready(self, lane: Lane, instant: int) -> bool:
        return lane.owner.is_ready(instant)

    def _read_up_to(self, lane: Lane) -> int | None:
        return self._watermark.read_up_to(lane.number, self._engine.reached(lane))

    def _unasked(self, lane: Lane) -> bool:
        asked = self._watermark.asked_at(lane.number)
        return asked is None or not self._due(lane, asked)

    async def _ask(self, partitions: list[int]) -> None:
        if not partitions:
            return
        try:
            async with asyncio.timeout(SLOW):
                await self._watermark.ask(partitions)
        except (KafkaError, TimeoutError) as error:
            self._trouble(f"Kafka does not say where the input ends: {error!r}")

    async def _ring_all(self, due: Sequence[Lane]) -> None:
        # All tell what is ready before one goes on with what takes its time.
        for wants in (self._is_ready, self._due):
            for lane in due:
                await self._ring(lane, wants)

    async def _ring(self, lane: Lane, wants: Callable[[Lane, int], bool]) -> None:
        # A lane whose writes are stuck, or that has much to do, must not keep the others from ringing.
        until = ticks() + SHARE
        while lane.has_room and self._engine.open_lanes.get(lane.number) is lane and self._engine.lease.valid:
            if ticks() > until:
                return
            read_up_to = self._read_up_to(lane)
            if read_up_to is None or not wants(lane, read_up_to):
                return
            await lane.ring(read_up_to)
            await asyncio.sleep(0)

    def _holds(self) -> bool:
        """Whether alarms may not ring for reasons that concern all partitions."""
        calm = ticks() >= self._calm_at
        if calm and self._held:
            self._held = False
            self._engine.observer.holding(None)
        return not calm or not self._engine.clock.agrees or not self._engine.lease.valid

    def _trouble(self, reason: str) -> None:
        # After an outage the replies of that time are still in their producers.
        self._calm_at = ticks() + self._engine.config.settle / SECOND
        if not self._held:
            self._held = True
            self._engine.observer.holding(reason)

    def _look(self) -> None:
        lanes = self._engine.open_lanes.values()
        since = min((self.known_since(lane) for lane in lanes), default=None)
        blind = since is not None and self._engine.clock() - since > self._engine.config.input_stall
        if blind != self._blind:
            self._blind = blind
            self._engine.observer.blind(since if blind else None)

    async def compare(self) -> None:
        """Compares the clocks for ever."""
        clock, observer = self._engine.clock, self._engine.observer
        while True:
            try:
                async with asyncio.timeout(2 * PROBE):
                    await clock.compare(await askers(self._engine.teller, self._engine.config.heartbeats, self._sign))
            except (KafkaError, TimeoutError) as error:
                self._trouble(f"the brokers do not tell their time: {error!r}")
            else:
                if clock.agrees:
                    self.agreed.set()
                if self._skewed or not clock.agrees:
                    observer.skewed(None if clock.agrees else clock.skew)
                self._skewed = not clock.agrees
            await asyncio.sleep(PROBE)

    def _sign(self) -> bytes:
        engine = self._engine
        at_work = [] if self._blind else sorted(engine.open_lanes)
        return json.dumps({"worker": os.getpid(), "at": engine.clock(), "partitions": at_work}).encode()
