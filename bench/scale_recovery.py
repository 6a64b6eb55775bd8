"""The death of a worker or a zone, event by event: found out, handed over, restored, caught up; and by formula.

Until the group knows, the others work on. Then all stop (Faust's rebalance is an eager one), join, are assigned to, and
restore what is new to them; a worker opens all its partitions at once. From there each works off its backlog in
portions, round its lanes, while events flow on. Times are seconds from the death.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from agents.engine.interface import MAX_CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LATE = 1.0
"""Seconds of lateness from which a lane counts as in time again."""
NEVER = 3600.0
"""Seconds after which nobody waits any longer."""


@dataclass(frozen=True)
class Speeds:
    """Of the group and of a worker; seconds."""

    session: float = 10.0
    drain: float = 0.1
    """From hearing of a rebalance to joining: what is on its way is acknowledged, offsets are committed."""
    assign: float = 0.0
    """The leader's work."""
    opening: float = 0.8
    """What a hand-over takes whatever its size."""
    restore: float = 1e-5
    """To bring a ticket of a new partition to the local state and load it."""
    event: float = 5e-5
    """To apply an event: CPU seconds of the one core."""

    @property
    def heartbeat(self) -> float:
        """Between two of them, as `agents.engine.membership` sets it."""
        return self.session / 6


class Change(NamedTuple):
    """What a death changes for a survivor."""

    kept: int
    """Lanes that it had."""
    new: int
    """Lanes that were the dead one's or come from another survivor."""


@dataclass(frozen=True)
class Outage:
    """Seconds from the death until ..."""

    known: float
    """... the coordinator gives the dead up."""
    stopped: float
    """... the last survivor has joined."""
    open: float
    """... the last worker has opened its partitions."""
    back: float
    """... no lane is later than `LATE`; NEVER: the survivors cannot keep up."""
    stop: float
    """Seconds for which a survivor's own lanes stood still, at most."""


def outage(
    changes: Mapping[int, Change],
    events: float,
    tickets: float,
    speeds: Speeds,
    seed: int = 1,
    *,
    planned: bool = False,
) -> Outage:
    """Of lanes with so many events a second and tickets each. `planned`: the leaver says so, nobody waits for it."""
    draw = random.Random(seed)
    known = speeds.drain if planned else speeds.session - draw.random() * speeds.heartbeat
    queue = [(known + draw.random() * speeds.heartbeat + speeds.drain, worker) for worker in changes]
    stopped_at = {worker: at - speeds.drain for at, worker in queue}
    heapq.heapify(queue)
    joined = known
    while queue:  # the coordinator waits for the last
        joined, _ = heapq.heappop(queue)
    assigned = joined + speeds.assign
    opened = back = stop = 0.0
    memo: dict[tuple[Change, float], float] = {}
    for worker, (kept, new) in changes.items():
        at = assigned + speeds.opening + new * tickets * speeds.restore
        opened, stop = max(opened, at), max(stop, at - stopped_at[worker])
        # Own lanes stand since they were stopped; those of the dead, since its death.
        stood = round(at - stopped_at[worker], 1)
        case = (Change(kept, new), stood)
        if case not in memo:
            ages = [stood] * kept + [at] * new
            memo[case] = caught_up([(events, age) for age in ages], speeds.event)
        back = max(back, at + memo[case])
    return Outage(known, joined, opened, min(back, NEVER), stop)


def caught_up(
    lanes: Sequence[tuple[float, float]], event: float, late: float = LATE, portion: int = MAX_CHUNK
) -> float:
    """Seconds from opening until no lane is later than `late`: portion by portion, round the lanes.

    `lanes`: events a second, and the seconds for which it was not read; `event`: seconds an event takes.
    """
    # By lane: the instant up to which its input is read, on a clock that is 0 at the opening.
    read = [-age for _, age in lanes]
    now = 0.0
    turn = [lane for lane, (rate, _) in enumerate(lanes) if rate]
    while now < NEVER:
        if all(now - read[lane] <= late for lane in turn):
            return now
        before = now
        for lane in turn:
            rate = lanes[lane][0]
            taken = min((now - read[lane]) * rate, portion)
            read[lane] += taken / rate
            now += taken * event
        if now == before:
            return now
    return NEVER


def caught_up_by_formula(lanes: Iterable[tuple[float, float]], event: float, late: float = LATE) -> float:
    """The same where work is a fluid and lanes share it by their age: the work that stands, less what may stand, over
    the speed that is left. Exact for lanes of one age and one rate."""
    lanes = list(lanes)
    load = sum(rate for rate, _ in lanes) * event
    if load >= 1:
        return NEVER if any(age > late for _, age in lanes) else 0.0
    return sum(rate * max(0.0, age - late) for rate, age in lanes) * event / (1 - load)
