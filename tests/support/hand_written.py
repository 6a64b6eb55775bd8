"""Boards of partitions written by hand, as workers would write them, and a board process over them."""

from __future__ import annotations

from typing import Any

import msgspec

from agents.board.record import AgentRow, CountRow, LastHour, QueueRow, Read, StaffRow, TicketRow, Tickets, TrafficRow
from streams.demand import Traffic
from streams.instants import HOUR, MINUTE, SECOND, format_instant

NAMES = "billing", "normal", "email"


def queue(team: str = "billing", **counts: Any) -> QueueRow:
    states = dict.fromkeys(("open", "unanswered", "waiting", "on_customer", "on_hold", "overdue"), 0)
    states |= {name: n for name, n in counts.items() if name in states}
    risks = {"5m": 0, "15m": 0, "60m": 0} | counts.get("at_risk", {})
    return QueueRow(team, counts.get("priority", "normal"), counts.get("channel", "email"), **states, at_risk=risks,
                    oldest=counts.get("oldest"))  # fmt: skip


def ticket(ticket_id: str, deadline: int, *, overdue: bool = False, **more: Any) -> TicketRow:
    team, priority, channel = NAMES
    row = TicketRow(ticket_id, team, priority, channel, "a17", "first_response", format_instant(deadline), overdue,
                    f"alert-{ticket_id}" if overdue else None, None, None)  # fmt: skip
    return msgspec.structs.replace(row, **more)


def window(
    met: int, count: int, *, measure: str = "first_response", name: str = "1h", team: str = "billing"
) -> CountRow:
    return CountRow(name, measure, team, count, met)


def hour(now: int, **minutes: dict[int, int]) -> LastHour:
    """Counts by how many minutes ago."""

    def of(name: str) -> list[int]:
        return [minutes.get(name, {}).get(59 - place, 0) for place in range(60)]

    begin = (now // MINUTE - 59) * MINUTE
    return LastHour(format_instant(begin), of("arrivals"), of("replies"), of("judged"), of("met"))


def traffic(team: str, channel: str, limit: float | None, **seen: Any) -> TrafficRow:
    return TrafficRow(team, channel, Traffic(**seen), limit)


def staff(team: str, status: str, agents: int) -> StaffRow:
    return StaffRow(team, status, agents)


def agent(agent_id: str, now: int, team: str = "billing", status: str = "online") -> AgentRow:
    return AgentRow(agent_id, team, status, format_instant(now - HOUR))


def board(now: int, **parts: Any) -> Read:
    """Of one partition; `overdue` and `due` are rows of tickets."""
    overdue, due = parts.pop("overdue", []), parts.pop("due", [])
    tickets = Tickets(overdue, due, format_instant(parts.pop("due_until", now + HOUR)),
                      parts.pop("all_overdue", len(overdue)))  # fmt: skip
    empty: dict[str, Any] = {"queue": [], "staff": [], "windows": [], "hour": hour(now), "worker": "w1/1"}
    return Read(at=format_instant(now), tickets=tickets, **(empty | parts))


def text(written: Read) -> bytes:
    return msgspec.json.encode(written)


__all__ = ["MINUTE", "SECOND", "agent", "board", "hour", "queue", "staff", "text", "ticket", "traffic", "window"]
