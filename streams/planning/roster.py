"""A roster: how many agents of a team are on duty from when until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from streams.planning.slots import SLOT, Slots


@dataclass(frozen=True, slots=True)
class Duty:
    """So many agents of a team in [since, until); instants in microseconds."""

    team: str
    since: int
    until: int
    agents: int


def rostered(duties: Sequence[Duty], team: str, slots: Slots) -> list[int]:
    """Agents of a team on the roster in each half-hour, by the time they are, to the nearest."""
    time = [0] * slots.count
    for duty in duties:
        if duty.team == team:
            first = max(slots.number(duty.since), 0)
            for number in range(first, min(slots.number(duty.until - 1) + 1, slots.count)):
                start = slots.starts[number]
                time[number] += duty.agents * (min(duty.until, start + SLOT) - max(duty.since, start))
    return [floor(spent / SLOT + 0.5) for spent in time]
