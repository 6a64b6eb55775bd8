"""One destination: its queue, and the chain each message goes through: claim, decide, send, record."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from time import monotonic
from typing import TYPE_CHECKING

from agents.notifier.backoff import Backoff, Pace
from agents.notifier.claims import Claim, ClaimsUnavailable, Held
from agents.notifier.decide import Action, decide
from agents.notifier.http import Outcome, Result
from agents.notifier.message import Delivery
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.notifier.claims import Claims
    from agents.notifier.deliveries import Log
    from agents.notifier.http import Sender
    from agents.notifier.message import State
    from agents.notifier.metrics import NotifierMetrics
    from agents.notifier.progress import Job

log = logging.getLogger("slawatch.notifier")

LIMIT = 1000
"""Messages a lane holds; further ones wait in Kafka."""

CLAIMS_RETRY = 1.0
"""Seconds between attempts while the claims are away."""

UNRECORDED = 5
"""Messages of a lane that may have ended without being on record: what a killed notifier leaves to be repeated."""

LEASE_MARGIN = 5 * SECOND
"""By how many microseconds a claim outlasts the longest attempt: one begun later than that would end without it."""


class Lane:
    """Sends to one destination, one message at a time, so that a ticket's messages keep their order.

    `timeout` is the longest an attempt takes, `margin` by how much a claim outlasts it, `max_age` the age since the
    decision after which a message is given up (all microseconds); `refill` fills lost claims and returns when they
    are whole.
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
        backoff: Backoff | None = None,
        limit: int = LIMIT,
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self._sender = sender
        self._claims = claims
        self._outcomes = outcomes
        self._metrics = metrics
        self._clock = clock
        self._refill = refill
        self._max_age = max_age
        self._margin = margin
        self._lease = timeout + margin
        self._pace = pace or Pace(None)
        self._backoff = backoff or Backoff()
        self.limit = limit
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._queue: list[Job] = []
        self._recording = 0
        self._failures = 0  # in a row, whichever messages they were
        self._resume = 0.0  # no attempt before this, by the monotonic clock
        self._wake = asyncio.Event()
        self.waits_for_claims = False
        self._stopping = False

    def __len__(self) -> int:
        """Messages without an outcome."""
        return len(self._queue) + self._recording

    @property
    def room(self) -> int:
        """How many messages more it takes."""
        return self.limit - len(self)

    def put(self, job: Job) -> None:
        """Take on a message; the caller has looked for room."""
        self._queue.append(job)
        job.partition.opened(job.offset)
        self._wake.set()

    def drop_dead(self) -> None:
        """Forget messages of partitions that are not ours any more."""
        self._queue = [job for job in self._queue if job.partition.live]

    def stop(self) -> None:
        """Begin no further attempt; `run` returns after the present one."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until stopped."""
        while not self._stopping:
            now = monotonic()
            wait = max(self._resume - now, self._pace.wait(now))
            job, due = (None, wait) if wait > 0 else self._next(now)
            if self._recording >= UNRECORDED:
                job, due = None, None
            if job is None:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), due)
                continue
            job.partition.taken_in_hand()
            try:
                await self._deliver(job)
            except ClaimsUnavailable:
                self._resume = monotonic() + CLAIMS_RETRY
            finally:
                job.partition.out_of_hand()

    def _next(self, now: float) -> tuple[Job | None, float | None]:
        """The first message that is due and whose ticket has none waiting before it; else the seconds until one is."""
        blocked: set[str] = set()
        due: float | None = None
        for job in self._queue:
            ticket = job.message.alert.ticket
            if ticket in blocked:
                continue
            if job.due <= now:
                return job, None
            blocked.add(ticket)
            due = job.due - now if due is None else min(due, job.due - now)
        return None, due

    async def _deliver(self, job: Job) -> None:
        """One turn of one message. Raises ClaimsUnavailable."""
        asked = monotonic()
        claim = await self._claim(job)
        alert = job.message.alert
        decision = decide(claim, unknown=job.unknown, age=self._clock() - alert.decided_at, max_age=self._max_age)
        self._metrics.decided(self.name, decision)
        if claim.held is Held.LEFT_BEHIND:
            job.unknown = True
        if decision.action is Action.REFILL:
            await self._refill()
        elif decision.action is Action.SKIP:
            self._remove(job)
            job.done()
        elif decision.action is Action.WAIT:
            job.due = monotonic() + claim.wait / SECOND
        elif decision.action is Action.EXPIRE:
            self._metrics.expired.labels(self.name).inc()
            self._record(job, "ambiguous" if job.unknown else "expired", decision.reason)
        else:
            latest = asked + self._margin / SECOND
            await self._attempt(job, latest, repeat=decision.action is Action.REPEAT)

    async def _claim(self, job: Job) -> Claim:
        try:
            claim = await self._claims.claim(job.message.key, job.token, self._lease)
        except ClaimsUnavailable as error:
            if not self.waits_for_claims:
                log.warning("%s waits: the claims cannot be asked (%s)", self.name, error)
            self.waits_for_claims = True
            raise
        self.waits_for_claims = False
        if claim.held in (Held.ELSEWHERE, Held.DONE):
            self._metrics.refused.labels(self.name).inc()
        elif claim.held is Held.UNREADABLE:
            log.error("somebody else has written into the claims (at %s): they are filled anew", job.message.key)
            self._metrics.unreadable.labels(self.name).inc()
        return claim

    async def _attempt(self, job: Job, latest: float, *, repeat: bool) -> None:
        """Send, unless it is later than `latest`: this process may have stood still, and another may be at it."""
        # Whoever has neither us nor our claims to ask is told that it may soon have arrived. Claims that die with
        # this process leave nothing else, so the log comes first there.
        sending = self._delivery(job, "sending", repeat=repeat)
        if not self._claims.durable:
            await self._outcomes.ahead(sending)
        if not job.partition.live or monotonic() > latest:
            await self._release(job)
            return
        if self._claims.durable:
            self._outcomes.put(sending, _nothing)
        job.repeated = job.repeated or repeat
        self._pace.sent(monotonic())
        job.attempts += 1
        if repeat:
            self._metrics.repeated.labels(self.name).inc()
        result = await self._sender.send(job.message, repeat=repeat)
        if result.outcome is Outcome.SENT:
            self._failures = 0
            self._sent(job)
        elif result.outcome is Outcome.REFUSED:
            self._failures = 0
            self._metrics.failed.labels(self.name).inc()
            log.error("%s refused %s for good: %s", self.name, job.message.key, result.error)
            self._record(job, "failed", result.error)
        else:
            await self._put_off(job, result)

    def _sent(self, job: Job) -> None:
        alert = job.message.alert
        self._metrics.sent.labels(self.name).inc()
        if alert.level == "breach" and alert.kind == "raised" and alert.deadline and not alert.record.get("late"):
            self._metrics.latency.labels(self.name).observe((self._clock() - alert.deadline) / SECOND)
        self._record(job, "sent", None)

    async def _put_off(self, job: Job, result: Result) -> None:
        """The destination did not take it, or nobody knows: everything of this lane waits a while."""
        self._failures += 1
        unknown = result.outcome is Outcome.UNKNOWN
        delay = self._backoff.delay(self._failures, unknown=unknown, rng=self._rng)
        if result.retry_after is not None:
            delay = result.retry_after / SECOND
        self._resume = monotonic() + delay
        if job.attempts >= self._backoff.patience:
            job.due = monotonic() + self._backoff.aside
        counter = self._metrics.ambiguous if unknown else self._metrics.retried
        counter.labels(self.name).inc()
        log.warning("%s did not take %s: %s; next in %.1f s", self.name, job.message.key, result.error, delay)
        job.unknown = job.unknown or unknown
        await self._outcomes.ahead(self._delivery(job, "ambiguous" if job.unknown else "put_off", result.error))
        await self._release(job)

    async def _release(self, job: Job) -> None:
        with contextlib.suppress(ClaimsUnavailable):  # our token still holds it; for others its lease runs out
            await self._claims.release(job.message.key, job.token, unknown=job.unknown)

    def _record(self, job: Job, state: State, error: str | None) -> None:
        """Hand over to the log; the message counts as done once its outcome is durable."""
        self._remove(job)
        self._recording += 1
        job.partition.taken_in_hand()

        def recorded() -> None:
            self._recording -= 1
            self._wake.set()
            job.partition.out_of_hand()
            job.done()

        self._outcomes.put(self._delivery(job, state, error), recorded)

    def _remove(self, job: Job) -> None:
        """A partition lost meanwhile has taken its messages out already."""
        if job in self._queue:
            self._queue.remove(job)

    def _delivery(self, job: Job, state: State, error: str | None = None, *, repeat: bool = False) -> Delivery:
        alert = job.message.alert
        return Delivery(
            alert_id=alert.alert_id,
            kind=alert.kind,
            destination=self.name,
            state=state,
            at=format_instant(self._clock()),
            attempts=job.attempts,
            repeat=job.repeated or repeat,
            error=error,
            holder=job.token if state == "sending" else None,
        )


def _nothing() -> None:
    """An attempt is no end."""
