"""How many agents of each team were at work by hour of the week, from what they say of their status."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from streams.planning.slots import Slots, hour_of_week, hours_between, per_hour

AT_WORK = frozenset({"online", "busy"})


@dataclass(slots=True)
class Presence:
    """Takes changes of status in any order."""

    zone: ZoneInfo
    _changes: list[tuple[int, int, str, str, str | None]] = field(default_factory=list)

    def take(self, at: int, seq: int, agent: str, status: str, team: str | None) -> None:
        """An agent's status from an instant on; without a team it is the one known from before."""
        self._changes.append((at, seq, agent, status, team))

    def __bool__(self) -> bool:
        return bool(self._changes)

    def staff(self, team: str, slots: Slots) -> list[int]:
        """Agents at work in each half-hour, as they were on average in that hour of the week, to the nearest."""
        first, last = min(self._changes)[0], max(self._changes)[0]
        observed, spent = hours_between(first, last, self.zone), self._spent(team, last)
        hours = [hour_of_week(start, self.zone) for start in slots.starts]
        return [round(per_hour(spent, observed, hour) or 0.0) for hour in hours]

    def _spent(self, team: str, end: int) -> dict[int, float]:
        """Agent hours at work for a team, by hour of the week."""
        spent: dict[int, float] = {}
        of: dict[str, str | None] = {}
        since: dict[str, int] = {}

        def leaves(agent: str, at: int) -> None:
            began = since.pop(agent, at)
            for hour, hours in hours_between(began, at, self.zone).items():
                spent[hour] = spent.get(hour, 0.0) + hours

        for at, _, agent, status, named in sorted(self._changes, key=lambda change: change[:3]):
            of[agent] = named if named is not None else of.get(agent)
            if of[agent] != team or status not in AT_WORK:
                leaves(agent, at)
            else:
                since.setdefault(agent, at)
        for agent in list(since):
            leaves(agent, end)
        return spent
