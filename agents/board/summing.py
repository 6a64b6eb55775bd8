"""The picture of the whole installation out of its partitions' boards: whole numbers, added up."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from agents.board.answers import Agent, Compliance, LastHour, Picture, Queue, Team, Ticket
from agents.seen import STATES
from streams.demand import Traffic, agents_required
from streams.instants import MINUTE, SECOND, format_instant, parse_instant
from streams.policies import TARGETS
from streams.queue import RISKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agents.board.answers import Monitor
    from agents.board.record import QueueRow, Read, TicketRow

OVERDUE = 20
DUE = 20
"""So many tickets are shown: overdue longest, and overdue last, and due next."""

CURVE = 60  # minutes
AT_WORK = ("online", "busy")


class Goals(NamedTuple):
    """The share of clocks that are to be met, by target, and of those that are not named."""

    by_target: Mapping[str, Fraction]
    others: Fraction

    def of(self, target: str) -> Fraction:
        """The goal of a target."""
        return self.by_target.get(target, self.others)


GOALS = Goals({"resolution": Fraction(95, 100)}, Fraction(90, 100))


def picture(boards: Sequence[Read], monitor: Monitor, now: int, goals: Goals = GOALS) -> Picture:
    """The sum of the boards, at an instant in microseconds; names are in it."""
    rows = [row for board in boards for row in board.queue]
    overdue, left_out = _overdue(boards)
    return Picture(
        format_instant(now),
        monitor,
        _compliance(boards, goals),
        _queue(rows),
        overdue,
        left_out,
        _due(boards),
        _teams(boards, rows),
        _last_hour(boards, now),
    )


def without_names(whole: Picture) -> Picture:
    """For those who may not see who works on what."""

    def nameless(tickets: list[Ticket]) -> list[Ticket]:
        return [msgspec.structs.replace(ticket, agent_id=None, taken_by=None) for ticket in tickets]

    return msgspec.structs.replace(whole, overdue=nameless(whole.overdue), due=nameless(whole.due))


def agents_of(boards: Iterable[Read], whole: Picture) -> list[Agent]:
    """The agents who are not offline, by team and name, and what of the tickets shown is theirs."""
    overdue = Counter(ticket.agent_id for ticket in whole.overdue)
    due = Counter(ticket.agent_id for ticket in whole.due)
    rows = [row for board in boards for row in board.agents]
    return [
        Agent(row.agent_id, row.team, row.status, row.since, overdue[row.agent_id], due[row.agent_id])
        for row in sorted(rows, key=lambda row: (row.team, row.agent_id))
    ]


def _compliance(boards: Sequence[Read], goals: Goals) -> list[Compliance]:
    met: Counter[tuple[str, str]] = Counter()
    judged: Counter[tuple[str, str]] = Counter()
    for board in boards:
        for row in board.windows:
            if row.measure in TARGETS:
                met[row.measure, row.window] += row.met
                judged[row.measure, row.window] += row.count
    order = sorted(judged, key=lambda where: (TARGETS.index(where[0]), where[1]))
    return [
        Compliance(target, window, met[target, window], n, float(goal), met[target, window] >= goal * n if n else None)
        for target, window in order
        for goal, n in [(goals.of(target), judged[target, window])]
    ]


def _queue(rows: Sequence[QueueRow]) -> Queue:
    sums: Counter[str] = Counter()
    risks = dict.fromkeys(RISKS, 0)
    for row in rows:
        for state in STATES:
            sums[state] += getattr(row, state)
        for within in RISKS:
            risks[within] += row.at_risk.get(within, 0)
    oldest = min((row.oldest for row in rows if row.oldest is not None), key=parse_instant, default=None)
    return Queue(**{state: sums[state] for state in STATES}, at_risk=risks, oldest=oldest)


def _overdue(boards: Sequence[Read]) -> tuple[list[Ticket], int]:
    """Of each partition the first and the last are known, so of all of them the first and the last are."""
    rows = sorted((row for board in boards for row in board.tickets.overdue), key=_pressure)
    count = sum(board.tickets.all_overdue for board in boards)
    shown = rows if len(rows) <= OVERDUE + OVERDUE else rows[:OVERDUE] + rows[-OVERDUE:]
    return [_ticket(row) for row in shown], max(0, count - len(shown))


def _due(boards: Sequence[Read]) -> list[Ticket]:
    """No further than up to where nothing is left out."""
    until = min((parse_instant(board.tickets.due_until) for board in boards if board.tickets.due_until), default=0)
    rows = (row for board in boards for row in board.tickets.due if parse_instant(row.deadline) <= until)
    return [_ticket(row) for row in heapq.nsmallest(DUE, rows, key=_pressure)]


def _pressure(row: TicketRow) -> tuple[int, str]:
    return parse_instant(row.deadline), row.ticket_id


def _ticket(row: TicketRow) -> Ticket:
    return Ticket(
        row.ticket_id, row.team, row.priority, row.channel, row.target, row.deadline, row.overdue, row.alert_id,
        row.taken_at, row.agent_id, row.taken_by,
    )  # fmt: skip


def _teams(boards: Sequence[Read], rows: Sequence[QueueRow]) -> list[Team]:
    of_team: defaultdict[str, list[QueueRow]] = defaultdict(list)
    staffed: Counter[str] = Counter()
    for row in rows:
        of_team[row.team].append(row)
    known = {row.team for board in boards for row in board.staff}
    for board in boards:
        for here in board.staff:
            staffed[here.team] += here.agents if here.status in AT_WORK else 0
    required = _required(boards)
    teams = sorted(of_team.keys() | known | required.keys())
    return [_team(name, of_team[name], staffed[name] if name in known else None, required.get(name)) for name in teams]


def _team(name: str, rows: list[QueueRow], staffed: int | None, required: int | None) -> Team:
    gap = None if staffed is None or required is None else required - staffed
    return Team(name, _queue(rows), staffed, required, gap)


def _required(boards: Sequence[Read]) -> dict[str, int]:
    """By team, summed over those of its channels for which it is known."""
    traffic: dict[tuple[str, str], list[dict[str, int]]] = defaultdict(list)
    limits: dict[tuple[str, str], list[float]] = defaultdict(list)
    for board in boards:
        for row in board.traffic:
            traffic[row.team, row.channel].append(row.traffic)
            if row.limit_seconds is not None:
                limits[row.team, row.channel].append(row.limit_seconds)
    found: dict[str, int] = {}
    for where, parts in traffic.items():
        limit = round(min(limits[where]) * SECOND) if limits[where] else None
        sums = Traffic(*(sum(part[field] for part in parts) for field in Traffic._fields))
        agents = agents_required(where[1], sums, limit)
        if agents is not None:
            found[where[0]] = found.get(where[0], 0) + agents
    return found


def _last_hour(boards: Sequence[Read], now: int) -> LastHour:
    """Aligned by the minute: some boards may be in the next one already."""
    hours = [(parse_instant(board.hour.begin) // MINUTE, board.hour) for board in boards if board.hour is not None]
    begin = max((first for first, _ in hours), default=now // MINUTE - CURVE + 1)

    def of(name: str) -> list[int]:
        sums = [0] * CURVE
        for first, hour in hours:
            for place, count in enumerate(getattr(hour, name), first - begin):
                if 0 <= place < CURVE:
                    sums[place] += count
        return sums

    return LastHour(format_instant(begin * MINUTE), of("arrivals"), of("replies"), of("judged"), of("met"))
