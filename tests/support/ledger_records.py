"""Makes up ledger records of every kind, on a grid of hours so that things happen together and exactly a week apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from random import Random

START = datetime(2026, 3, 1, tzinfo=UTC)
TARGETS = ("first_response", "next_response", "resolution", "follow_up", "team_answer", "complaint_resolution")
HOURS = (0, 4, 5, 8, 72, 96, 168, 172, 173, 240, 244, 336, 340, 408, 500)
AGENTS = ("a1", "a2", "a3", None)


def records(random: Random, count: int) -> list[LedgerRecord]:
    """So many tickets of three weeks."""
    return [_record(random, f"T-{number}") for number in range(count)]


def _hour(random: Random) -> datetime:
    return START + timedelta(hours=random.choice(HOURS), microseconds=random.choice((0, 0, 0, 0, 0, 1)))


def _record(random: Random, ticket_id: str) -> LedgerRecord:
    created_at = _hour(random)
    status = random.choice(("open", "waiting_on_customer", "resolved", "closed", "resolved", "cancelled"))
    done = status in ("resolved", "closed", "cancelled")
    done_at = created_at + timedelta(hours=random.choice((1, 4, 72, 73, 168))) if done else None
    replies = [LedgerReply(_hour(random), random.choice(AGENTS)) for _ in range(random.choice((0, 1, 1, 3)))]
    return LedgerRecord(
        ticket_id=ticket_id,
        created_at=created_at,
        status=status,
        clocks=[clock for target in TARGETS for clock in _clocks(random, target, created_at)],
        reason=random.choice((None, None, "spam", "test", "merged")),
        done_at=done_at,
        reopenings=random.choice((0, 0, 0, 1)),
        priority=random.choice(("urgent", "normal", None)),
        channel=random.choice(("chat", "email", None)),
        team=random.choice(("one", "two", None)),
        agent_id=random.choice(AGENTS),
        customer_id=random.choice(("c1", "c2", None)),
        category=random.choice(("refund", None)),
        kind=random.choice(("question", "incident", None)),
        tags=random.choice((None, [], ["vip"], ["vip", "duplicate"])),
        totals={"next_response": LedgerTotals(random.choice((0, 3)), 2, 1, 4, 250.5)} if random.random() < 0.1 else {},
        reply_count=len(replies),
        replies=replies,
        ratings=[LedgerRating(_hour(random), random.randint(1, 5)) for _ in range(random.choice((0, 0, 1, 2)))],
        reviews=_reviews(random),
        complaints=[
            LedgerComplaint(_hour(random), random.random() < 0.6) for _ in range(random.choice((0, 0, 0, 1, 2)))
        ],
        callbacks=[
            LedgerCallback(_hour(random), random.random() < 0.5, random.choice(AGENTS))
            for _ in range(random.choice((0, 0, 1, 2)))
        ],
    )


def _clocks(random: Random, target: str, created_at: datetime) -> list[LedgerClock]:
    found = []
    for cycle in range(random.choice((0, 1, 1, 2) if target != "resolution" else (0, 1, 1))):
        at = created_at + timedelta(hours=random.choice((0, 1, 5, 200)))
        elapsed = random.choice((0.0, 0.25, 900.0, 7200.000001))
        match random.choice(("met", "met", "breached", "breached", "pending", "void")):
            case "met":
                clock = LedgerClock(target, cycle, "p", 900.0, created_at, at, elapsed, None, "met")
            case "breached" if random.random() < 0.5:
                clock = LedgerClock(target, cycle, "p", 900.0, created_at, None, None, at, "breached")
            case "breached":
                stopped_at = at + timedelta(hours=random.choice((1, 40, 300)))
                clock = LedgerClock(target, cycle, "p", 900.0, created_at, stopped_at, elapsed, at, "breached")
            case "pending":
                clock = LedgerClock(target, cycle, "p", 900.0, created_at, None, None, None, "pending")
            case _:
                clock = LedgerClock(target, cycle, "p", 900.0, created_at, at, elapsed, None, "void")
        found.append(clock)
    return found


def _reviews(random: Random) -> list[LedgerReview]:
    times = sorted({_hour(random) for _ in range(random.choice((0, 1, 2, 3)))})  # no two of a reviewer together
    return [
        LedgerReview(
            at,
            {
                name: random.randint(1, 5)
                for name in ("attitude", "resolution", "clarity", "satisfaction", "voice")
                if random.random() < 0.8
            },
            random.choice(("q1", "q2", None)),
            random.choice(AGENTS),
            [],
            random.choice(([], ["identity_checked"], ["identity_checked", "identity_not_checked"])),
        )
        for at in times
    ]
