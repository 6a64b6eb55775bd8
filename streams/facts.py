"""What a ticket's history keeps of its events: defaults filled in, instants as integers, compact when encoded."""

from __future__ import annotations

from typing import Final

import msgspec

from streams.policies import STATUSES

STATUS_CODE = {name: code for code, name in enumerate(STATUSES)}
OPEN: Final = 0
WAITING: Final = 1
ON_HOLD: Final = 2
RESOLVED: Final = 3
CLOSED: Final = 4
CANCELLED: Final = 5
"""Places in STATUSES."""

Key = tuple[int, int, str]


class Fact(msgspec.Struct, array_like=True, gc=False):
    """When it happened (microseconds), its `seq`, and the id it is known by."""

    at: int
    seq: int
    id: str

    @property
    def key(self) -> Key:
        """A ticket's history is ordered by this."""
        return (self.at, self.seq, self.id)


class Created(Fact, tag=0, array_like=True, gc=False):
    priority: str | None
    channel: str | None
    team: str | None
    agent_id: str | None
    customer_id: str | None
    category: str | None
    kind: str | None
    tags: list[str] | None
    by_agent: bool


class Replied(Fact, tag=1, array_like=True, gc=False):
    agent_id: str | None
    team: str | None
    public: bool
    automated: bool
    handle_seconds: float | None


class CustomerWrote(Fact, tag=2, array_like=True, gc=False):
    pass


class Updated(Fact, tag=3, array_like=True, gc=False):
    priority: str | None
    channel: str | None
    team: str | None
    agent_id: str | None
    customer_id: str | None
    category: str | None
    kind: str | None
    tags: list[str] | None


class StatusSet(Fact, tag=4, array_like=True, gc=False):
    status: int
    reason: str | None
    accepted_by: str | None


class Rated(Fact, tag=5, array_like=True, gc=False):
    score: int
    comment: str | None


class Reviewed(Fact, tag=6, array_like=True, gc=False):
    scores: dict[str, int]
    reviewer_id: str | None
    agent_id: str | None
    deductions: list[str]
    labels: list[str]


class CalledBack(Fact, tag=7, array_like=True, gc=False):
    reached: bool
    agent_id: str | None
    score: int | None


class Complained(Fact, tag=8, array_like=True, gc=False):
    valid: bool
    category: str | None


class Acknowledged(Fact, tag=9, array_like=True, gc=False):
    alert_id: str
    by: str | None
    note: str | None


AnyFact = (
    Created | Replied | CustomerWrote | Updated | StatusSet | Rated | Reviewed | CalledBack | Complained | Acknowledged
)

_WIRE_TYPES = (
    "ticket_created",
    "agent_replied",
    "customer_replied",
    "ticket_updated",
    "status_changed",
    "ticket_rated",
    "quality_reviewed",
    "callback_made",
    "complaint_filed",
    "alert_acknowledged",
)
_DEFAULTS: dict[str, object] = {
    "by_agent": False,
    "public": True,
    "automated": False,
    "valid": True,
    "deductions": [],
    "labels": [],
}
_sorted_json = msgspec.json.Encoder(order="sorted").encode


def preference(fact: Fact) -> tuple[int, int, bytes]:
    """Of two contents under one event id the lesser by this is kept: instant, `seq`, then JSON with sorted keys.

    The JSON is that of the event's meaning: no nulls, no unknown fields, no values that are the default.
    """
    tag = fact.__struct_config__.tag
    assert isinstance(tag, int)
    content: dict[str, object] = {"type": _WIRE_TYPES[tag]}
    for name in fact.__struct_fields__:
        value = getattr(fact, name)
        if value is not None and (name not in _DEFAULTS or value != _DEFAULTS[name]):
            content[name] = value
    if isinstance(fact, StatusSet):
        content["status"] = STATUSES[fact.status]
    if content.pop("by_agent", False):
        content["created_by"] = "agent"
    return (fact.at, fact.seq, _sorted_json(content))


class Mark(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An alert that was announced, and what was told of it since: a fact of its own, which no refold takes back."""

    level: str
    target: int
    cycle: int
    detail: str = ""
    """The threshold or the step."""
    corrected: bool = False
    recovered: bool = False
    acknowledged: bool = False


class Summary(msgspec.Struct, array_like=True, gc=False):
    """The state that the older facts came to, and the ids they are recognised by."""

    state: bytes
    last: Key
    """No fact up to this one can be taken any more."""
    ids: bytes
    count: int
