"""What is delivered: an alert read from `sla-alerts`, a message of it for one destination, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from streams.alert_record import follows
from streams.instants import parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["sending", "put_off", "sent", "failed", "ambiguous", "expired", "silenced", "digested", "void"]
"""What came of a message. No ends are `sending` and `ambiguous`, where it may have arrived or not, and `put_off`,
where it has not. `silenced`: told to nobody; `digested`: told within a digest; `void`: a digest given up before it
was sent.
"""

FINAL: frozenset[State] = frozenset({"sent", "failed", "expired", "silenced", "digested", "void"})
"""The states after which a message is never sent again."""

DIGEST = "digest"
"""The kind of a message that sums up others."""

FRESH, AGAIN = "digest-", "redigest-"
"""How a token begins that holds the claims of a digest's messages: of some never sent before, and of others that may
have been. Its end is the digest's id.
"""


def digest_of(token: str) -> str | None:
    """The id of the digest whose messages this token holds; None where it is an ordinary one."""
    prefix = next((prefix for prefix in (FRESH, AGAIN) if token.startswith(prefix)), None)
    return None if prefix is None else token.removeprefix(prefix)


def key_of(alert_id: str, kind: str, destination: str) -> str:
    """The key of a message's outcome on `sla-deliveries`, and of its claim."""
    return f"{alert_id}|{kind}|{destination}"


class BadAlert(ValueError):
    """A record on `sla-alerts` that is no alert; the text says why."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One record of `sla-alerts`: the fields that delivery itself needs, and the whole record for senders."""

    alert_id: str
    kind: str
    level: str
    ticket: str  # messages of one ticket keep their order at each destination
    decided_at: int
    deadline: int | None
    record: Mapping[str, Any]

    @property
    def follows(self) -> bool:
        """Whether it tells what became of a ticket's alert: then it changes that one's message, where it can."""
        return follows(self.kind, self.level)


def read_alert(value: bytes | None) -> Alert:
    """The alert in a record's value; raises BadAlert."""
    try:
        record = msgspec.json.decode(value or b"")
        if not isinstance(record, dict):
            raise BadAlert("not a JSON object")
        deadline = record.get("deadline")
        return Alert(
            alert_id=_text(record, "alert_id"),
            kind=_text(record, "kind"),
            level=_text(record, "level"),
            ticket=str(record.get("ticket_id") or ""),
            decided_at=parse_instant(_text(record, "decided_at")),
            deadline=None if deadline is None else parse_instant(_text(record, "deadline")),
            record=record,
        )
    except BadAlert:
        raise
    except (ValueError, RecursionError) as error:  # msgspec's own are ValueErrors
        raise BadAlert(str(error)) from None


def _text(record: Mapping[str, Any], field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str) or not value:
        raise BadAlert(f"{field}: not a text")
    return value


@dataclass(frozen=True, slots=True)
class Message:
    """An alert for one destination: what is sent at most once.

    `thread` is the reference (Result.reference) of an earlier message there that this one belongs to; `became` tells
    what became of an alert that was held back, and is told in its place.
    """

    alert: Alert
    destination: str
    thread: str | None = field(default=None, compare=False)
    became: Alert | None = field(default=None, compare=False)

    @property
    def told(self) -> Alert:
        """What people read of it."""
        return self.became or self.alert

    @property
    def key(self) -> str:
        """The key of its outcome on `sla-deliveries`, and of its claim: whatever became of its alert, it is one."""
        return key_of(self.alert.alert_id, self.alert.kind, self.destination)


class Delivery(msgspec.Struct, frozen=True):
    """A record of `sla-deliveries`: what came of a message. `at` is RFC 3339, `attempts` counts this process's own."""

    alert_id: str
    kind: str
    destination: str
    state: State
    at: str
    attempts: int
    repeat: bool
    error: str | None = None
    holder: str | None = None  # of a message that is being sent: the token that claimed it
    digest: str | None = None  # of a message that was summed up: the digest's id
    members: list[str] | None = None  # of a digest: the keys of its messages
    members_holder: str | None = None  # of a digest: the token that claimed them
    reference: str | None = None  # of one that was sent: the service's own id of it, by which it can be changed
    named: list[str] | None = None  # of a digest with a reference: the keys of the messages that it tells of one by one

    @property
    def key(self) -> str:
        """The same as the message's key."""
        return key_of(self.alert_id, self.kind, self.destination)
