"""What each team's channel has seen lately, read from the windows and queues of the partitions held."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from streams.clocks import FIRST_RESPONSE
from streams.demand import OVERDUE, Traffic
from streams.fold import State
from streams.windows import ARRIVALS, DAY, GIVEN_UP, HOUR, REPLIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agents.labels import Names
    from agents.seen import Count, Seen
    from streams.policies import Policies
    from streams.windows import Cell, Key


class Sums(Protocol):
    """Windows added up over partitions, and the partitions."""

    @property
    def windows(self) -> Mapping[str, Mapping[Key, Count | Cell]]:
        """By window's name."""

    @property
    def parts(self) -> Iterable[Seen]:
        """Whose queues count."""


_COUNTED = (ARRIVALS, REPLIES, GIVEN_UP, FIRST_RESPONSE)


def traffic_of(
    whole: Sums, policies: Policies, now: int, names: Names
) -> dict[tuple[str, str], tuple[Traffic, int | None]]:
    """By team and channel as named: the traffic, and the shortest first-response limit of its tickets (or None)."""
    sums: defaultdict[tuple[str, str], Traffic] = defaultdict(Traffic)
    limits: dict[tuple[str, str], int] = {}
    hour = whole.windows[HOUR.name]
    for (measure, team, priority, channel), cell in whole.windows[DAY.name].items():
        if measure not in _COUNTED:
            continue
        where = (names.teams[team], names.channels[channel])
        seen = sums[where]
        if measure == ARRIVALS:
            arrived = hour.get((measure, team, priority, channel))
            seen.arrivals_hour += arrived.count if arrived else 0
            seen.arrivals += cell.count
            state = State(now)
            state.team, state.priority, state.channel = team or None, priority or None, channel or None
            promise = policies.to(state).of(FIRST_RESPONSE, now)
            if promise is not None:
                limits[where] = min(promise.limit, limits.get(where, promise.limit))
        elif measure == REPLIES:
            seen.timed += cell.timed
            seen.handled += cell.total
        elif measure == GIVEN_UP:
            seen.given_up += cell.count
        if measure in (FIRST_RESPONSE, GIVEN_UP):
            seen.waited += cell.total
    for one in whole.parts:
        for (team, _, channel), waiting in one.queue.items():
            due = {**waiting.risks, OVERDUE: waiting.states["overdue"]}
            sums[names.teams[team], names.channels[channel]].add(Traffic(due=due))
    return {where: (traffic, limits.get(where)) for where, traffic in sums.items()}
