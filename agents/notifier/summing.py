"""The way of a digest: claim what it sums up, fix that on record, send it, and record what came of all of them.

The digest's own record names its messages, and is written before it is sent and after it was taken. So one record
decides for all: a notifier that finds a message held by a digest asks what became of the digest (`Chain.resolve`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from agents.notifier.chain import nothing
from agents.notifier.claims import Held
from agents.notifier.decide import Action, decide
from agents.notifier.digest import digest
from agents.notifier.http import Outcome
from agents.notifier.message import key_of
from streams.instants import SECOND

if TYPE_CHECKING:
    from agents.notifier.chain import Chain
    from agents.notifier.claims import Claim
    from agents.notifier.message import Delivery, Message, State
    from agents.notifier.progress import Batch, Job
    from agents.notifier.site import Site

AT_ONCE = 50
"""Claims asked for at the same time."""


class Summing:
    """Digests of one destination, on the chain that its messages have."""

    def __init__(self, site: Site, chain: Chain) -> None:
        self._site = site
        self._chain = chain

    async def sum_up(self, batch: Batch) -> None:
        """One turn of one digest. Raises ClaimsUnavailable.

        A batch that is not frozen after it is nothing: its messages are in the queue as before.
        """
        if not batch.frozen and not await self._claimed(batch):
            return
        if not batch.live:
            await self._dissolve(batch)
            return
        if not await self._chain.place(card=False):
            return
        if not batch.frozen:
            self._site.storm.summed(self._site.ticks(), len(batch.jobs))
        batch.frozen = True
        for job in batch.jobs:
            if job.unknown:  # its own last word says otherwise
                self._site.outcomes.put(
                    self._chain.delivery(job, "sending", holder=batch.members_token, digest=batch.id), nothing
                )
        await self._site.outcomes.ahead(self._record(batch, "sending"))
        await self._attempt(batch)

    async def _claimed(self, batch: Batch) -> bool:
        """Claim its messages; whether any are left. Those that are not have gone another way, or wait."""
        kept: list[Job] = []
        away: BaseException | None = None
        for start in range(0, len(batch.jobs), AT_ONCE):
            jobs = batch.jobs[start : start + AT_ONCE]
            asked = [self._chain.claim(job.message.key, batch.members_token, job.over or job.token) for job in jobs]
            for job, claim in zip(jobs, await asyncio.gather(*asked, return_exceptions=True), strict=True):
                if isinstance(claim, BaseException):
                    away = claim
                elif await self._kept(job, claim, batch):
                    kept.append(job)
            if away is not None:
                raise away
        batch.jobs = kept
        if not kept:
            return False
        site = self._site
        batch.made = digest(batch.id, site.name, [job.message for job in kept], site.clock())
        return True

    async def _kept(self, job: Job, claim: Claim, batch: Batch) -> bool:
        site, chain = self._site, self._chain
        if claim.held is Held.OURS or (claim.held is Held.LEFT_BEHIND and batch.again):
            job.over = batch.members_token
        age = site.clock() - max(job.message.alert.decided_at, job.hold)
        decision = decide(claim, unknown=job.unknown, age=age, max_age=site.max_age)
        if claim.held is Held.LEFT_BEHIND:
            job.unknown = True
        match decision.action:
            case Action.SEND | Action.REPEAT:
                return claim.held is Held.OURS or batch.again
            case Action.REFILL:
                await site.refill()
            case Action.SKIP:
                chain.skip(job)
            case Action.WAIT:
                job.due = site.ticks() + claim.wait / SECOND
            case Action.RESOLVE:
                await chain.resolve(job, claim.holder)
            case Action.EXPIRE:
                site.metrics.decided(site.name, decision)
                chain.expire(job, decision.reason)
        return False

    async def _attempt(self, batch: Batch) -> None:
        site, chain = self._site, self._chain
        asked = site.ticks()
        claim = await chain.claim(batch.message.key, batch.token)
        age = site.clock() - max(batch.message.alert.decided_at, *(job.hold for job in batch.jobs))
        decision = decide(claim, unknown=batch.unknown or batch.again, age=age, max_age=site.max_age)
        site.metrics.decided(site.name, decision)
        if decision.action is Action.REFILL:
            await site.refill()
        elif decision.action is Action.WAIT:
            batch.due = site.ticks() + claim.wait / SECOND
        elif decision.action is Action.EXPIRE:
            await self._ended(batch, "ambiguous" if batch.unknown else "expired", decision.reason)
        elif claim.held is Held.DONE or (claim.held is Held.LEFT_BEHIND and not batch.unknown):
            self._give_up(batch)  # somebody else has looked into it: our messages were theirs meanwhile
        elif not batch.live or site.ticks() > asked + site.margin / SECOND:
            await chain.release(batch)
        else:
            await self._send(batch, repeat=decision.action is Action.REPEAT)

    async def _send(self, batch: Batch, *, repeat: bool) -> None:
        site, chain = self._site, self._chain
        began = site.ticks()
        result = await chain.send(batch, repeat=repeat)
        if result.outcome is Outcome.SENT:
            site.metrics.digests.labels(site.name).inc()
            named = None if result.reference is None else _named(batch.message)
            told: dict[str, Any] = {"reference": result.reference, "named": named}
            site.references.learn(self._record(batch, "sent", **told))
            await self._ended(batch, "sent", None, **told)
        elif result.outcome is Outcome.REFUSED:
            await self._ended(batch, "failed", result.error)
        else:
            await chain.put_off(batch, result, began, **_members(batch))

    async def _ended(self, batch: Batch, state: State, error: str | None, **more: Any) -> None:
        """The digest's outcome is durable first: it is that of its messages, whatever happens before theirs is."""
        chain = self._chain
        await self._site.outcomes.ahead(self._record(batch, state, error, **more))
        for job in batch.jobs:
            job.unknown = job.unknown or batch.unknown
            if state == "sent":
                chain.digested(job, batch.id)
            elif state == "failed":
                chain.fail(job, error or "", batch.id)
            else:
                chain.expire(job, error or "", batch.id)
        batch.jobs = []

    async def _dissolve(self, batch: Batch) -> None:
        """Some of its messages are not ours any more: those that are go on by themselves."""
        if batch.frozen and not batch.unknown:
            claim = await self._chain.claim(batch.message.key, batch.token)
            if claim.held in (Held.FLUSHED, Held.UNREADABLE):
                await self._site.refill()
                return
            if claim.held is Held.OURS:
                await self._site.outcomes.ahead(self._record(batch, "void"))
        self._give_up(batch)

    def _give_up(self, batch: Batch) -> None:
        for job in batch.jobs:
            job.over = batch.members_token
            job.unknown = job.unknown or batch.unknown
        batch.jobs = []

    def _record(self, batch: Batch, state: State, error: str | None = None, **more: Any) -> Delivery:
        return self._chain.delivery(batch, state, error, **_members(batch), **more)


def _named(digest: Message) -> list[str]:
    """The keys of the messages that it tells of one by one."""
    return [key_of(str(one["alert_id"]), "raised", digest.destination) for one in digest.alert.record["worst"]]


def _members(batch: Batch) -> dict[str, Any]:
    return {"members": [job.message.key for job in batch.jobs], "members_holder": batch.members_token}
