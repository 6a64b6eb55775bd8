"""What the ledger says of a ticket, by its state."""

from __future__ import annotations

from datetime import datetime

from streams import ledger_record
from streams.clocks import Clock, Totals
from streams.facts import CANCELLED, CalledBack, Complained, Rated, Replied, Reviewed
from streams.fold import State
from streams.instants import SECOND, to_datetime
from streams.ledger_record import (
    LedgerCallback,
    LedgerClock,
    LedgerComplaint,
    LedgerRating,
    LedgerRecord,
    LedgerReply,
    LedgerReview,
    LedgerTotals,
)
from streams.policies import STATUSES, TARGETS
from streams.ticket import Ticket


def record(ticket_id: str, state: State, settled_at: int) -> LedgerRecord:
    """What the ledger says of a ticket, its clocks seen at `settled_at`."""
    created_at = to_datetime(state.created_at)
    return LedgerRecord(  # by position: with names it takes three times as long
        ticket_id,
        created_at,
        STATUSES[state.status],
        [_clock(clock, state, settled_at, created_at) for clock in state.clocks if clock.listed],
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
    return ledger_record.encode(record(ticket_id, ticket.state, ticket.settled_at))


def _instant(instant: int | None) -> datetime | None:
    return to_datetime(instant) if instant is not None else None


def _clock(clock: Clock, state: State, settled_at: int, created_at: datetime) -> LedgerClock:
    breached = clock.overdue(settled_at, state.last_at)
    return LedgerClock(
        TARGETS[clock.target],
        clock.cycle,
        clock.policy,
        clock.limit / SECOND if clock.policy is not None else None,
        created_at if clock.start == state.created_at else to_datetime(clock.start),
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
