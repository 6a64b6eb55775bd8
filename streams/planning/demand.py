"""What a plan reckons with: the contacts of each kind by half-hour, and the work and the patience behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.clocks import FIRST_RESPONSE
from streams.demand import Staffing
from streams.facts import Created
from streams.fold import State, found
from streams.policies import Policies


class Kind(NamedTuple):
    """Contacts that are alike to the policies; an attribute that no policy asks for is None, but for the first two."""

    team: str
    channel: str
    priority: str | None = None
    kind: str | None = None
    category: str | None = None
    customer_id: str | None = None
    tags: tuple[str, ...] | None = None

    def created(self, at: int, policies: Policies) -> State:
        """The ticket of such a contact at its creation, with its clocks running."""
        tags = list(self.tags) if self.tags is not None else None
        fact = Created(
            at, 0, "", self.priority, self.channel, self.team, None, self.customer_id, self.category, self.kind, tags,
            False,
        )  # fmt: skip
        return found(fact, policies)


class Work(NamedTuple):
    """What a contact takes on average; durations in microseconds."""

    handle: float
    """Of an agent's time, over all replies to it."""
    replies: float
    """Replies to it, 1 or more."""
    patience: float = math.inf
    """How long a customer on the line waits before hanging up."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Contacts of one kind: how many are expected in each half-hour of a plan."""

    kind: Kind
    arrivals: Sequence[float]
    work: Work
    live: bool
    """The customer waits on the line."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the planner says, beside what the past or a forecast does; by channel, in microseconds."""

    staffing: Staffing
    handle: Mapping[str, int] = field(default_factory=dict)
    """Handling times that hold whatever the past says; those of `staffing` where it says nothing."""
    patience: Mapping[str, int] = field(default_factory=dict)

    def stream(self, kind: Kind, arrivals: Sequence[float], work: Work) -> Stream:
        """With the patience that is said, and as its channel is."""
        patience = self.patience.get(kind.channel, work.patience)
        return Stream(kind, arrivals, work._replace(patience=patience), kind.channel in self.staffing.live)


class NoHandling(ValueError):
    """Nothing says how long the work on a contact takes."""

    def __init__(self, channel: str) -> None:
        super().__init__(f"nothing says how long the work on a contact of channel {channel!r} takes")
        self.channel = channel


Factor = Callable[[str, int], float]
"""How many times as many contacts come, by team and number of the half-hour."""


def due(kind: Kind, at: int, policies: Policies) -> int | None:
    """By when such a contact at an instant is to be answered; None where nothing is promised."""
    for clock in kind.created(at, policies).clocks:
        if clock.target == FIRST_RESPONSE:
            return clock.deadline
    return None


def teams(demand: Sequence[Stream]) -> list[str]:
    """The teams, by name."""
    return sorted({stream.kind.team for stream in demand})


def of_team(demand: Sequence[Stream], team: str) -> list[Stream]:
    """What comes to a team."""
    return [stream for stream in demand if stream.kind.team == team]
