"""The record of an alert, and its id."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, Literal

import msgspec

from streams.facts import Mark
from streams.instants import MINUTE, format_instant
from streams.policies import TARGETS

Level = Literal["warning", "breach", "escalation", "operations"]
OPERATIONS: Final = "operations"
"""The level of what the monitor tells of itself."""
Kind = Literal["raised", "corrected", "recovered", "acknowledged"]

STANDING: Final = ("breach", "escalation")
"""Levels of what somebody takes care of: it may prove wrong, be acknowledged, be answered. A warning was right when it
rang, and has nothing to stop."""
FOLLOWING: Final = ("recovered", "acknowledged")
"""Kinds that tell what became of a ticket's alert: it was answered, somebody took it."""

Subject = Literal["input", "retention", "clock", "partitions", "changelog", "workers", "delivery", "config", "calendar"]
"""What an alert of level `operations` is about."""


class Alert(msgspec.Struct, kw_only=True, gc=False):
    """A record of topic `sla-alerts`. Instants are RFC 3339; of a clock that is no more, only its id is left."""

    alert_id: str
    kind: Kind
    level: Level
    threshold: str | None = None
    step: int | None = None
    ticket_id: str
    target: str
    cycle: int
    policy: str | None = None
    priority: str | None
    team: str | None
    channel: str | None
    started_at: str | None = None
    deadline: str | None = None
    limit_seconds: float | None = None
    elapsed_seconds: float | None = None
    decided_at: str
    late: bool = False
    message: str | msgspec.UnsetType = msgspec.UNSET
    """What is wrong with the monitor itself: level `operations`, of no ticket."""
    acknowledged_by: str | msgspec.UnsetType | None = msgspec.UNSET
    acknowledged_at: str | msgspec.UnsetType = msgspec.UNSET
    """Who took the breach first, where somebody had by then."""
    destination: str | msgspec.UnsetType = msgspec.UNSET
    """Of `operations` that are about a destination: which one."""


read = msgspec.json.Decoder(Alert).decode
"""A record of topic `sla-alerts`. Raises msgspec.MsgspecError where it is none."""


def follows(kind: object, level: object) -> bool:
    """Whether an alert of this kind and level tells what became of a ticket's: that wakes nobody."""
    return kind in FOLLOWING and level != OPERATIONS


def alert_id(ticket_id: str, mark: Mark) -> str:
    """The same breach always has the same id: a hash of ticket, target, cycle, level and threshold or step."""
    parts = (ticket_id, TARGETS[mark.target], str(mark.cycle), mark.level, mark.detail)
    return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()


def operations(
    subject: Subject, message: str, since: int, now: int, *, over: bool = False, about: str = "", destination: str = ""
) -> Alert:
    """Tells those who run the monitor that it is not well since an instant, or well again.

    Processes that notice the same within a minute give it the same id; `about` tells apart what is not the same.
    """
    named = [part for part in (about, destination) if part]
    identity = "\x1f".join([OPERATIONS, subject, str(since // MINUTE), *named])
    return Alert(
        alert_id=blake2b(identity.encode(), digest_size=12).hexdigest(),
        kind="recovered" if over else "raised",
        level=OPERATIONS,
        ticket_id="",
        target=subject,
        cycle=0,
        priority=None,
        team=None,
        channel=None,
        started_at=format_instant(since),
        decided_at=format_instant(now),
        message=message,
        destination=destination or msgspec.UNSET,
    )
