"""One destination: its queue, and which of its messages go next, by themselves or summed up."""

from __future__ import annotations

import asyncio
import contextlib
import random
from time import monotonic
from typing import TYPE_CHECKING

from agents.notifier.backlog import Backlog
from agents.notifier.backoff import Backoff, Pressure
from agents.notifier.chain import Chain
from agents.notifier.claims import ClaimsUnavailable
from agents.notifier.limits import MemoryLimits, Pace
from agents.notifier.progress import Batch
from agents.notifier.references import References
from agents.notifier.site import Site
from agents.notifier.storm import Storm
from agents.notifier.summing import Summing
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from agents.notifier.claims import Claims
    from agents.notifier.deliveries import Log
    from agents.notifier.http import Result, Sender
    from agents.notifier.limits import Limits
    from agents.notifier.message import Alert
    from agents.notifier.metrics import NotifierMetrics
    from agents.notifier.progress import Job

LIMIT = 1000
"""Messages a lane holds, and the most a digest sums up; further ones wait in Kafka."""

CLAIMS_RETRY = 1.0
"""Seconds between attempts while the claims are away."""

UNRECORDED = 10
"""Messages of a lane that may have ended without being on record: what a killed notifier leaves to be repeated.

At 50 ms for an answer and 10 ms for its record they make 160 messages a second.
"""

LEASE_MARGIN = 5 * SECOND
"""By how many microseconds a claim outlasts the longest attempt: one begun later than that would end without it."""

_LOOK_AGAIN = 30.0  # seconds: instants are waited for by a clock that may be set


def unheard(destination: str, result: Result) -> None:
    """Nobody asks how a destination fares."""


