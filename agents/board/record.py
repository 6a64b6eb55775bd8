"""What a worker writes of a partition each second, and the board reads: one JSON document in Redis.

Instants are RFC 3339, durations seconds. A field that came later has a default: while workers are renewed, some write
the old form.
"""

from __future__ import annotations

import msgspec

from streams.demand import Traffic


class QueueRow(msgspec.Struct, gc=False):
    """The queue of one team, priority and channel; `oldest`: since when the customer waits who has waited longest."""

    team: str
    priority: str
    channel: str
    open: int
    unanswered: int
    waiting: int
    on_customer: int
    on_hold: int
    overdue: int
    at_risk: dict[str, int]
    oldest: str | None


class WindowRow(msgspec.Struct, gc=False):
    """A window's figures of one measure and one team, priority and channel; `bins` of its durations' sketch."""

    window: str
    measure: str
    team: str
    priority: str
    channel: str
    count: int
    met: int
    timed: int
    seconds: float
    bins: dict[int, int]


class CountRow(msgspec.Struct, gc=False):
    """Of a window's row what the board adds up."""

    window: str
    measure: str
    team: str
    count: int
    met: int


class StaffRow(msgspec.Struct, gc=False):
    """How many agents of a team have a status."""

    team: str
    status: str
    agents: int


class AgentRow(msgspec.Struct, gc=False):
    """An agent who is not offline, since when in this status."""

    agent_id: str
    team: str
    status: str
    since: str


class TicketRow(msgspec.Struct, gc=False):
    """A ticket that is overdue or falls due; `streams.pressing` says by which clock."""

    ticket_id: str
    team: str
    priority: str
    channel: str
    agent_id: str | None
    target: str
    deadline: str
    overdue: bool
    alert_id: str | None
    taken_at: str | None
    taken_by: str | None


class Tickets(msgspec.Struct, gc=False):
    """The tickets that press, by their deadlines.

    `overdue`: those overdue longest and those that came last, `all_overdue` being how many there are. `due`: those
    that fall due next; none is left out that falls due before `due_until`.
    """

    overdue: list[TicketRow] = []
    due: list[TicketRow] = []
    due_until: str = ""
    all_overdue: int = 0


class LastHour(msgspec.Struct, gc=False):
    """Minute by minute: `begin` is the first of them. `judged` and `met` are first responses."""

    begin: str
    arrivals: list[int]
    replies: list[int]
    judged: list[int]
    met: list[int]


class TrafficRow(msgspec.Struct, gc=False):
    """What a team's channel has seen lately, and its tightest first-response limit."""

    team: str
    channel: str
    traffic: Traffic
    limit_seconds: float | None


class _Common(msgspec.Struct, gc=False):
    """`problems`: why the worker is not ready, by name."""

    at: str
    queue: list[QueueRow]
    staff: list[StaffRow]
    worker: str = ""
    problems: dict[str, str] = {}
    tickets: Tickets = msgspec.field(default_factory=Tickets)
    hour: LastHour | None = None
    traffic: list[TrafficRow] = []
    agents: list[AgentRow] = []


class Written(_Common, gc=False, kw_only=True):
    """The document as it is written: rows of the windows that were written before."""

    windows: list[msgspec.Raw]


class Read(_Common, gc=False, kw_only=True):
    """The document as it is read."""

    windows: list[CountRow]


def key(app: str, partition: int) -> str:
    """The Redis key of a partition's document."""
    return f"{app}:board:{partition}"
