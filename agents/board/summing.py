"""The picture of the whole installation out of its partitions' boards: whole numbers, added up."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from agents.board.answers import Agent, Compliance, LastHour, Picture, Queue, Team, Ticket
from agents.seen import STATES
from agents.staff import AT_WORK
from streams.clocks import FIRST_RESPONSE
from streams.demand import Traffic, agents_required, handling
from streams.instants import MINUTE, SECOND, format_instant, parse_instant
from streams.policies import TARGETS
from streams.queue import RISKS
from streams.windows import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agents.board.answers import Monitor
    from agents.board.record import QueueRow, Read, TicketRow
    from streams.demand import Staffing

OVERDUE = 20
DUE = 20
"""So many tickets are shown: overdue longest, and overdue last, and due next."""

CURVE = 60  # minutes
_WHOLE = 100_000


def picture(boards: Sequence[Read], monitor: Monitor, now: int, staffing: Staffing) -> Picture:
    """The sum of the boards, at an instant in microseconds; names are in it."""
    rows = [row for board in boards for row in board.queue]
    overdue, left_out = _overdue(boards)
    return Picture(
        format_instant(now),
        monitor,
        _compliance(boards, staffing.goals),
        _queue(rows),
        overdue,
        left_out,
        _due(boards),
        _teams(boards, rows, staffing),
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


def _compliance(boards: Sequence[Read], goals: Mapping[str, float]) -> list[Compliance]:
    """What was judged, by target and window; first responses in the last hour in any case."""
    met: Counter[tuple[str, str]] = Counter()
    judged: Counter[tuple[str, str]] = Counter({(TARGETS[FIRST_RESPONSE], HOUR.name): 0})
    for board in boards:
        for row in board.windows:
            if row.measure in TARGETS:
                met[row.measure, row.window] += row.met
                judged[row.measure, row.window] += row.count
    found = []
    for where in sorted(judged, key=lambda where: (TARGETS.index(where[0]), where[1])):
        goal, n = goals[where[0]], judged[where]
        found.append(Compliance(*where, met[where], n, goal, _kept(met[where], n, goal)))
    return found


def _kept(met: int, judged: int, goal: float) -> bool | None:
    """Compared as whole numbers: a goal is a percentage of at most three decimals."""
    return None if not judged else met * _WHOLE >= round(goal * _WHOLE) * judged


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


def _teams(boards: Sequence[Read], rows: Sequence[QueueRow], staffing: Staffing) -> list[Team]:
    of_team: defaultdict[str, list[QueueRow]] = defaultdict(list)
    staffed: Counter[str] = Counter()
    for row in rows:
        of_team[row.team].append(row)
    known = {row.team for board in boards for row in board.staff}
    for board in boards:
        for here in board.staff:
            staffed[here.team] += here.agents if here.status in AT_WORK else 0
    required = _required(boards, staffing)
    teams = sorted(of_team.keys() | known | required.keys())
    return [_team(name, of_team[name], staffed[name] if name in known else None, required.get(name)) for name in teams]


def _team(name: str, rows: list[QueueRow], staffed: int | None, required: int | None) -> Team:
    gap = None if staffed is None or required is None else required - staffed
    return Team(name, _queue(rows), staffed, required, gap)


def _required(boards: Sequence[Read], staffing: Staffing) -> dict[str, int]:
    """By team, summed over those of its channels for which it is known."""
    traffic: defaultdict[tuple[str, str], Traffic] = defaultdict(Traffic)
    limits: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for board in boards:
        for row in board.traffic:
            traffic[row.team, row.channel].add(row.traffic)
            if row.limit_seconds is not None:
                limits[row.team, row.channel].append(row.limit_seconds)
    found: dict[str, int] = {}
    for (team, channel), seen in traffic.items():
        known = handling(channel, seen, staffing)
        limit = round(min(limits[team, channel]) * SECOND) if limits[team, channel] else None
        goal = staffing.goals[TARGETS[FIRST_RESPONSE]]
        live = channel in staffing.live
        agents = None if known is None else agents_required(seen, known, limit, goal, live=live)
        if agents is not None:
            found[team] = found.get(team, 0) + round(agents)  # of all tickets it is a whole number
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
