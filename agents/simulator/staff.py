"""The people: who is at work when, which of them takes the next ticket, and the states they report."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agents.simulator import profile
from streams.instants import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agents.simulator.draw import Draw
    from agents.simulator.kernel import Loop, Parking, Process


@dataclass(eq=False, slots=True)
class Agent:
    """One of the staff; `pace` divides working times, `care` (0 to 1) shows in ratings and reviews."""

    id: str
    team: str
    pace: float
    care: float
    status: str = "offline"
    leaver: Process | None = None  # the duty that waits for the agent to put down the work in hand


class Contact(Protocol):
    """What waits in a queue: it may be gone before its turn."""

    gone: bool


class Desk:
    """A team's queue and agents: lowest rank first, then first come; the longest idle agent takes it."""

    def __init__(self, loop: Loop, tell: Callable[[Agent], None]) -> None:
        """`tell` hears of each agent whose status has changed."""
        self._loop = loop
        self._tell = tell
        self._waiting: list[tuple[int, int, Contact, Process]] = []
        self._idle: deque[Agent] = deque()
        self._count = 0

    def agent(self, contact: Contact, rank: int) -> Parking:
        """Yielded by a process: it goes on with the agent who takes the contact, never if that is gone."""

        def park(process: Process) -> None:
            if self._idle:
                self._take(self._idle.popleft(), process)
            else:
                self._count += 1
                heapq.heappush(self._waiting, (rank, self._count, contact, process))

        return park

    def _take(self, agent: Agent, process: Process) -> None:
        self.report(agent, "busy")
        self._loop.resume(process, agent)

    def report(self, agent: Agent, status: str) -> None:
        """The agent's status as the telephone system shows it; told where it is another than before."""
        if agent.status != status:
            agent.status = status
            self._tell(agent)

    def hand_back(self, agent: Agent) -> None:
        """The agent has put down the work: off to the break or home, to the next in the queue, or idle."""
        if agent.leaver is not None:
            self._loop.resume(agent.leaver)
            agent.leaver = None
            return
        while self._waiting:
            _, _, contact, process = heapq.heappop(self._waiting)
            if not contact.gone:
                self._take(agent, process)
                return
        self.report(agent, "online")
        self._idle.append(agent)

    def leave(self, agent: Agent) -> Parking:
        """Yielded by a duty: it goes on once the agent has nothing in hand, and takes nothing more."""

        def park(process: Process) -> None:
            if agent in self._idle:
                self._idle.remove(agent)
                self._loop.resume(process)
            else:
                agent.leaver = process

        return park


class Roster:
    """Sends every team's agents to their shifts, as many as the planned load asks for."""

    def __init__(
        self,
        loop: Loop,
        draw: Draw,
        desks: Mapping[str, Desk],
        per_weight: float,
        staffing: float,
    ) -> None:
        """`per_weight`: tickets for each unit of `profile.weight`; `staffing` 0.8: a fifth is missing."""
        self._loop = loop
        self._draw = draw
        self._desks = desks
        work = sum(profile.CHANNELS.share(c) * cost for c, cost in profile.PLANNED_WORK.items())
        self._agents_per_weight = per_weight * work / HOUR / profile.OCCUPANCY * staffing
        self._staff: dict[tuple[str, str], list[Agent]] = {}
        self._hired: dict[str, int] = {}

    def process(self, until: int) -> Process:
        """Starts each day's duties, from yesterday's on: its night shift lasts into today."""
        midnight = (self._loop.now + profile.UTC_OFFSET) // DAY * DAY - profile.UTC_OFFSET - DAY
        while midnight < until:
            for team in profile.TEAMS:
                for shift, agents in self._planned(team, midnight):
                    for agent in agents:
                        self._loop.resume(self._duty(agent, midnight, shift))
            midnight += DAY
            yield max(0, midnight - self._loop.now)

    def _planned(self, team: profile.Team, midnight: int) -> Iterator[tuple[profile.Shift, list[Agent]]]:
        covered = dict.fromkeys(range(48), 0)
        for shift in profile.SHIFTS:
            missing = [
                profile.weight(midnight + hour * HOUR) * team.share * self._agents_per_weight - covered[hour]
                for hour in shift.sized_by
            ]
            number = max(1 if shift.name != "day" else 0, math.ceil(sum(missing) / len(missing) - 0.25))
            for hour in range(shift.begins // HOUR, -(-shift.ends // HOUR)):
                covered[hour] += number
            yield shift, self._on_duty(team, shift, number, midnight // DAY)

    def _on_duty(self, team: profile.Team, shift: profile.Shift, number: int, day: int) -> list[Agent]:
        staff = self._staff.setdefault((team.name, shift.name), [])
        while len(staff) * 5 < number * 7:  # five days of seven
            hired = self._hired[team.name] = self._hired.get(team.name, 0) + 1
            pace, care = 0.8 + 0.5 * self._draw.fraction(), self._draw.fraction()
            staff.append(Agent(f"{team.name}-{hired:03}", team.name, pace, care))
        first = day * 2 % len(staff) if staff else 0
        return (staff[first:] + staff[:first])[:number]

    def _duty(self, agent: Agent, midnight: int, shift: profile.Shift) -> Process:
        loop, desk, draw = self._loop, self._desks[agent.team], self._draw
        ends = midnight + shift.ends + draw.between(-5 * MINUTE, 5 * MINUTE)
        break_at = midnight + shift.breaks_at + draw.between(0, 90 * MINUTE)
        yield max(0, midnight + shift.begins + draw.between(-5 * MINUTE, 3 * MINUTE) - loop.now)
        if loop.now >= ends:  # a shift of the day before the simulation begins
            return
        desk.hand_back(agent)
        if loop.now < break_at:
            yield break_at - loop.now
            yield desk.leave(agent)
            desk.report(agent, "away")
            yield draw.around(profile.BREAK, 0.15)
            desk.hand_back(agent)
        yield max(SECOND, ends - loop.now)
        yield desk.leave(agent)
        desk.report(agent, "offline")
