"""The load of the rivals' folder (gen.py) on the contract's topics: ten tickets a second, about fifty thousand open at
once. The same seed and draws in the same order, so that what was judged in time and what was late can be compared."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKETS_A_SECOND = 10.0
EVENTS_A_TICKET = 5.0  # about
PRIORITIES = ("urgent", "high", "normal", "low")

POLICIES = """\
version: 1
policies:
  - name: urgent
    when: {priority: [urgent]}
    targets: {first_response: {limit: 15m}, next_response: {limit: 15m}, resolution: {limit: 4h}}
  - name: the rest
    targets: {first_response: {limit: 2h}, next_response: {limit: 2h}, resolution: {limit: 24h}}
"""
"""Three targets a ticket, with the limits that the rivals have."""


def events(
    count: int, begin: float, seed: int = 7, tickets_a_second: float = TICKETS_A_SECOND
) -> Iterator[tuple[float, str, str, bytes]]:
    """(time in seconds, type, ticket id, JSON) of so many events, in the order of their time, from `begin` on."""
    draw = random.Random(seed)
    waiting: list[tuple[float, int, str, str, dict[str, str]]] = []
    order = sent = ticket = 0
    while sent < count:
        at = begin + ticket / tickets_a_second
        for moment, kind, fields in _ticket(draw, at):
            heappush(waiting, (moment, order, kind, f"T{ticket:08d}", fields))
            order += 1
        ticket += 1
        upto = begin + ticket / tickets_a_second
        while waiting and waiting[0][0] < upto and sent < count:
            moment, _, kind, ticket_id, fields = heappop(waiting)
            event = {"event_id": f"e-{sent:010d}", "type": kind, "ticket_id": ticket_id, "occurred_at": _text(moment)}
            yield moment, kind, ticket_id, json.dumps(event | fields, separators=(",", ":")).encode()
            sent += 1


def _ticket(draw: random.Random, at: float) -> list[tuple[float, str, dict[str, str]]]:
    """One ticket's events; the order of the draws is gen.py's."""
    life = draw.uniform(2500, 7500)
    answer = min(draw.expovariate(1 / 600), life * 0.9)
    priority = draw.choices(PRIORITIES, (10, 20, 50, 20))[0]
    team = f"team-{draw.randrange(12)}"
    agent = f"agent-{draw.randrange(200)}"
    attributes = {"priority": priority, "team": team, "channel": "email", "agent_id": agent}
    reply = {"agent_id": agent, "team": team}
    found = [(at, "ticket_created", attributes), (at + answer, "agent_replied", reply)]
    if draw.random() < 0.8:
        wrote = at + answer + draw.random() * (life - answer) * 0.5
        found.append((wrote, "customer_replied", {}))
        if draw.random() < 0.9:
            found.append((wrote + min(draw.expovariate(1 / 500), (at + life - wrote) * 0.9), "agent_replied", reply))
    if draw.random() < 0.48:
        found.append((at + draw.random() * answer, "customer_replied", {}))
    found.append((at + life, "status_changed", {"status": "resolved"}))
    return found


def _text(moment: float) -> str:
    """The instant cut to milliseconds, as gen.py writes it."""
    milliseconds = int(moment * 1000)
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
