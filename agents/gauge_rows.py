"""The gauges of tickets and agents, and their values by what is seen of the partitions."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from agents.exposition import Family, Rows
from agents.seen import Spent, Whole, quantiles_of
from agents.staff import AT_WORK
from streams.clocks import FIRST_RESPONSE
from streams.demand import Staffing, Traffic, agents_required, due_work, handling, offered_load
from streams.instants import SECOND
from streams.policies import TARGETS
from streams.windows import ARRIVALS, GIVEN_UP, REPLIES, Labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agents.labels import Names

_STAFFED_FOR = TARGETS[FIRST_RESPONSE]
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}
_WHERE = ("team", "priority", "channel")

JUDGED = Family(
    "sla_window_judged",
    "Clocks judged in the rolling window: met at their stop, breached at their breach.",
    ("target", *_WHERE, "window"),
)
MET = Family(
    "sla_window_met",
    "Of those, met. Compliance is sum(sla_window_met) / sum(sla_window_judged).",
    ("target", *_WHERE, "window"),
)
ARRIVED = Family("sla_window_arrivals", "Tickets created in the rolling window.", (*_WHERE, "window"))
REPLIED = Family("sla_window_replies", "Public replies by people in the rolling window.", (*_WHERE, "window"))
GAVE_UP = Family(
    "sla_window_given_up", "Tickets abandoned in the rolling window before a first response.", (*_WHERE, "window")
)
SPENT = Family(
    "sla_window_spent_seconds",
    "Elapsed open time of the clocks judged in the window that stopped.",
    ("target", "team", "window"),
)
STOPPED = Family(
    "sla_window_stopped", "How many clocks that is; the mean is spent over stopped.", ("target", "team", "window")
)
ELAPSED = Family(
    "sla_window_elapsed_seconds",
    "Quantiles of it over this worker's tickets, within 1 %; these do not add up.",
    ("target", "team", "window", "statistic"),
)
HANDLING = Family(
    "sla_window_handling_seconds", "Handling time of the replies in the window that carry it.", ("team", "window")
)
HANDLED = Family(
    "sla_window_handled", "How many replies that is; the mean is handling over handled.", ("team", "window")
)
QUEUED = Family(
    "sla_queue_tickets",
    "Tickets not done: all (open), without a first response (unanswered), whose customer waits for an answer "
    "(waiting), in waiting_on_customer (on_customer), on hold (on_hold), with an overdue clock (overdue).",
    ("state", *_WHERE),
)
AT_RISK = Family("sla_queue_at_risk_tickets", "Tickets whose next deadline is within so long.", ("within", *_WHERE))
OLDEST = Family("sla_queue_oldest_wait_seconds", "How long the customer has waited who has waited longest.", _WHERE)
LOAD = Family(
    "sla_queue_load_erlangs",
    "Offered load: arrivals of the last hour times the handling time of a ticket, where that is known.",
    ("team", "channel"),
)
HANDLES = Family(
    "sla_queue_handling_seconds",
    "The handling time of a ticket that is reckoned with: by the replies of the last day that carry it (replies), else "
    "as configured for the channel (configured). These do not add up.",
    ("team", "channel", "source"),
)
DUE_WORK = Family(
    "sla_queue_due_work_seconds",
    "Handling time of the replies that fall due within so long, and of those overdue; not of live channels.",
    ("within", "team", "channel"),
)
REQUIRED = Family(
    "sla_agents_required",
    "Agents needed now: by Erlang C for live channels, by Erlang A where customers give up, for the others the work "
    "falling due over the time within which it does.",
    ("team", "channel"),
)
STAFFED = Family("sla_agents_staffed", "Agents at work: online or busy.", ("team",))
GOAL = Family("sla_goal_ratio", "The share of clocks that is to be met. These do not add up.", ("target",))
KEPT = Family("sla_tickets_kept", "Tickets in the table: with their creation (created), without (orphan).", ("kind",))
STAFF = Family("sla_staff_agents", "Agents by their newest status.", ("team", "status"))

FAMILIES = (
    *(JUDGED, MET, ARRIVED, REPLIED, GAVE_UP, SPENT, STOPPED, ELAPSED, HANDLING, HANDLED),
    *(QUEUED, AT_RISK, OLDEST, LOAD, HANDLES, DUE_WORK, REQUIRED, KEPT, STAFF, STAFFED, GOAL),
)
"""Those of tickets and agents, in the order in which they are collected."""


def rows_of(
    whole: Whole,
    shown: Names,
    traffic: Mapping[tuple[str, str], tuple[Traffic, int | None]],
    staffing: Staffing,
    now: int,
    share: float,
) -> list[Rows]:
    """All families, summed over what is seen of the partitions, by the names that are shown. `share`: of all
    partitions that are seen."""
    demand = _demand(traffic, staffing, share)
    return [*_windows(whole, shown), *_elapsed(whole, shown), *_queue(whole, shown, now), *demand,
            *_tickets(whole), *_staff(whole, shown), *_goals(whole, staffing)]  # fmt: skip


def _windows(whole: Whole, shown: Names) -> Iterator[Rows]:
    judged: dict[tuple[str, ...], float] = {}
    met: dict[tuple[str, ...], float] = {}
    others: dict[int, dict[tuple[str, ...], float]] = {ARRIVALS: {}, REPLIES: {}, GIVEN_UP: {}}
    teams, priorities, channels = shown.teams, shown.priorities, shown.channels
    for window, sums in whole.windows.items():
        for (measure, team, priority, channel), cell in sums.items():
            if measure < ARRIVALS:
                where = (TARGETS[measure], teams[team], priorities[priority], channels[channel], window)
                judged[where] = judged.get(where, 0) + cell.count
                met[where] = met.get(where, 0) + cell.met
            else:
                place = (teams[team], priorities[priority], channels[channel], window)
                others[measure][place] = others[measure].get(place, 0) + cell.count
    yield from ((JUDGED, judged), (MET, met))
    yield from ((ARRIVED, others[ARRIVALS]), (REPLIED, others[REPLIES]), (GAVE_UP, others[GIVEN_UP]))


def _elapsed(whole: Whole, shown: Names) -> Iterator[Rows]:
    found: defaultdict[tuple[str, ...], list[Spent]] = defaultdict(list)
    handled: defaultdict[tuple[str, ...], int] = defaultdict(int)
    handling: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for (measure, team, window), spent in whole.spent.items():
        if measure < ARRIVALS:
            found[TARGETS[measure], shown.teams[team], window].append(spent)
        elif measure == REPLIES:
            handled[shown.teams[team], window] += spent.timed
            handling[shown.teams[team], window] += spent.total
    quantiles = {
        (*where, statistic): value / SECOND
        for where, parts in found.items()
        for statistic, value in zip(_QUANTILES, quantiles_of(parts, _QUANTILES.values()), strict=False)
    }
    yield SPENT, {where: sum([spent.total for spent in parts]) / SECOND for where, parts in found.items()}
    yield STOPPED, {where: sum([spent.timed for spent in parts]) for where, parts in found.items()}
    yield ELAPSED, quantiles
    yield HANDLING, {where: spent / SECOND for where, spent in handling.items()}
    yield HANDLED, handled


def _queue(whole: Whole, shown: Names, now: int) -> Iterator[Rows]:
    states: dict[tuple[str, ...], float] = {}
    risks: dict[tuple[str, ...], float] = {}
    oldest: dict[Labels, int] = {}
    for one in whole.parts:
        for labels, waiting in one.queue.items():
            team, priority, channel = where = shown.where(labels)
            for state, count in waiting.states.items():
                place = (state, team, priority, channel)
                states[place] = states.get(place, 0) + count
            for within, count in waiting.risks.items():
                place = (within, team, priority, channel)
                risks[place] = risks.get(place, 0) + count
            if waiting.since is not None:
                oldest[where] = min(waiting.since, oldest.get(where, waiting.since))
    yield QUEUED, states
    yield AT_RISK, risks
    yield OLDEST, {where: max(0, now - since) / SECOND for where, since in oldest.items()}


def _demand(
    traffic: Mapping[tuple[str, str], tuple[Traffic, int | None]], staffing: Staffing, share: float
) -> Iterator[Rows]:
    load: dict[tuple[str, ...], float] = {}
    handles: dict[tuple[str, ...], float] = {}
    due: dict[tuple[str, ...], float] = {}
    required: dict[tuple[str, ...], float] = {}
    for (team, channel), (seen, limit) in traffic.items():
        known = handling(channel, seen, staffing)
        if known is None:
            continue
        live = channel in staffing.live
        load[team, channel] = offered_load(seen, known)
        handles[team, channel, known.source] = known.ticket / SECOND
        if not live:
            due |= {(within, team, channel): work / SECOND for within, work in due_work(seen, known).items()}
        agents = agents_required(seen, known, limit, staffing.goals[_STAFFED_FOR], live=live, share=share)
        if agents is not None:
            required[team, channel] = agents
    yield from ((LOAD, load), (HANDLES, handles), (DUE_WORK, due), (REQUIRED, required))


def _tickets(whole: Whole) -> Iterator[Rows]:
    orphans = sum(one.orphans for one in whole.parts)
    yield KEPT, {("created",): sum(one.tickets for one in whole.parts) - orphans, ("orphan",): orphans}


def _staff(whole: Whole, shown: Names) -> Iterator[Rows]:
    agents: Counter[tuple[str, ...]] = Counter()
    for one in whole.parts:
        for (team, status), count in one.staff.items():
            agents[shown.teams[team], status] += count
    at_work: Counter[tuple[str, ...]] = Counter()
    for (team, status), count in agents.items():
        at_work[team,] += count if status in AT_WORK else 0
    yield from ((STAFF, agents), (STAFFED, at_work))


def _goals(whole: Whole, staffing: Staffing) -> Iterator[Rows]:
    yield GOAL, {(target,): goal for target, goal in staffing.goals.items()} if whole.parts else {}
