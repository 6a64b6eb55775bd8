"""Volume: how many tickets agents handle a day, beside what is expected of them, and the table of their days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from config.quality import factor_on
from reports.measures.response import FIRST, Kept, kept

if TYPE_CHECKING:
    from config.quality import Level
    from reports.measures.ground import By, Ground, Key

Load = Literal["below", "within", "above"]


@dataclass(frozen=True, slots=True)
class Handled:
    """Tickets that agents answered: `tickets` different ones, `handled` counting a ticket once an agent and day."""

    tickets: int
    handled: int
    agent_days: int

    @property
    def per_day(self) -> float | None:
        """Of an agent, on a day on which they answered any: handled / agent_days."""
        return self.handled / self.agent_days if self.agent_days else None


@dataclass(frozen=True, slots=True)
class AgentVolume:
    """An agent's daily volume beside what is expected: `least` and `most` a day, seasons included.

    `load` is None where the agent is on no level, or has too few tickets to be judged.
    """

    agent: str
    level: str | None
    days: int
    handled: int
    least: float | None
    most: float | None
    load: Load | None

    @property
    def per_day(self) -> float:
        """handled / days."""
        return self.handled / self.days


@dataclass(frozen=True, slots=True)
class AgentDay:
    """Table 4: an agent's day. `first` and `resolution`: the clocks of their tickets that were judged on it."""

    day: str
    agent: str
    tickets: int
    first: Kept | None
    resolution: Kept | None


def handled(ground: Ground, by: By = ()) -> dict[Key, Handled]:
    """Tickets handled per agent and day (人均日处理量) = tickets an agent answered on a day, summed / days of agents.

    A day at work is one on which the agent answered a ticket: the ledger knows of no other.
    """
    sums = """
        count(DISTINCT ticket_id), count(DISTINCT (ticket_id, agent, day)), count(DISTINCT (agent, day))
    """
    return {key: Handled(*row) for key, row in ground.grouped("replies", sums, by, "agent IS NOT NULL").items()}


def agent_volumes(ground: Ground) -> list[AgentVolume]:
    """Each agent's daily volume (日均接待量) against the thresholds of their level, by name.

    Expected is the mean of the days' expectations, a season's days counting as often as its factor says.
    """
    rows = ground.grouped("replies", "count(DISTINCT ticket_id)", ("agent", "day"), "agent IS NOT NULL")
    days: dict[str, list[tuple[date, int]]] = {}
    for (agent, day), (tickets,) in rows.items():
        assert agent is not None
        assert day is not None
        days.setdefault(agent, []).append((date.fromisoformat(day), tickets))
    return [_volume(ground, agent, worked) for agent, worked in sorted(days.items())]


def agent_days(ground: Ground) -> list[AgentDay]:
    """Table 4 (客服响应时效监控表), by day and agent: tickets handled, response and resolution."""
    by = ("day", "agent")
    rows = ground.grouped("replies", "count(DISTINCT ticket_id)", by, "agent IS NOT NULL")
    first, resolution = kept(ground, FIRST, by), kept(ground, ("resolution",), by)
    keys = sorted({(day, agent) for day, agent in (*rows, *first, *resolution) if day and agent})
    return [
        AgentDay(day, agent, rows.get((day, agent), (0,))[0], first.get((day, agent)), resolution.get((day, agent)))
        for day, agent in keys
    ]


def _volume(ground: Ground, agent: str, worked: list[tuple[date, int]]) -> AgentVolume:
    tickets = sum(count for _, count in worked)
    level = _level(ground.quality.levels, agent)
    if level is None:
        return AgentVolume(agent, None, len(worked), tickets, None, None, None)
    factor = sum(factor_on(ground.quality.seasons, day) for day, _ in worked) / len(worked)
    least, most = level.least * factor, level.most * factor if level.most is not None else None
    load: Load | None = None
    if tickets >= ground.quality.least_tickets:
        daily = tickets / len(worked)
        load = "below" if daily < least else "above" if most is not None and daily > most else "within"
    return AgentVolume(agent, level.name, len(worked), tickets, least, most, load)


def _level(levels: tuple[Level, ...], agent: str) -> Level | None:
    named = (level for level in levels if level.agents is not None and agent in level.agents)
    return next(named, next((level for level in levels if level.agents is None), None))
