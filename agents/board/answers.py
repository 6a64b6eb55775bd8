"""What the board tells those who look: the answers of its API, from which its OpenAPI document follows.

Instants are RFC 3339 in UTC, durations seconds. Empty team, priority or channel: the ticket has none.
"""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["live", "partly", "blind"]
TroubleName = Literal["missing", "stale", "redis", "engine", "clock", "input", "kafka", "other"]


class Trouble(msgspec.Struct, frozen=True):
    """Why the monitor is not wholly live: `missing` and `stale` boards, Redis away, or what a worker says of itself."""

    name: TroubleName
    partitions: list[int]
    since: str | None = None
    """Since when, as far as this board process knows."""


class Monitor(msgspec.Struct, frozen=True):
    """Whether what is shown is the present: live, partly (some partitions are not), or blind (none is).

    `shown`: of how many partitions the figures are the sum; with 0 they are 0 as well, and say nothing.
    """

    state: State
    partitions: int
    live: int
    """Of these partitions, how many are live."""
    shown: int
    workers: int
    troubles: list[Trouble]


class Compliance(msgspec.Struct, frozen=True):
    """Of the clocks judged in a rolling window, how many were met: whole numbers, summed over all partitions."""

    target: str
    window: str
    met: int
    judged: int
    goal: float
    """A share from 0 to 1."""
    kept: bool | None
    """Whether the goal is reached, compared without rounding; null where nothing was judged."""


class Queue(msgspec.Struct, frozen=True):
    """Tickets that are not done, and those of them in a state. `at_risk`: due within 5, 15, 60 minutes."""

    open: int
    unanswered: int
    waiting: int
    on_customer: int
    on_hold: int
    overdue: int
    at_risk: dict[str, int]
    oldest: str | None
    """Since when the customer waits who has waited longest."""


class Team(msgspec.Struct, frozen=True):
    """A team's queue, its agents at work (online or busy), and how many its queue asks for; null: not known."""

    team: str
    queue: Queue
    staffed: int | None
    required: int | None
    gap: int | None
    """Required less staffed."""


class Ticket(msgspec.Struct, frozen=True):
    """A ticket that is overdue or falls due next, and its clock. Names are null for those who may not see them."""

    ticket_id: str
    team: str
    priority: str
    channel: str
    target: str
    deadline: str
    overdue: bool
    alert_id: str | None
    """Of its breach, where one was announced: it can be acknowledged."""
    taken_at: str | None
    agent_id: str | None = None
    taken_by: str | None = None


class LastHour(msgspec.Struct, frozen=True):
    """Minute by minute from `begin` on; `judged` and `met` are first responses."""

    begin: str
    arrivals: list[int]
    replies: list[int]
    judged: list[int]
    met: list[int]


class Picture(msgspec.Struct, frozen=True):
    """The whole board at an instant."""

    at: str
    monitor: Monitor
    compliance: list[Compliance]
    queue: Queue
    overdue: list[Ticket]
    """By their deadlines: those overdue longest, then those that came last."""
    overdue_left_out: int
    """How many are overdue between these two."""
    due: list[Ticket]
    """Those that fall due next, within the hour."""
    teams: list[Team]
    hour: LastHour


class Agent(msgspec.Struct, frozen=True):
    """An agent who is not offline; of the tickets that the board shows, how many of theirs are overdue or due."""

    agent_id: str
    team: str
    status: str
    since: str
    overdue: int
    due: int


class Agents(msgspec.Struct, frozen=True):
    """The agents; each look at them is logged."""

    at: str
    agents: list[Agent]


class Look(msgspec.Struct, frozen=True):
    """Somebody looked at the figures of agents."""

    at: str
    name: str
    address: str


class Looks(msgspec.Struct, frozen=True):
    """The newest looks at this process since it was started; the log has all."""

    looks: list[Look]


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says who acknowledges an alert."""

    note: str = ""


class Acknowledged(msgspec.Struct, frozen=True):
    """Who took the alert, and when: the one who asks now, or one before them."""

    alert_id: str
    by: str
    at: str
    already: bool


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer."""

    error: str
