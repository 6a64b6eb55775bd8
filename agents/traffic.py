"""What each team's channel has seen lately, read from the windows and queues of the partitions held."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from streams.clocks import FIRST_RESPONSE
from streams.demand import Traffic
from streams.fold import State
from streams.windows import ARRIVALS, DAY, HOUR, REPLIES

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


def traffic_of(
    whole: Sums, policies: Policies, now: int, names: Names
) -> dict[tuple[str, str], tuple[Traffic, int | None]]:
    """By team and channel as named: the traffic, and the shortest first-response limit of its tickets (or None)."""
    sums: defaultdict[tuple[str, str], Traffic] = defaultdict(lambda: Traffic(0, 0, 0, 0, 0))
    limits: dict[tuple[str, str], int] = {}
    hour = whole.windows[HOUR.name]
    for (measure, team, priority, channel), cell in whole.windows[DAY.name].items():
        where = (names.teams[team], names.channels[channel])
        if measure == ARRIVALS:
            arrived = hour.get((measure, team, priority, channel))
            _add(sums, where, Traffic(arrived.count if arrived else 0, cell.count, 0, 0, 0))
            state = State(now)
            state.team, state.priority, state.channel = team or None, priority or None, channel or None
            promise = policies.to(state).of(FIRST_RESPONSE, now)
            if promise is not None:
                limits[where] = min(promise.limit, limits.get(where, promise.limit))
        elif measure == REPLIES:
            _add(sums, where, Traffic(0, 0, cell.total, cell.timed, 0))
    for one in whole.parts:
        for (team, _, channel), waiting in one.queue.items():
            where = (names.teams[team], names.channels[channel])
            _add(sums, where, Traffic(0, 0, 0, 0, waiting.risks["60m"]))
    return {where: (traffic, limits.get(where)) for where, traffic in sums.items()}


def _add(sums: dict[tuple[str, str], Traffic], where: tuple[str, str], more: Traffic) -> None:
    sums[where] = Traffic(*(have + new for have, new in zip(sums[where], more, strict=True)))
