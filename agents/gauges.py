"""The gauges of what a worker holds, taken at a scrape: windows and queue summed over its partitions, and the engine's.

Nothing of a partition that may have another owner is shown: a scrape of all workers shows each partition once at most.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agents.labels import names
from agents.seen import Lookout
from agents.staff import AT_WORK
from agents.traffic import traffic_of
from streams.clocks import FIRST_RESPONSE
from streams.demand import agents_required, due_work, handling, offered_load
from streams.instants import MINUTE, SECOND
from streams.policies import TARGETS
from streams.sketch import Sketch
from streams.windows import ARRIVALS, GIVEN_UP, MEASURES, REPLIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from agents.engine import Engine
    from agents.labels import Names
    from agents.partition import Rules, TicketPartition
    from agents.seen import Whole
    from streams.demand import Staffing, Traffic
    from streams.windows import Labels

MAX_SERIES = 10_000
"""Of one worker. Teams beyond what fits are `other`, the busiest keep their names."""
NAMED_FOR = MINUTE
_ELSEWHERE = 500  # series left to the counters and the engine's gauges
_STAFFED_FOR = TARGETS[FIRST_RESPONSE]
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}


class Family(NamedTuple):
    """A gauge: its name, what it means, and its labels."""

    name: str
    meaning: str
    labels: tuple[str, ...]

    def of(self, rows: Mapping[tuple[str, ...], float]) -> Metric:
        """The family with these values, by the labels' values."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for values, value in rows.items():
            family.add_metric(values, value)
        return family


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

LIVE = Family("sla_partitions_live", "Partitions of this worker whose alarms ring.", ())
HELD_BY_ALL = Family(
    "sla_partitions", "Partitions of every topic: so many are to be live over all workers. These do not add up.", ()
)
LAG = Family(
    "sla_input_lag_seconds", "How long ago the input was last known to be read up to the present.", ("partition",)
)
SKEW = Family(
    "sla_clock_skew_seconds",
    "The broker's clock less this worker's; of several brokers that which is furthest off.",
    (),
)

ENGINE_FAMILIES = (LIVE, HELD_BY_ALL, LAG, SKEW)


class EngineGauges(Collector):
    """What an engine holds, and how far it has read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        engine = self._engine
        live = sorted(engine.live)
        yield LIVE.of({(): len(live)})
        yield HELD_BY_ALL.of({(): engine.config.partitions})
        yield LAG.of({(str(number),): engine.lag(number) for number in live})
        yield SKEW.of({(): engine.skew / SECOND})


class TicketGauges(Collector):
    """Collects from the partitions that a function gives, `of` so many; nothing of a partition that is not held."""

    def __init__(
        self,
        partitions: Callable[[], Iterable[TicketPartition]],
        rules: Rules,
        now: Callable[[], int],
        staffing: Staffing,
        of: int,
    ) -> None:
        self.lookout = Lookout(partitions)
        """Sees them; also for others to look through."""
        self._partitions = partitions
        self._rules = rules
        self._now = now
        self._staffing = staffing
        self._of = of
        self._shown: Names | None = None
        self._shown_since = 0

    def collect(self) -> Iterable[Metric]:
        """All families, at once."""
        now = self._now()
        return self._families(self.lookout.look(now), now)

    async def collected(self) -> Iterable[Metric]:
        """The same, with turns for others: a partition is looked at in one turn, adding up is another thread's."""
        while True:
            now = self._now()
            held = list(self._partitions())
            async with self.lookout.looking(now) as whole:
                found = await asyncio.to_thread(self._families, whole, now)
            if list(self._partitions()) == held:  # else they changed hands meanwhile, or the process was stopped
                return found

    def _families(self, whole: Whole, now: int) -> list[Metric]:
        """The names are looked at anew once a minute: so long a busy team does not become `other` and back."""
        room = MAX_SERIES - _ELSEWHERE - len(whole.parts)
        if self._shown is not None and now < self._shown_since + NAMED_FOR:
            with suppress(KeyError):  # a name that is new
                found = self._shown_as(self._shown, whole, now)
                if sum(len(family.samples) for family in found) <= room:
                    return found
        self._shown, self._shown_since = names(whole, room), now
        return self._shown_as(self._shown, whole, now)

    def _shown_as(self, shown: Names, whole: Whole, now: int) -> list[Metric]:
        """All families, summed over what is seen of the partitions, by the names that are shown."""
        share = len(whole.parts) / self._of
        demand = _demand(traffic_of(whole, self._rules.policies, now, shown), self._staffing, share)
        return [*_windows(whole, shown), *_elapsed(whole, shown), *_queue(whole, shown, now), *demand,
                *_tickets(whole), *_staff(whole, shown), *_goals(whole, self._staffing)]  # fmt: skip