class Lane:
    """Sends to one destination, several messages at a time, but one of a ticket, so that these keep their order.

    `timeout` is the longest an attempt takes, `margin` by how much a claim outlasts it, `max_age` the age since the
    decision after which a message is given up (all microseconds); `refill` fills lost claims and returns when they
    are whole; `ticks` gives seconds that never go back.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        *,
        claims: Claims,
        outcomes: Log,
        metrics: NotifierMetrics,
        clock: Callable[[], int],
        refill: Callable[[], Awaitable[object]],
        max_age: int,
        timeout: int,
        margin: int = LEASE_MARGIN,
        pace: Pace | None = None,
        limits: Limits | None = None,
        references: References | None = None,
        storm: Storm | None = None,
        backoff: Backoff | None = None,
        limit: int = LIMIT,
        rng: random.Random | None = None,
        ticks: Callable[[], float] = monotonic,
        attempted: Callable[[str, Result], None] = unheard,
    ) -> None:
        pace, backoff = pace or Pace(), backoff or Backoff()
        self.name = name
        self.limit = limit
        self._ticks = ticks
        self._clock = clock
        self._pressure = Pressure(backoff, UNRECORDED, rng or random.Random())  # noqa: S311 - jitter
        self._storm = storm or Storm(pace.cards)
        site = Site(
            name,
            claims,
            outcomes,
            metrics,
            clock,
            ticks,
            refill,
            limits or MemoryLimits(lambda: int(ticks() * SECOND)),
            pace,
            self._pressure,
            backoff,
            self._storm,
            references or References(),
            max_age,
            margin,
            timeout + margin,
            attempted,
        )
        self._claims = claims
        self._wake = asyncio.Event()
        self._backlog = Backlog()
        self._chain = Chain(site, sender, self._backlog.remove, self._wake.set)
        self._summing = Summing(site, self._chain)
        self._batch: Batch | None = None  # under way, or to be tried again as it is
        self._summing_up = False
        self._sweeping = False
        self._turns: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None
        self._stopping = False

    def __len__(self) -> int:
        """Messages without an outcome."""
        return len(self._backlog) + self._chain.recording

    @property
    def room(self) -> int:
        """How many messages more it takes; those that are held back need none."""
        return self.limit - len(self._backlog.queue) - self._chain.recording

    @property
    def edits(self) -> bool:
        """Whether its service can change a message that it has taken."""
        return self._chain.edits

    @property
    def waits_for_claims(self) -> bool:
        """Whether the claims could not be asked the last time."""
        return self._chain.waits_for_claims

    def put(self, job: Job) -> None:
        """Take on a message; the caller has looked for room."""
        self._backlog.put(job, self._clock())
        job.partition.opened(job.offset)
        self._wake.set()

    def became(self, alert: Alert) -> None:
        """What became of an alert, which may wait here until quiet hours are over."""
        self._backlog.became(alert)

    def drop_dead(self) -> None:
        """Forget messages of partitions that are not ours any more."""
        self._backlog.drop_dead()

    def stop(self) -> None:
        """Begin no further attempt; `run` returns after the present ones."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until stopped."""
        try:
            while not self._stopping and self._failed is None:
                self._wake.clear()
                wait = self._begin()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
            while self._turns and self._failed is None:
                await asyncio.wait(self._turns, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for turn in self._turns:
                turn.cancel()
            await asyncio.gather(*self._turns, return_exceptions=True)
        if self._failed is not None:
            raise self._failed

    # What goes next

    def _begin(self) -> float | None:
        """Begin all that may; returns the seconds until there may be more, None where only an event brings more."""
        self._backlog.release(self._clock())
        if not self._turns and not self._backlog.queue:
            self._pressure.idle()
        while True:
            now = self._ticks()
            under_way = len(self._turns) + self._chain.recording
            if self._sweeping or len(self._turns) >= self._pressure.at_a_time or under_way >= UNRECORDED:
                return None
            wait = self._pressure.wait(now)
            if wait > 0:
                return wait
            storm, due = self._look(now)
            if self._sweeping:
                return None
            if due == 0:
                continue
            job, later = self._backlog.card(now, storm=storm)
            if job is None:
                return _earliest(due, later, self._until_release())
            self._turn(self._chain.deliver(job), [job])

    def _look(self, now: float) -> tuple[bool, float | None]:
        """Sum up what is due for it.

        Returns whether all else waits for a digest too, and the seconds until there is one; 0 where one has begun.
        """
        summable = self._backlog.summable(now)
        storm = self._storm.blows(len(summable), now)
        unswept = [job for job in summable if not job.swept]
        if storm and unswept:  # what is read again after a restart makes no storm
            self._sweep(unswept)
            return storm, None
        held = sum(job.hold > 0 for job in summable)
        due = self._storm.due(len(summable), held, now)
        if self._summing_up:
            return storm, None
        if self._batch is not None:
            if self._batch.due > now:
                return storm, self._batch.due - now
            self._sum_up(self._batch)
            return storm, 0
        if due is not None and (due == 0 or self.room <= 0):
            jobs = self._backlog.to_sum_up(now, LIMIT, only_held=not storm)
            if len(jobs) > 1:
                self._sum_up(Batch(jobs, again=jobs[0].unknown))
                return storm, 0
            for job in jobs:
                job.alone = True
            due = None  # what is left waits for what is under way
        return storm, due

    def _sum_up(self, batch: Batch) -> None:
        async def sum_up() -> None:
            try:
                await self._summing.sum_up(batch)
            finally:
                self._summing_up = False
                self._batch = batch if batch.frozen and batch.jobs else None

        self._summing_up = True
        self._turn(sum_up(), batch.jobs)

    def _sweep(self, jobs: Sequence[Job]) -> None:
        """Put aside what has its outcome already."""

        async def sweep() -> None:
            try:
                for job, ended in zip(jobs, await self._claims.ended([job.message.key for job in jobs]), strict=True):
                    job.swept = True
                    if ended and job.partition.live:
                        self._chain.skip(job)
            finally:
                self._sweeping = False

        self._sweeping = True
        self._turn(sweep(), jobs)

    def _turn(self, turn: Coroutine[None, None, None], jobs: Sequence[Job]) -> None:
        """Have it happen; meanwhile these messages are in hand, and what comes after them waits."""
        jobs = list(jobs)
        for job in jobs:
            job.busy = True
            job.partition.taken_in_hand()

        async def guarded() -> None:
            try:
                await turn
            except ClaimsUnavailable:
                self._pressure.pause(self._ticks() + CLAIMS_RETRY)
            except Exception as error:  # noqa: BLE001  whatever it is, `run` raises it
                self._failed = error
            finally:
                bound = {id(job) for job in self._batch.jobs} if self._batch is not None else set()
                for job in jobs:
                    job.busy = id(job) in bound
                    job.partition.out_of_hand()
                self._turns.discard(task)
                self._wake.set()

        task = asyncio.create_task(guarded())
        self._turns.add(task)

    def _until_release(self) -> float | None:
        instant = self._backlog.next_release()
        return None if instant is None else min(max((instant - self._clock()) / SECOND, 0.0), _LOOK_AGAIN)


def _earliest(*waits: float | None) -> float | None:
    return min((wait for wait in waits if wait is not None), default=None)
