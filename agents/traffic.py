"""What each team's channel has seen lately, read from the windows and queues of the partitions held."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from streams.demand import Traffic
from streams.fold import State
from streams.queue import RISKS
from streams.windows import ARRIVALS, DAY, HOUR, REPLIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agents.partition import TicketPartition
    from streams.policies import Policies


def traffic_of(
    held: Iterable[TicketPartition], policies: Policies, now: int, names: Mapping[str, str]
) -> dict[tuple[str, str], tuple[Traffic, int | None]]:
    """By team (as named) and channel: the traffic, and the shortest first-response limit of its tickets (or None)."""
    sums: defaultdict[tuple[str, str], Traffic] = defaultdict(lambda: Traffic(0, 0, 0, 0, 0))
    limits: dict[tuple[str, str], int] = {}
    for partition in held:
        hour, day = partition.windows.sums(HOUR), partition.windows.sums(DAY)
        for (measure, team, priority, channel), cell in day.items():
            where = (names[team], channel)
            if measure == ARRIVALS:
                arrived = hour.get((measure, team, priority, channel))
                _add(sums, where, Traffic(arrived.count if arrived else 0, cell.count, 0, 0, 0))
                state = State(now, team=team or None, priority=priority or None, channel=channel or None)
                promise = policies.promise(state, now, "first_response")
                if promise is not None:
                    limits[where] = min(promise.limit, limits.get(where, promise.limit))
            elif measure == REPLIES:
                _add(sums, where, Traffic(0, 0, cell.total, cell.timed, 0))
        for (team, _, channel), line in partition.queue.lines.items():
            _add(sums, (names[team], channel), Traffic(0, 0, 0, 0, line.at_risk(now, RISKS["60m"])))
    return {where: (traffic, limits.get(where)) for where, traffic in sums.items()}


def _add(sums: dict[tuple[str, str], Traffic], where: tuple[str, str], more: Traffic) -> None:
    sums[where] = Traffic(*(have + new for have, new in zip(sums[where], more, strict=True)))
