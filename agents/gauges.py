"""The gauges of windows and queue: integer sums over the partitions that a worker holds, collected at a scrape."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agents.traffic import traffic_of
from streams.demand import agents_required, offered_load
from streams.instants import SECOND
from streams.policies import TARGETS
from streams.queue import RISKS
from streams.sketch import Sketch
from streams.windows import ARRIVALS, MEASURES, REPLIES, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

    from agents.partition import Rules, TicketPartition
    from streams.policies import Policies
    from streams.windows import Labels

MAX_SERIES = 10_000
"""Of one worker. Teams beyond what fits are `other`, the busiest keep their names."""
OTHER = "other"
_LABELS = ["team", "priority", "channel"]
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}
_STATES = ("open", "unanswered", "waiting", "on_customer", "on_hold", "overdue")
_SERIES_A_LABEL = len(TARGETS) * len(WINDOWS) * 2 + len(_STATES) + len(RISKS) + 1


class TicketGauges(Collector):
    """Collects from the partitions that a function gives."""

    def __init__(
        self, partitions: Callable[[], Iterable[TicketPartition]], rules: Rules, now: Callable[[], int]
    ) -> None:
        self._partitions = partitions
        self._rules = rules
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """All families; nothing of a partition that is not held."""
        held = list(self._partitions())
        names = _names(held)
        yield from _windows(held, names)
        yield from _queue(held, names, self._now())
        yield from _demand(held, names, self._rules.policies, self._now())
        yield _tickets(held)
        yield _staff(held)


def _names(held: list[TicketPartition]) -> dict[str, str]:
    """Each team's label: its name, or `other` for the least busy where all would be too many series."""
    busy: Counter[str] = Counter()
    kinds: set[tuple[str, str]] = set()
    for partition in held:
        for (_, team, priority, channel), cell in partition.windows.sums(WINDOWS[-1]).items():
            busy[team] += cell.count
            kinds.add((priority, channel))
        for (team, priority, channel), line in partition.queue.lines.items():
            busy[team] += line.open
            kinds.add((priority, channel))
    room = max(1, MAX_SERIES // (_SERIES_A_LABEL * max(1, len(kinds))))
    named = sorted(busy, key=lambda team: (-busy[team], team))[:room]
    return {team: team if team in set(named) else OTHER for team in busy}


def _windows(held: list[TicketPartition], names: dict[str, str]) -> Iterator[Metric]:
    judged: Counter[tuple[str, ...]] = Counter()
    met: Counter[tuple[str, ...]] = Counter()
    seconds: Counter[tuple[str, ...]] = Counter()
    timed: Counter[tuple[str, ...]] = Counter()
    sketches: dict[tuple[str, ...], Sketch] = {}
    for partition in held:
        for window in WINDOWS:
            for (measure, team, priority, channel), cell in partition.windows.sums(window).items():
                where = (MEASURES[measure], names.get(team, OTHER), priority, channel, window.name)
                judged[where] += cell.count
                met[where] += cell.met
                if cell.timed:
                    brief: tuple[str, ...] = (MEASURES[measure], names.get(team, OTHER), window.name)
                    timed[brief] += cell.timed
                    seconds[brief] += cell.total
                    sketches.setdefault(brief, Sketch()).merge(cell.durations)
    by_target = ["target", *_LABELS, "window"]
    clocks = GaugeMetricFamily(
        "sla_window_judged", "Clocks judged in the rolling window: met at their stop, breached at their breach.",
        labels=by_target,
    )  # fmt: skip
    kept = GaugeMetricFamily(
        "sla_window_met", "Of those, met. Compliance is sum(sla_window_met) / sum(sla_window_judged).", labels=by_target
    )
    arrivals = GaugeMetricFamily("sla_window_arrivals", "Tickets created.", labels=by_target[1:])
    replies = GaugeMetricFamily("sla_window_replies", "Public replies by people.", labels=by_target[1:])
    for key, count in judged.items():
        if key[0] in TARGETS:
            clocks.add_metric(key, count)
            kept.add_metric(key, met[key])
        else:
            (arrivals if key[0] == MEASURES[ARRIVALS] else replies).add_metric(key[1:], count)
    yield from (clocks, kept, arrivals, replies)
    brief_labels = ["target", "team", "window"]
    spent = GaugeMetricFamily(
        "sla_window_spent_seconds", "Elapsed open time of the clocks judged in the window that stopped.",
        labels=brief_labels,
    )  # fmt: skip
    stopped = GaugeMetricFamily(
        "sla_window_stopped", "How many clocks that is; the mean is spent over stopped.", labels=brief_labels
    )
    quantiles = GaugeMetricFamily(
        "sla_window_elapsed_seconds", "Quantiles of it over this worker's tickets, within 1 %; these do not add up.",
        labels=[*brief_labels, "statistic"],
    )  # fmt: skip
    handling = GaugeMetricFamily(
        "sla_window_handling_seconds",
        "Handling time of the replies in the window that carry it.",
        labels=brief_labels[1:],
    )
    for brief, sketch in sketches.items():
        if brief[0] == MEASURES[REPLIES]:
            handling.add_metric(brief[1:], seconds[brief] / SECOND)
            continue
        spent.add_metric(brief, seconds[brief] / SECOND)
        stopped.add_metric(brief, timed[brief])
        for statistic, value in zip(_QUANTILES, sketch.quantiles(list(_QUANTILES.values())) or (), strict=False):
            quantiles.add_metric([*brief, statistic], value / SECOND)
    yield from (spent, stopped, quantiles, handling)


def _queue(held: list[TicketPartition], names: dict[str, str], now: int) -> Iterator[Metric]:
    states: Counter[tuple[str, ...]] = Counter()
    risks: Counter[tuple[str, ...]] = Counter()
    oldest: dict[Labels, int] = {}
    for partition in held:
        for (team, priority, channel), line in partition.queue.lines.items():
            where = (names.get(team, OTHER), priority, channel)
            for state in _STATES:
                states[(state, *where)] += getattr(line, state)
            for name, within in RISKS.items():
                risks[(name, *where)] += line.at_risk(now, within)
            since = line.oldest()
            if since is not None:
                oldest[where] = min(since, oldest.get(where, since))
    tickets = GaugeMetricFamily(
        "sla_queue_tickets", "Tickets not done: all (open), without a first response (unanswered), whose customer "
        "waits for an answer (waiting), in waiting_on_customer, on hold, with an overdue clock (overdue).",
        labels=["state", *_LABELS],
    )  # fmt: skip
    for key, count in states.items():
        tickets.add_metric(key, count)
    at_risk = GaugeMetricFamily(
        "sla_queue_at_risk_tickets", "Tickets whose next deadline is within so long.", labels=["within", *_LABELS]
    )
    for key, count in risks.items():
        at_risk.add_metric(key, count)
    waiting = GaugeMetricFamily(
        "sla_queue_oldest_wait_seconds", "How long the customer has waited who has waited longest.", labels=_LABELS
    )
    for where, since in oldest.items():
        waiting.add_metric(where, max(0, now - since) / SECOND)
    yield from (tickets, at_risk, waiting)


def _demand(held: list[TicketPartition], names: dict[str, str], policies: Policies, now: int) -> Iterator[Metric]:
    load = GaugeMetricFamily(
        "sla_queue_load_erlangs", "Offered load: arrivals of the last hour times the handling time of a ticket, where "
        "replies carry it.", labels=["team", "channel"],
    )  # fmt: skip
    required = GaugeMetricFamily(
        "sla_queue_agents_required", "Agents needed now: Erlang C for chat and phone, the work due within the hour for "
        "the others.", labels=["team", "channel"],
    )  # fmt: skip
    for (team, channel), (traffic, limit) in traffic_of(held, policies, now, names).items():
        erlangs = offered_load(traffic)
        agents = agents_required(channel, traffic, limit)
        if erlangs is not None:
            load.add_metric([team, channel], erlangs)
        if agents is not None:
            required.add_metric([team, channel], agents)
    yield from (load, required)


def _tickets(held: list[TicketPartition]) -> Metric:
    family = GaugeMetricFamily("sla_tickets_kept", "Tickets in the table.", labels=["kind"])
    orphans = sum(partition.orphans for partition in held)
    family.add_metric(["created"], sum(partition.tickets for partition in held) - orphans)
    family.add_metric(["orphan"], orphans)
    return family


def _staff(held: list[TicketPartition]) -> Metric:
    family = GaugeMetricFamily("sla_staff_agents", "Agents by their newest status.", labels=["team", "status"])
    agents = Counter((member.team or "", member.status) for partition in held for member in partition.staff.values())
    for key, count in agents.items():
        family.add_metric(key, count)
    return family
