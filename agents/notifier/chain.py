"""What each message of a destination goes through at its turn: claim, decide, take a place, send, record."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agents.notifier.claims import Claim, ClaimsUnavailable, Held
from agents.notifier.decide import Action, decide
from agents.notifier.fates import Fates
from agents.notifier.http import Editor, Outcome, Result
from agents.notifier.message import AGAIN, DIGEST, Delivery, digest_of, key_of
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.notifier.http import Sender
    from agents.notifier.message import Message, State
    from agents.notifier.progress import Batch, Job
    from agents.notifier.site import Site

log = logging.getLogger("slawatch.notifier")


class Chain:
    """One message's way; of what a lane holds it changes nothing but the messages themselves."""

    def __init__(self, site: Site, sender: Sender, remove: Callable[[Job], None], wake: Callable[[], None]) -> None:
        self._site = site
        self._sender = sender
        self._remove = remove
        self._wake = wake
        self._fates = Fates(site, self.claim)
        self.recording = 0
        self.waits_for_claims = False

    @property
    def edits(self) -> bool:
        """Whether the service can change a message that it has taken."""
        return isinstance(self._sender, Editor)

    async def deliver(self, job: Job) -> None:
        """One turn of one message. Raises ClaimsUnavailable."""
        site, alert = self._site, job.message.alert
        if job.only_change and self._above(job.message) is None:
            self.skip(job)  # its alert was one of many in a digest, or not told at all
            return
        asked = site.ticks()
        claim = await self.claim(job.message.key, job.token, job.over)
        age = site.clock() - max(alert.decided_at, job.hold)
        decision = decide(claim, unknown=job.unknown, age=age, max_age=site.max_age, silenced=bool(job.silence))
        site.metrics.decided(site.name, decision)
        if claim.held is Held.LEFT_BEHIND:
            job.unknown = True
        if decision.action is Action.REFILL:
            await site.refill()
        elif decision.action is Action.SKIP:
            self.skip(job)
        elif decision.action is Action.WAIT:
            job.due = site.ticks() + claim.wait / SECOND
        elif decision.action is Action.RESOLVE:
            await self.resolve(job, claim.holder)
        elif decision.action is Action.EXPIRE:
            self.expire(job, decision.reason)
        elif decision.action is Action.SILENCE:
            site.metrics.silenced.labels(site.name).inc()
            self.record(job, self.delivery(job, "silenced", f"silence {job.silence}"))
        else:
            await self._attempt(job, asked + site.margin / SECOND, repeat=decision.action is Action.REPEAT)

    async def claim(self, key: str, token: str, over: str = "") -> Claim:
        """Raises ClaimsUnavailable; what is not as it should be is counted and told."""
        site = self._site
        try:
            claim = await site.claims.claim(key, token, site.lease, over)
        except ClaimsUnavailable as error:
            if not self.waits_for_claims:
                log.warning("%s waits: the claims cannot be asked (%s)", site.name, error)
            self.waits_for_claims = True
            raise
        self.waits_for_claims = False
        if claim.held in (Held.ELSEWHERE, Held.DONE):
            site.metrics.refused.labels(site.name).inc()
        elif claim.held is Held.UNREADABLE:
            log.error("somebody else has written into the claims (at %s): they are filled anew", key)
            site.metrics.unreadable.labels(site.name).inc()
        return claim

    async def place(self, *, card: bool) -> bool:
        """Take a place among those the destination takes; where there is none, all wait. Raises ClaimsUnavailable."""
        site = self._site
        wait = await site.limits.take(site.name, site.pace, card=card)
        if wait.rate:
            site.pressure.pause(site.ticks() + wait.rate / SECOND)
        if wait.cards:
            site.storm.full(site.ticks() + wait.cards / SECOND)
        return wait.taken

    async def _attempt(self, job: Job, latest: float, *, repeat: bool) -> None:
        """Send, unless it is later than `latest`: this process may have stood still, and another may be at it."""
        site = self._site
        change = self._change(job.message)
        quiet = job.alone or job.only_change or change is not None
        if not await self.place(card=not quiet):
            await self.release(job)
            return
        # Whoever has neither us nor our claims to ask is told that it may soon have arrived. Claims that die with
        # this process leave nothing else, so the log comes first there.
        sending = self.delivery(job, "sending", repeat=repeat and change is None)
        if not site.claims.durable:
            await site.outcomes.ahead(sending)
        if not job.partition.live or site.ticks() > latest:
            await self.release(job)
            return
        if site.claims.durable:
            site.outcomes.put(sending, nothing)
        began = site.ticks()
        result = Result(Outcome.REFUSED)
        if change is not None:
            result = await self._edit(job, change)
        if result.outcome is Outcome.REFUSED and (change is None or not job.only_change):
            if not job.only_change:
                site.storm.sent(site.ticks())
            result = await self.send(job, repeat=repeat)
        if result.outcome is Outcome.SENT:
            self._sent(job, result)
        elif result.outcome is Outcome.REFUSED:
            self.fail(job, result.error)
        else:
            await self.put_off(job, result, began)

    async def send(self, errand: Job | Batch, *, repeat: bool) -> Result:
        """One attempt, counted; an answer of the destination's, whichever, is one."""
        site = self._site
        errand.attempts += 1
        errand.repeated = errand.repeated or repeat
        if repeat:
            site.metrics.repeated.labels(site.name).inc()
        result = await self._sender.send(self._threaded(errand.message), repeat=repeat)
        site.attempted(site.name, result)
        if result.outcome in (Outcome.SENT, Outcome.REFUSED):
            site.pressure.succeeded()
        return result

    async def _edit(self, job: Job, reference: str) -> Result:
        """One attempt to change the message of this reference. One that is refused says nothing of the destination."""
        site = self._site
        assert isinstance(self._sender, Editor)
        result = await self._sender.update(reference, job.message)
        if result.outcome is Outcome.UNKNOWN:  # it may be done once more: nobody sees a second time
            result = result._replace(outcome=Outcome.FAILED)
        if result.outcome is Outcome.REFUSED:
            log.warning("%s: what told of %s cannot be changed (%s)", site.name, job.message.key, result.error)
            return result
        job.attempts += 1
        site.attempted(site.name, result)
        if result.outcome is Outcome.SENT:
            site.pressure.succeeded()
        return result

    def _change(self, message: Message) -> str | None:
        """What the service calls the message that this one changes; None where it is to be a message of its own."""
        return self._site.references.of(_raised(message)) if message.alert.follows and self.edits else None

    def _threaded(self, message: Message) -> Message:
        """What follows on a message goes below it, where the service can."""
        above = self._above(message) if message.alert.kind not in ("raised", DIGEST) else None
        return message if above is None else replace(message, thread=above)

    def _above(self, message: Message) -> str | None:
        """What the service calls the message that told of this alert, alone or as one that a digest names."""
        return self._site.references.thread(_raised(message))

    def _sent(self, job: Job, result: Result) -> None:
        site, alert = self._site, job.message.alert
        site.metrics.sent.labels(site.name).inc()
        late = bool(alert.record.get("late") or job.hold)  # by its own decision, or by quiet hours
        if alert.level == "breach" and alert.kind == "raised" and alert.deadline and not late:
            site.metrics.latency.labels(site.name).observe((site.clock() - alert.deadline) / SECOND)
        delivery = self.delivery(job, "sent", reference=result.reference)
        site.references.learn(delivery)
        self.record(job, delivery)

    def fail(self, job: Job, error: str, digest: str | None = None) -> None:
        """The destination refused it for good."""
        site = self._site
        site.metrics.failed.labels(site.name).inc()
        log.error("%s refused %s for good: %s", site.name, job.message.key, error)
        self.record(job, self.delivery(job, "failed", error, digest=digest))

    def expire(self, job: Job, reason: str, digest: str | None = None) -> None:
        """It has become too old."""
        site = self._site
        site.metrics.expired.labels(site.name).inc()
        self.record(job, self.delivery(job, "ambiguous" if job.unknown else "expired", reason, digest=digest))

    def digested(self, job: Job, digest: str) -> None:
        """It was told within a digest."""
        site = self._site
        site.metrics.digested.labels(site.name).inc()
        self.record(job, self.delivery(job, "digested", digest=digest))

    def skip(self, job: Job) -> None:
        """It has its outcome already."""
        self._remove(job)
        job.done()

    async def put_off(self, errand: Job | Batch, result: Result, began: float, **more: Any) -> None:
        """The destination did not take it, or nobody knows: everything of this lane waits a while."""
        site = self._site
        unknown = result.outcome is Outcome.UNKNOWN
        asked = None if result.retry_after is None else result.retry_after / SECOND
        delay = site.pressure.failed(began, site.ticks(), unknown=unknown, asked=asked)
        if errand.attempts >= site.backoff.patience:
            errand.due = site.ticks() + site.backoff.aside
        counter = site.metrics.ambiguous if unknown else site.metrics.retried
        counter.labels(site.name).inc()
        log.warning("%s did not take %s: %s; next in %.1f s", site.name, errand.message.key, result.error, delay)
        errand.unknown = errand.unknown or unknown
        if result.retry_after is not None:
            with contextlib.suppress(ClaimsUnavailable):  # the others will hear it from the destination
                await site.limits.hold(site.name, result.retry_after)
        state: State = "ambiguous" if errand.unknown else "put_off"
        await site.outcomes.ahead(self.delivery(errand, state, result.error, **more))
        await self.release(errand)

    async def release(self, errand: Job | Batch) -> None:
        """Give the claim back."""
        with contextlib.suppress(ClaimsUnavailable):  # our token still holds it; for others its lease runs out
            await self._site.claims.release(errand.message.key, errand.token, unknown=errand.unknown)

    def record(self, job: Job, delivery: Delivery) -> None:
        """Hand over to the log; the message counts as done once its outcome is durable."""
        self._remove(job)
        self.recording += 1
        job.partition.taken_in_hand()

        def recorded() -> None:
            self.recording -= 1
            self._wake()
            job.partition.out_of_hand()
            job.done()

        self._site.outcomes.put(delivery, recorded)

    def delivery(
        self, errand: Job | Batch, state: State, error: str | None = None, *, repeat: bool = False, **more: Any
    ) -> Delivery:
        """The record of what came of it."""
        alert = errand.message.alert
        told: dict[str, Any] = {
            "alert_id": alert.alert_id,
            "kind": alert.kind,
            "destination": self._site.name,
            "state": state,
            "at": format_instant(self._site.clock()),
            "attempts": errand.attempts,
            "repeat": errand.repeated or repeat,
            "error": error,
            "holder": errand.token if state == "sending" else None,
        }
        return Delivery(**(told | more))

    # Messages whose last holder was summing them up

    async def resolve(self, job: Job, holder: str) -> None:
        """What became of a message is what became of the digest that it was in. Raises ClaimsUnavailable."""
        digest = digest_of(holder)
        assert digest is not None
        fate, wait = await self._fates.of(digest)
        if fate == "sent":
            self.digested(job, digest)
        elif fate == "failed":
            self.fail(job, "its digest was refused", digest)
        elif fate == "expired":
            self.expire(job, "too_old", digest)
        elif fate == "later":
            job.due = self._site.ticks() + wait / SECOND
        else:  # it was not sent, or nobody knows: the message goes on by itself
            job.over = holder
            job.unknown = job.unknown or fate == "unknown" or holder.startswith(AGAIN)


def _raised(message: Message) -> str:
    """The key of the message that raised this alert."""
    return key_of(message.alert.alert_id, "raised", message.destination)


def nothing() -> None:
    """An attempt is no end."""