def _windows(whole: Whole, shown: Names) -> Iterator[Metric]:
    judged: Counter[tuple[str, ...]] = Counter()
    met: Counter[tuple[str, ...]] = Counter()
    others: dict[int, Counter[tuple[str, ...]]] = {ARRIVALS: Counter(), REPLIES: Counter(), GIVEN_UP: Counter()}
    teams, priorities, channels = shown.teams, shown.priorities, shown.channels
    for window, sums in whole.windows.items():
        for (measure, team, priority, channel), cell in sums.items():
            where = (teams[team], priorities[priority], channels[channel], window)
            if measure in others:
                others[measure][where] += cell.count
            else:
                judged[TARGETS[measure], *where] += cell.count
                met[TARGETS[measure], *where] += cell.met
    yield from (JUDGED.of(judged), MET.of(met))
    yield from (ARRIVED.of(others[ARRIVALS]), REPLIED.of(others[REPLIES]), GAVE_UP.of(others[GIVEN_UP]))


def _elapsed(whole: Whole, shown: Names) -> Iterator[Metric]:
    timed: Counter[tuple[str, ...]] = Counter()
    total: Counter[tuple[str, ...]] = Counter()
    handled: Counter[tuple[str, ...]] = Counter()
    handling: Counter[tuple[str, ...]] = Counter()
    sketches: dict[tuple[str, ...], Sketch] = {}
    for (measure, team, window), spent in whole.spent.items():
        where = (MEASURES[measure], shown.teams[team], window)
        if measure < ARRIVALS:
            timed[where] += spent.timed
            total[where] += spent.total
            sketches.setdefault(where, Sketch()).merge(spent.durations)
        elif measure == REPLIES:
            handled[where[1:]] += spent.timed
            handling[where[1:]] += spent.total
    quantiles = {
        (*where, statistic): value / SECOND
        for where, sketch in sketches.items()
        for statistic, value in zip(_QUANTILES, sketch.quantiles(list(_QUANTILES.values())) or (), strict=False)
    }
    yield SPENT.of({where: spent / SECOND for where, spent in total.items()})
    yield STOPPED.of(timed)
    yield ELAPSED.of(quantiles)
    yield HANDLING.of({where: spent / SECOND for where, spent in handling.items()})
    yield HANDLED.of(handled)


def _queue(whole: Whole, shown: Names, now: int) -> Iterator[Metric]:
    states: Counter[tuple[str, ...]] = Counter()
    risks: Counter[tuple[str, ...]] = Counter()
    oldest: dict[Labels, int] = {}
    for one in whole.parts:
        for labels, waiting in one.queue.items():
            where = shown.where(labels)
            for state, count in waiting.states.items():
                states[state, *where] += count
            for within, count in waiting.risks.items():
                risks[within, *where] += count
            if waiting.since is not None:
                oldest[where] = min(waiting.since, oldest.get(where, waiting.since))
    yield QUEUED.of(states)
    yield AT_RISK.of(risks)
    yield OLDEST.of({where: max(0, now - since) / SECOND for where, since in oldest.items()})


def _demand(
    traffic: Mapping[tuple[str, str], tuple[Traffic, int | None]], staffing: Staffing, share: float
) -> Iterator[Metric]:
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
    yield from (LOAD.of(load), HANDLES.of(handles), DUE_WORK.of(due), REQUIRED.of(required))


def _tickets(whole: Whole) -> Iterator[Metric]:
    orphans = sum(one.orphans for one in whole.parts)
    yield KEPT.of({("created",): sum(one.tickets for one in whole.parts) - orphans, ("orphan",): orphans})


def _staff(whole: Whole, shown: Names) -> Iterator[Metric]:
    agents: Counter[tuple[str, ...]] = Counter()
    for one in whole.parts:
        for (team, status), count in one.staff.items():
            agents[shown.teams[team], status] += count
    at_work: Counter[tuple[str, ...]] = Counter()
    for (team, status), count in agents.items():
        at_work[team,] += count if status in AT_WORK else 0
    yield from (STAFF.of(agents), STAFFED.of(at_work))


def _goals(whole: Whole, staffing: Staffing) -> Iterator[Metric]:
    yield GOAL.of({(target,): goal for target, goal in staffing.goals.items()} if whole.parts else {})
