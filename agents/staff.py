"""The agents of a partition by their newest status, and how they lie in its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from streams.events import AgentStatusChanged

AGENT = b"\xff"
"""Begins the key of an agent's status in the table; no ticket id does, for it is no UTF-8."""

AT_WORK = ("online", "busy")
"""The statuses of an agent who is there for customers."""


class StaffMember(msgspec.Struct, array_like=True, gc=False):
    """An agent's newest status."""

    key: tuple[int, int, str]
    status: str
    team: str | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StaffMember).decode


class Staff(dict[bytes, StaffMember]):
    """By the key in the table."""

    def load(self, key: bytes, value: bytes) -> None:
        """Put back what was kept."""
        self[key] = _decode(value)

    def apply(self, event: AgentStatusChanged) -> tuple[bytes, bytes] | None:
        """The key and value to keep; None for an event that is not newer than what is known."""
        key = AGENT + event.agent_id.encode()
        held = self.get(key)
        order = (event.at, event.seq or 0, event.event_id)
        if held is not None and order <= held.key:
            return None
        team = event.team if event.team is not None or held is None else held.team
        self[key] = StaffMember(order, event.status, team)
        return key, _encode(self[key])
