"""What a plan reckons with: the contacts of each kind by half-hour, and the work and the patience behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streams.clocks import FIRST_RESPONSE
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
    patience: float | None = None
    """How long a customer on the line waits before hanging up; None: not known, and they wait."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Contacts of one kind: how many are expected in each half-hour of a plan."""

    kind: Kind
    arrivals: Sequence[float]
    work: Work


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
