"""What each team's channel has seen lately, read from the windows and queues of the partitions held."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from streams.clocks import FIRST_RESPONSE
from streams.demand import Traffic
from streams.fold import State
from streams.windows import ARRIVALS, DAY, HOUR, REPLIES

if TYPE_CHECKING:
    from agents.labels import Names
    from agents.seen import Whole
    from streams.policies import Policies


def traffic_of(
    whole: Whole, policies: Policies, now: int, names: Names
) -> dict[tuple[str, str], tuple[Traffic, int | None]]:
    """By team and channel as named: the traffic, and the shortest first-response limit of its tickets (or None)."""
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    limits: dict[tuple[str, str], int] = {}
    hour = whole.windows[HOUR.name]
    for (measure, team, priority, channel), cell in whole.windows[DAY.name].items():
        if measure not in (ARRIVALS, REPLIES):
            continue
        where = (names.teams[team], names.channels[channel])
        sum_of = sums[where]
        if measure == ARRIVALS:
            arrived = hour.get((measure, team, priority, channel))
            sum_of[0] += arrived.count if arrived else 0
            sum_of[1] += cell.count
            state = State(now)
            state.team, state.priority, state.channel = team or None, priority or None, channel or None
            promise = policies.to(state).of(FIRST_RESPONSE, now)
            if promise is not None:
                limits[where] = min(promise.limit, limits.get(where, promise.limit))
        else:
            sum_of[2] += cell.total
            sum_of[3] += cell.timed
    for one in whole.parts:
        for (team, _, channel), waiting in one.queue.items():
            sums[names.teams[team], names.channels[channel]][4] += waiting.risks["60m"]
    return {where: (Traffic(*sum_of), limits.get(where)) for where, sum_of in sums.items()}
