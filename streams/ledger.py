"""The ledger's record of a ticket: its attributes, clocks and verdicts, ratings, reviews, complaints, callbacks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from streams.clocks import Verdict
from streams.facts import CANCELLED, CalledBack, Complained, Rated, Replied, Reviewed
from streams.instants import SECOND, to_datetime
from streams.policies import STATUSES, TARGETS

if TYPE_CHECKING:
    from streams.clocks import Clock, Totals
    from streams.fold import State
    from streams.ticket import Ticket


class LedgerClock(msgspec.Struct, gc=False):
    """A listed clock: durations in seconds, instants RFC 3339 in UTC."""

    target: str
    cycle: int
    policy: str | None
    limit_seconds: float | None
    started_at: datetime
    stopped_at: datetime | None
    elapsed_seconds: float | None
    breached_at: datetime | None
    verdict: Verdict


class LedgerTotals(msgspec.Struct, gc=False):
    """The clocks of a target older than its newest 64."""

    met: int
    breached: int
    void: int
    elapsed_count: int
    elapsed_seconds: float


class LedgerReply(msgspec.Struct, omit_defaults=True, gc=False):
    at: datetime
    agent_id: str | None = None
    team: str | None = None
    handle_seconds: float | None = None


class LedgerRating(msgspec.Struct, omit_defaults=True, gc=False):
    at: datetime
    score: int
    comment: str | None = None


class LedgerReview(msgspec.Struct, omit_defaults=True, gc=False):
    at: datetime
    scores: dict[str, int]
    reviewer_id: str | None = None
    agent_id: str | None = None
    deductions: list[str] = []
    labels: list[str] = []


class LedgerComplaint(msgspec.Struct, omit_defaults=True, gc=False):
    at: datetime
    valid: bool
    category: str | None = None


class LedgerCallback(msgspec.Struct, omit_defaults=True, gc=False):
    at: datetime
    reached: bool
    agent_id: str | None = None
    score: int | None = None


class LedgerRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """A record of topic `ticket-ledger`. Of replies, ratings and the like the newest 64."""

    ticket_id: str
    created_at: datetime
    status: str
    clocks: list[LedgerClock]
    created_by: str = "customer"
    reason: str | None = None
    done_at: datetime | None = None
    reopenings: int = 0
    priority: str | None = None
    channel: str | None = None
    team: str | None = None
    agent_id: str | None = None
    customer_id: str | None = None
    category: str | None = None
    kind: str | None = None
    tags: list[str] | None = None
    totals: dict[str, LedgerTotals] = {}
    reply_count: int = 0
    replies: list[LedgerReply] = []
    ratings: list[LedgerRating] = []
    reviews: list[LedgerReview] = []
    complaints: list[LedgerComplaint] = []
    callbacks: list[LedgerCallback] = []


def record(ticket_id: str, state: State, settled_at: int) -> LedgerRecord:
    """What the ledger says of a ticket, its clocks seen at `settled_at`."""
    return LedgerRecord(  # by position: with names it takes three times as long
        ticket_id,
        to_datetime(state.created_at),
        STATUSES[state.status],
        [_clock(clock, state, settled_at) for clock in state.clocks if clock.listed],
        "agent" if state.by_agent else "customer",
        state.reason,
        _instant(state.done_at),
        state.reopenings,
        state.priority,
        state.channel,
        state.team,
        state.agent_id,
        state.customer_id,
        state.category,
        state.kind,
        state.tags,
        {TARGETS[target]: _totals(totals, state) for target, totals in state.totals.items()} if state.totals else {},
        state.reply_count,
        list(map(_reply, state.replies)),
        list(map(_rating, state.ratings)),
        list(map(_review, state.reviews)),
        list(map(_complaint, state.complaints)),
        list(map(_callback, state.callbacks)),
    )


def encode(ticket_id: str, ticket: Ticket) -> bytes | None:
    """The ledger's JSON of a ticket; None for an orphan, which the ledger does not hold."""
    if ticket.state is None:
        return None
    return _encode(record(ticket_id, ticket.state, ticket.settled_at))


_encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(LedgerRecord).decode


def _instant(instant: int | None) -> datetime | None:
    return to_datetime(instant) if instant is not None else None


def _clock(clock: Clock, state: State, settled_at: int) -> LedgerClock:
    breached = clock.overdue(settled_at, state.last_at)
    return LedgerClock(
        TARGETS[clock.target],
        clock.cycle,
        clock.policy,
        clock.limit / SECOND if clock.policy is not None else None,
        to_datetime(clock.start),
        _instant(clock.stop),
        clock.elapsed / SECOND if clock.elapsed is not None else None,
        _instant(breached),
        clock.verdict(state.status, breached),
    )


def _totals(totals: Totals, state: State) -> LedgerTotals:
    if state.status == CANCELLED:
        return LedgerTotals(0, 0, totals.met + totals.breached + totals.void, 0, 0.0)
    return LedgerTotals(totals.met, totals.breached, totals.void, totals.elapsed_count, totals.elapsed_sum / SECOND)


def _reply(reply: Replied) -> LedgerReply:
    return LedgerReply(to_datetime(reply.at), reply.agent_id, reply.team, reply.handle_seconds)


def _rating(rating: Rated) -> LedgerRating:
    return LedgerRating(to_datetime(rating.at), rating.score, rating.comment)


def _review(review: Reviewed) -> LedgerReview:
    return LedgerReview(
        to_datetime(review.at), review.scores, review.reviewer_id, review.agent_id, review.deductions, review.labels
    )


def _complaint(complaint: Complained) -> LedgerComplaint:
    return LedgerComplaint(to_datetime(complaint.at), complaint.valid, complaint.category)


def _callback(callback: CalledBack) -> LedgerCallback:
    return LedgerCallback(to_datetime(callback.at), callback.reached, callback.agent_id, callback.score)
