"""When customers write: a Poisson process, its rate by the hour of the week and incidents nobody planned."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.simulator import profile
from streams.instants import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agents.simulator.draw import Draw

_MILLISECOND = 1_000


@dataclass(frozen=True)
class Incident:
    """For an hour or two one matter brings `surge` times the contacts of the hour on top of them."""

    team: profile.Team
    category: str
    surge: float


def incidents(draw: Draw, start: int, days: float) -> dict[int, Incident]:
    """Hour (hours since the epoch) -> incident: one in every three days, in working hours."""
    found: dict[int, Incident] = {}
    for block in range(max(1, round(days / 3))):
        room = min(3.0, days - 3 * block) * DAY
        begins = (start + 3 * block * DAY + draw.between(0, int(room))) // HOUR
        while profile.weight(begins * HOUR) < max(profile.HOURS) / 2:
            begins += 1
        team = draw.pick(profile.TEAM_OF)
        incident = Incident(team, draw.pick(team.categories), 0.2 + 0.3 * draw.fraction())
        for hour in range(begins, begins + 1 + draw.below(3)):
            found[hour] = incident
    return found


def arrivals(draw: Draw, tickets: int, start: int, end: int, unplanned: Mapping[int, Incident]) -> Iterator[int]:
    """Exactly `tickets` instants in order, in [start, end), in memory that does not grow with their number.

    Given their number, the arrivals of a Poisson process are independent draws from the normalised rate; the
    smallest of n uniform draws on (p, 1) lies 1 - (1 - u)^(1/n) of the way from p to 1.
    """
    hours = range(start // HOUR, -(-end // HOUR))
    begins = [max(start, hour * HOUR) for hour in hours]
    ends = [min(end, (hour + 1) * HOUR) for hour in hours]
    surges = (1 + unplanned[hour].surge if hour in unplanned else 1.0 for hour in hours)
    weights = (
        profile.weight(begin) * surge * (stop - begin) for begin, stop, surge in zip(begins, ends, surges, strict=True)
    )
    cumulative = list(itertools.accumulate(weights, initial=0.0))
    position, last = 0.0, len(hours) - 1
    for left in range(tickets, 0, -1):
        position += (1 - position) * (1 - (1 - draw.fraction()) ** (1 / left))
        reached = position * cumulative[-1]
        i = min(bisect_right(cumulative, reached) - 1, last)
        share = (reached - cumulative[i]) / (cumulative[i + 1] - cumulative[i])
        instant = begins[i] + share * (ends[i] - begins[i])
        yield min(int(instant), end - 1) // _MILLISECOND * _MILLISECOND
