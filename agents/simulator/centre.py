"""The centre as a whole: customers arrive, desks and agents serve them, and all that happens is told."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from agents.simulator import profile
from agents.simulator.arrivals import arrivals, incidents
from agents.simulator.draw import Draw
from agents.simulator.kernel import Loop, Process
from agents.simulator.staff import Agent, Desk, Roster
from agents.simulator.story import Ticket, care_team, life
from streams.instants import DAY, HOUR, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

Event = dict[str, Any]

_MILLISECOND = 1_000


def simulate(tickets: int, seed: int, days: float, start: int, staffing: float = 1.0) -> Iterator[Event]:
    """The events of a centre that gets exactly `tickets` tickets in `days` days from `start`, in their order.

    It is as an export at the end of those days would be: the last tickets are still open. The same arguments
    give the same events. A `staffing` of 0.8 leaves a fifth of the planned agents at home.
    """
    return (event for _, _, event in _Centre(tickets, seed, days, start, staffing).run())


def live(tickets_per_day: int, seed: int, start: int, staffing: float = 1.0) -> Iterator[tuple[int, str, Event]]:
    """(instant, type, event) of such a centre for a year to come, as they happen in simulated time."""
    return _Centre(tickets_per_day * 365, seed, 365, start, staffing).run()


class _Centre:
    def __init__(self, tickets: int, seed: int, days: float, start: int, staffing: float) -> None:
        start = -(-start // _MILLISECOND) * _MILLISECOND
        self.draw = Draw(seed)
        self.loop = Loop(start)
        self._seed = seed
        self._tickets = tickets
        self._end = start + int(days * DAY)
        self._told: list[tuple[int, str, Event]] = []
        self._reports = 0
        self._customers = max(1, tickets * 2 // 3)
        self._returns: list[tuple[int, str, profile.Team, str]] = []  # heap: from when on, who, about what
        self.desks = {team.name: Desk(self.loop, self._report) for team in profile.TEAMS}
        self._incidents = incidents(self.draw, start, days)
        weights = sum(profile.weight(start + hour * HOUR) for hour in range(max(1, round(days * 24))))
        roster = Roster(self.loop, self.draw, self.desks, tickets / weights, staffing)
        self.loop.resume(roster.process(self._end))
        self.loop.resume(self._arrivals())

    def run(self) -> Iterator[tuple[int, str, Event]]:
        """Whatever happens, when it happens."""
        told = self._told
        for _ in self.loop.run(self._end):
            if told:
                yield from told
                told.clear()

    def tell(self, ticket: Ticket, what: str, **fields: Any) -> None:
        """Something happened to the ticket now: an event of type `what`."""
        event = {
            "event_id": f"{ticket.id}-{ticket.events}",
            "type": what,
            "ticket_id": ticket.id,
            "occurred_at": format_instant(self.loop.now),
            "seq": ticket.events,
            "source": "simulator",
            **fields,
        }
        ticket.events += 1
        self._told.append((self.loop.now, what, event))

    def _report(self, agent: Agent) -> None:
        event = {
            "event_id": f"S{self._seed}-status-{self._reports}",
            "type": "agent_status_changed",
            "agent_id": agent.id,
            "occurred_at": format_instant(self.loop.now),
            "seq": self._reports,
            "source": "simulator",
            "team": agent.team,
            "status": agent.status,
        }
        self._reports += 1
        self._told.append((self.loop.now, "agent_status_changed", event))

    def expect_again(self, ticket: Ticket, after: int) -> None:
        """The customer will write again about the same matter."""
        again = (self.loop.now + after, ticket.customer, ticket.team, ticket.category)
        heapq.heappush(self._returns, again)

    def _arrivals(self) -> Process:
        instants = arrivals(self.draw, self._tickets, self.loop.now, self._end, self._incidents)
        for number, instant in enumerate(instants, 1):
            yield instant - self.loop.now
            self.loop.resume(self._open(f"S{self._seed}-{number}"))

    def _open(self, ticket_id: str) -> Process:
        draw, now = self.draw, self.loop.now
        channel, priority = draw.pick(profile.CHANNELS), draw.pick(profile.PRIORITIES)
        incident = self._incidents.get(now // HOUR)
        if incident is not None and draw.chance(incident.surge / (1 + incident.surge)):
            customer, team, category = self._somebody(), incident.team, incident.category
        elif self._returns and self._returns[0][0] <= now:
            _, customer, team, category = heapq.heappop(self._returns)
        else:
            customer, team = self._somebody(), draw.pick(profile.TEAM_OF)
            category = draw.pick(team.categories)
        created: Event = {
            "priority": priority,
            "channel": channel,
            "team": team.name,
            "customer_id": customer,
            "category": category,
            "kind": draw.pick(profile.KINDS),
        }
        tags = draw.pick(profile.TAGS)
        if tags:
            created["tags"] = list(tags)
        if channel == "email" and draw.chance(profile.BY_AGENT):
            created |= {"created_by": "agent", "agent_id": care_team(self)}
        return life(self, Ticket(ticket_id, team, channel, priority, category, customer, now), created)

    def _somebody(self) -> str:
        """Some customers write far more often than others."""
        return f"C{int(self._customers * self.draw.fraction() ** 1.5) + 1:05}"
