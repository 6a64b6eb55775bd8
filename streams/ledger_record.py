"""The ledger's record of a ticket: its attributes, clocks and verdicts, ratings, reviews, complaints, callbacks."""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.clocks import Verdict


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


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(LedgerRecord).decode
