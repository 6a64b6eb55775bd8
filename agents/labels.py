"""Which teams, priorities and channels keep their names as labels, so that a worker's series stay within bounds."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.seen import STATES
from streams.policies import TARGETS
from streams.queue import RISKS
from streams.windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.seen import Whole
    from streams.windows import Labels

OTHER = "other"
KINDS = 8
"""So many priorities and so many channels are told apart: these are few, unless a sender is wrong."""

_STAFF = 5  # series of a team whose agents are known: their statuses, and how many are at work
_DEMAND = 4 + len(RISKS)  # of a team's channel: load, handling, agents required, work due and overdue
_QUEUE = len(STATES) + len(RISKS) + 1  # of a team's queue by priority and channel: also the oldest wait
_ELAPSED = 5  # of a team's target and window: spent, stopped and three quantiles
_HANDLING = 2  # of a team's replies in a window: handling and handled


@dataclass(frozen=True, slots=True)
class Names:
    """The label of each team, priority and channel: its own name, or `other`."""

    teams: Mapping[str, str]
    priorities: Mapping[str, str]
    channels: Mapping[str, str]

    def where(self, labels: Labels) -> Labels:
        """Team, priority and channel as they are shown."""
        team, priority, channel = labels
        return (self.teams[team], self.priorities[priority], self.channels[channel])


class _Own(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return name


OWN_NAMES = Names(_Own(), _Own(), _Own())
"""All keep their own names."""


def names(whole: Whole, room: int) -> Names:
    """The names that fit: all where they do, else those of the busiest teams; `room` is the series to be had."""
    busy = _busyness(whole)
    teams: Counter[str] = Counter({team: 0 for one in whole.parts for team, _ in one.staff})
    priorities: Counter[str] = Counter()
    channels: Counter[str] = Counter()
    for (team, priority, channel), count in busy.items():
        teams[team] += count
        priorities[priority] += count
        channels[channel] += count
    few = Names({}, _first(priorities, KINDS), _first(channels, KINDS))
    series = _series(whole, few)
    cost = {team: sum(series[team].values()) for team in teams}
    left = room
    if sum(cost.values()) > room:
        left -= sum({key: n for of_team in series.values() for key, n in of_team.items()}.values())
    named = {}
    for team in sorted(teams, key=lambda team: (-teams[team], team)):
        left -= cost[team]
        named[team] = team if left >= 0 else OTHER
    return Names(named, few.priorities, few.channels)


def _busyness(whole: Whole) -> Counter[Labels]:
    """What was counted in the longest window, and what is open now."""
    busy: Counter[Labels] = Counter()
    for (_, team, priority, channel), cell in whole.windows[WINDOWS[-1].name].items():
        busy[team, priority, channel] += cell.count
    for one in whole.parts:
        for labels, waiting in one.queue.items():
            busy[labels] += waiting.states["open"]
    return busy


def _first(busy: Counter[str], most: int) -> dict[str, str]:
    ranked = sorted(busy, key=lambda name: (-busy[name], name))
    return {name: name if place < most else OTHER for place, name in enumerate(ranked)}


def _series(whole: Whole, few: Names) -> dict[str, dict[tuple[object, ...], int]]:
    """By team: what of its own would be shown, and by how many series."""
    found: defaultdict[str, dict[tuple[object, ...], int]] = defaultdict(dict)
    for window, sums in whole.windows.items():
        for measure, team, priority, channel in sums:
            of_team = found[team]
            kind = (few.priorities[priority], few.channels[channel])
            is_clock = measure < len(TARGETS)
            of_team["counted", window, measure, *kind] = 2 if is_clock else 1
            of_team["elapsed", window, measure] = _ELAPSED if is_clock else _HANDLING
            of_team["demand", kind[1]] = _DEMAND
    for one in whole.parts:
        for team, priority, channel in one.queue:
            kind = (few.priorities[priority], few.channels[channel])
            found[team]["queue", *kind] = _QUEUE
            found[team]["demand", kind[1]] = _DEMAND
        for team, _ in one.staff:
            found[team]["staff",] = _STAFF
    return found
