"""The gauges of what a worker holds, taken at a scrape: windows and queue summed over its partitions, and the engine's.

Nothing of a partition that may have another owner is shown: a scrape of all workers shows each partition once at most.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from prometheus_client.registry import Collector

from agents.exposition import Family, Lines
from agents.labels import names
from agents.seen import Lookout, quantiles_of
from agents.traffic import traffic_of
from streams.demand import agents_required, offered_load
from streams.instants import MINUTE, SECOND
from streams.policies import TARGETS
from streams.windows import ARRIVALS, REPLIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

    from agents.engine import Engine
    from agents.exposition import Rows
    from agents.labels import Names
    from agents.partition import Rules, TicketPartition
    from agents.seen import Spent, Whole
    from streams.policies import Policies
    from streams.windows import Labels

Made = TypeVar("Made")

MAX_SERIES = 10_000
"""Of one worker. Teams beyond what fits are `other`, the busiest keep their names."""
NAMED_FOR = MINUTE
_ELSEWHERE = 500  # series left to the counters and the engine's gauges
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
    "Offered load: arrivals of the last hour times the handling time of a ticket, where replies carry it.",
    ("team", "channel"),
)
REQUIRED = Family(
    "sla_queue_agents_required",
    "Agents needed now: Erlang C for chat and phone, the work due within the hour for the others.",
    ("team", "channel"),
)
KEPT = Family("sla_tickets_kept", "Tickets in the table: with their creation (created), without (orphan).", ("kind",))
STAFF = Family("sla_staff_agents", "Agents by their newest status.", ("team", "status"))

FAMILIES = (
    *(JUDGED, MET, ARRIVED, REPLIED, SPENT, STOPPED, ELAPSED, HANDLING),
    *(QUEUED, AT_RISK, OLDEST, LOAD, REQUIRED, KEPT, STAFF),
)
"""Those of tickets and agents, in the order in which they are collected."""

LIVE = Family("sla_partitions_live", "Partitions of this worker whose alarms ring.", ())
LAG = Family(
    "sla_input_lag_seconds", "How long ago the input was last known to be read up to the present.", ("partition",)
)
SKEW = Family(
    "sla_clock_skew_seconds",
    "The broker's clock less this worker's; of several brokers that which is furthest off.",
    (),
)

ENGINE_FAMILIES = (LIVE, LAG, SKEW)


class EngineGauges(Collector):
    """What an engine holds, and how far it has read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        engine = self._engine
        live = sorted(engine.live)
        yield LIVE.of({(): len(live)})
        yield LAG.of({(str(number),): engine.lag(number) for number in live})
        yield SKEW.of({(): engine.skew / SECOND})


class TicketGauges(Collector):
    """Collects from the partitions that a function gives; nothing of a partition that is not held."""

    def __init__(
        self, partitions: Callable[[], Iterable[TicketPartition]], rules: Rules, now: Callable[[], int]
    ) -> None:
        self.lookout = Lookout(partitions)
        """Sees them; also for others to look through."""
        self._partitions = partitions
        self._rules = rules
        self._now = now
        self._lines = Lines()
        self._shown: Names | None = None
        self._shown_since = 0

    def collect(self) -> Iterable[Metric]:
        """All families, at once."""
        now = self._now()
        return [family.of(rows) for family, rows in self._families(self.lookout.look(now), now)]

    async def collected(self) -> Iterable[Metric]:
        """The same, with turns for others: a partition is looked at in one turn, adding up is another thread's."""
        return await self._in_turns(lambda gauges: [family.of(rows) for family, rows in gauges])

    async def text(self) -> bytes:
        """The same as Prometheus reads it; written off the loop too."""
        return await self._in_turns(self._lines.text)

    async def _in_turns(self, made: Callable[[list[Rows]], Made]) -> Made:
        while True:
            now = self._now()
            held = list(self._partitions())
            async with self.lookout.looking(now) as whole:
                found = await asyncio.to_thread(lambda whole, now: made(self._families(whole, now)), whole, now)
            if list(self._partitions()) == held:  # else they changed hands meanwhile, or the process was stopped
                return found

    def _families(self, whole: Whole, now: int) -> list[Rows]:
        """The names are looked at anew once a minute: so long a busy team does not become `other` and back."""
        room = MAX_SERIES - _ELSEWHERE - len(whole.parts)
        if self._shown is not None and now < self._shown_since + NAMED_FOR:
            with suppress(KeyError):  # a name that is new
                found = families(whole, self._shown, self._rules.policies, now)
                if sum(len(rows) for _, rows in found) <= room:
                    return found
        self._shown, self._shown_since = names(whole, room), now
        return families(whole, self._shown, self._rules.policies, now)


def families(whole: Whole, shown: Names, policies: Policies, now: int) -> list[Rows]:
    """All families, summed over what is seen of the partitions, by the names that are shown."""
    return [*_windows(whole, shown), *_elapsed(whole, shown), *_queue(whole, shown, now),
            *_demand(whole, shown, policies, now), *_tickets(whole), *_staff(whole, shown)]  # fmt: skip


def _windows(whole: Whole, shown: Names) -> Iterator[Rows]:
    judged: dict[tuple[str, ...], float] = {}
    met: dict[tuple[str, ...], float] = {}
    others: dict[int, dict[tuple[str, ...], float]] = {ARRIVALS: {}, REPLIES: {}}
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
    yield from ((JUDGED, judged), (MET, met), (ARRIVED, others[ARRIVALS]), (REPLIED, others[REPLIES]))


def _elapsed(whole: Whole, shown: Names) -> Iterator[Rows]:
    found: defaultdict[tuple[str, ...], list[Spent]] = defaultdict(list)
    replies: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for (measure, team, window), spent in whole.spent.items():
        if measure == REPLIES:
            replies[shown.teams[team], window] += spent.total
        else:
            found[TARGETS[measure], shown.teams[team], window].append(spent)
    quantiles = {
        (*where, statistic): value / SECOND
        for where, parts in found.items()
        for statistic, value in zip(_QUANTILES, quantiles_of(parts, _QUANTILES.values()), strict=False)
    }
    yield SPENT, {where: sum([spent.total for spent in parts]) / SECOND for where, parts in found.items()}
    yield STOPPED, {where: sum([spent.timed for spent in parts]) for where, parts in found.items()}
    yield ELAPSED, quantiles
    yield HANDLING, {where: total / SECOND for where, total in replies.items()}


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


def _demand(whole: Whole, shown: Names, policies: Policies, now: int) -> Iterator[Rows]:
    load: dict[tuple[str, ...], float] = {}
    required: dict[tuple[str, ...], float] = {}
    for where, (traffic, limit) in traffic_of(whole, policies, now, shown).items():
        erlangs = offered_load(traffic)
        agents = agents_required(where[1], traffic, limit)
        if erlangs is not None:
            load[where] = erlangs
        if agents is not None:
            required[where] = agents
    yield from ((LOAD, load), (REQUIRED, required))


def _tickets(whole: Whole) -> Iterator[Rows]:
    orphans = sum(one.orphans for one in whole.parts)
    yield KEPT, {("created",): sum(one.tickets for one in whole.parts) - orphans, ("orphan",): orphans}


def _staff(whole: Whole, shown: Names) -> Iterator[Rows]:
    agents: Counter[tuple[str, ...]] = Counter()
    for one in whole.parts:
        for (team, status), count in one.staff.items():
            agents[shown.teams[team], status] += count
    yield STAFF, agents
