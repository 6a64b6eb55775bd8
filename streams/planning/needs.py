"""How many agents each half-hour needs: Erlang C or A where customers wait on the line, due work spread else."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from streams.instants import DAY
from streams.planning.demand import Kind, Stream, Work, due
from streams.planning.slots import SLOT, Slots
from streams.policies import Policies
from streams.staffing import required_agents, service_level

UNPROMISED = DAY
"""Work that nothing is promised for is done within a day."""
_LEAST = 1e-9  # agents: what rounding leaves of none


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of the staff."""

    goal: float
    """Share of contacts on the line that are answered within their limit."""
    occupancy: float = 0.85
    """Share of their time at work for which agents may be planned to have a contact in hand."""
    shrinkage: float = 0.3
    """Share of rostered time that is spent away: breaks, training, meetings, illness."""

    def rostered(self, at_work: int) -> int:
        """How many must be on the roster for so many to be at work."""
        return math.ceil(at_work / (1 - self.shrinkage) - _LEAST)

    def at_work(self, rostered: int) -> int:
        """How many of those on the roster are at work, to the nearest."""
        return math.floor(rostered * (1 - self.shrinkage) + 0.5)


@dataclass(frozen=True, slots=True)
class Need:
    """What a half-hour of a team brings and asks for."""

    arrivals: float
    load: float
    """Erlangs of work that arrives: contacts times the handling time of one, over the half-hour."""
    agents: int
    """At work."""


def needed(demand: Sequence[Stream], policies: Policies, slots: Slots, terms: Terms) -> list[Need]:
    """What each half-hour needs of one team, whose demand this is.

    A contact on a live channel that falls due within half an hour needs somebody at once: Erlang C for the limit and
    the goal (Erlang A where patience is known); those of another handling time on their own. All other work is spread
    evenly over the half-hours from its arrival to its deadline in which its promise's clock runs. Agents are never
    planned for more than `terms.occupancy` of their time.
    """
    live: list[defaultdict[Work, list[tuple[float, int]]]] = [defaultdict(list) for _ in slots.starts]
    spread = [0.0] * slots.count
    for stream in demand:
        promise = _Deadlines(stream.kind, policies, slots)
        for number, arrivals in enumerate(stream.arrivals):
            if not arrivals:
                continue
            limit = promise.limit(number)
            if stream.live and limit <= SLOT:
                live[number][stream.work].append((arrivals, limit))
                continue
            window = promise.window(number, limit)
            for place in window:
                if place < slots.count:
                    spread[place] += arrivals * stream.work.handle / SLOT / len(window)
    return [
        Need(
            arrivals=sum(stream.arrivals[number] for stream in demand),
            load=sum(stream.arrivals[number] * stream.work.handle for stream in demand) / SLOT,
            agents=math.ceil(spread[number] / terms.occupancy - _LEAST)
            + sum(_on_the_line(work, contacts, terms) for work, contacts in live[number].items()),
        )
        for number in range(slots.count)
    ]


def unhurried(demand: Sequence[Stream], policies: Policies, slots: Slots) -> dict[tuple[str, str], int]:
    """By team and live channel where nothing falls due within half an hour: how soon the first of it does.

    All of that is spread up to its deadline, as mail is.
    """
    soonest: dict[tuple[str, str], int] = {}
    for stream in demand:
        if stream.live:
            promise, where = _Deadlines(stream.kind, policies, slots), (stream.kind.team, stream.kind.channel)
            limits = [promise.limit(number) for number, arrivals in enumerate(stream.arrivals) if arrivals]
            soonest[where] = min([*limits, *([soonest[where]] if where in soonest else [])], default=0)
    return {where: limit for where, limit in soonest.items() if limit > SLOT}


class _Deadlines:
    """When contacts of a kind fall due that come in a half-hour, and in which half-hours their clock runs."""

    def __init__(self, kind: Kind, policies: Policies, slots: Slots) -> None:
        self._kind = kind
        self._policies = policies
        self._slots = slots
        self._known: dict[int, int | None] = {}

    def limit(self, number: int) -> int:
        """How long after the middle of a half-hour a contact that came then is due."""
        middle = self._slots.start + number * SLOT + SLOT // 2
        at = due(self._kind, middle, self._policies)
        return at - middle if at is not None else UNPROMISED

    def window(self, number: int, limit: int) -> Sequence[int]:
        """The half-hours over which its work is spread: those before the one it falls due in, as far as its clock runs.

        Where there are none: the one it falls due in. They may lie after the plan's end.
        """
        last = self._slots.number(self._slots.start + number * SLOT + SLOT // 2 + limit)
        return [place for place in range(number, last) if self._runs(place)] or [last]

    def _runs(self, place: int) -> bool:
        """The clock runs where a contact that came then would fall due sooner than one that came half an hour later."""
        earlier, later = self._at_start(place), self._at_start(place + 1)
        return earlier is None or later is None or earlier < later

    def _at_start(self, place: int) -> int | None:
        if place not in self._known:
            self._known[place] = due(self._kind, self._slots.start + place * SLOT, self._policies)
        return self._known[place]


def _on_the_line(work: Work, contacts: Sequence[tuple[float, int]], terms: Terms) -> int:
    """Agents for the contacts of a live channel: their number and time to answer, several where promises differ."""
    arrivals = sum(number for number, _ in contacts)
    load = arrivals * work.handle / SLOT

    def answered(agents: int) -> float:
        shares = (number * service_level(load, agents, work.handle, limit, work.patience) for number, limit in contacts)
        return sum(shares) / arrivals

    easiest = max(limit for _, limit in contacts)
    agents = required_agents(load, work.handle, easiest, terms.goal, work.patience)
    while answered(agents) < terms.goal - _LEAST:
        agents += 1
    return max(agents, math.ceil(load / terms.occupancy - _LEAST))
