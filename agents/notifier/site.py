"""What a lane works with: the claims, the log, the limits, the clocks, and the pressure on its destination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.notifier.backoff import Backoff, Pressure
    from agents.notifier.claims import Claims
    from agents.notifier.deliveries import Log
    from agents.notifier.http import Result
    from agents.notifier.limits import Limits, Pace
    from agents.notifier.metrics import NotifierMetrics
    from agents.notifier.references import References
    from agents.notifier.storm import Storm


@dataclass(frozen=True)
class Site:
    """Of one destination. `clock` gives microseconds since the epoch, `ticks` seconds that never go back.

    `margin`, `lease` and `max_age` are in microseconds: by how much a claim outlasts the longest attempt, how long it
    lasts, and the age since its decision at which a message is given up.
    """

    name: str
    claims: Claims
    outcomes: Log
    metrics: NotifierMetrics
    clock: Callable[[], int]
    ticks: Callable[[], float]
    refill: Callable[[], Awaitable[object]]
    limits: Limits
    pace: Pace
    pressure: Pressure
    backoff: Backoff
    storm: Storm
    references: References
    max_age: int
    margin: int
    lease: int
    attempted: Callable[[str, Result], None]
    """Hears of each attempt at the destination of this name."""
