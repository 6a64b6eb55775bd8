"""Tickets of the last eight days, told late and in disorder, and what ledger and gauges must then show by the judge.

Nothing of them changes by itself for a while after they are told: no deadline lies there.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition
from judge import DONE, Clock, counted, judge_ticket, read_policies
from judge_time import DAY, SECOND, instant, text_of
from kafka_io import now
from prometheus_client.parser import text_string_to_metric_families
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from processes import Installation, Program

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
TEAMS = ("billing", "tech", "sales")
QUIET = 20 * MINUTE
"""So long no deadline passes."""
WINDOWS = {"8h": (8 * HOUR, MINUTE), "24h": (DAY, 15 * MINUTE), "7d": (7 * DAY, 15 * MINUTE)}
"""Length and step of those that are compared; the shorter ones move too fast for that."""

POLICIES = """\
version: 1
policies:
  - name: all
    targets:
      first_response: {limit: 1h}
      next_response: {limit: 2h}
      resolution: {limit: 12h, pause_on: [on_hold]}
"""

Event = dict[str, Any]
Shown = Counter[tuple[str, ...]]
"""("judged" or "met", window, target, team), ("open", team), ("kept",)."""


class Past:
    """`events` as they are told; each ticket's in any order, some twice."""

    def __init__(self, seed: int, tickets: int) -> None:
        rng = random.Random(seed)
        self.until = now()
        rules = read_policies(yaml.safe_load(POLICIES))
        self.tickets: dict[str, list[Event]] = {}
        self.clocks: dict[str, list[Clock]] = {}
        while len(self.tickets) < tickets:
            name = f"T{len(self.tickets)}"
            story = [event for event in _story(rng, name, self.until) if instant(event["occurred_at"]) < self.until]
            clocks = judge_ticket(story, rules, self.until)
            if judge_ticket(story, rules, self.until + QUIET) == clocks:
                self.tickets[name], self.clocks[name] = story, clocks
        self.events = [event for story in self.tickets.values() for event in story]
        self.events += rng.sample(self.events, len(self.events) // 20)
        rng.shuffle(self.events)

    def parts(self, count: int) -> Iterator[list[Event]]:
        """The events in so many parts, in the order in which they are told."""
        for number in range(count):
            yield self.events[number::count]

    def expected(self, at: int) -> Shown:
        """What all workers together show at an instant, once everything is told."""
        shown: Shown = Counter({("kept",): len(self.tickets)})
        for name, clocks in self.clocks.items():
            team, status = _team_and_status(self.tickets[name])
            shown["open", team] += status not in DONE
            for clock in clocks:
                judged_at = clock.breached_at if clock.verdict == "breached" else clock.stopped_at
                if clock.verdict not in ("met", "breached") or judged_at is None:
                    continue
                for window, (length, step) in WINDOWS.items():
                    if 0 <= at // step - judged_at // step < length // step:
                        shown["judged", window, clock.target, team] += 1
                        shown["met", window, clock.target, team] += clock.verdict == "met"
        return +shown

    async def shown_right(self, *workers: Program, within: float = 60) -> None:
        """Waits until the workers together show what is expected."""

        async def right() -> bool:
            pages = [await worker.get("/metrics") for worker in workers]
            assert all(status == 200 for status, _ in pages)
            shown = sum((shown_on(page) for _, page in pages), Counter[tuple[str, ...]]())
            assert not difference(shown, self.expected(now()))
            return True

        await eventually(right, within, every=0.3, what="gauges as the judge's")

    async def assert_ledger(self, house: Installation) -> None:
        """The ledger is the judge's."""
        ledger = await house.ledger()
        assert ledger.keys() == self.tickets.keys()
        wrong = {
            name: (found, expected)
            for name, record in ledger.items()
            if (found := sorted(map(_ledger_clock, record["clocks"])))
            != (expected := sorted(map(_judged_clock, self.clocks[name])))
        }
        assert not wrong, f"{len(wrong)} tickets: {list(wrong.items())[:2]}"


@asynccontextmanager
async def changelog_watched(house: Installation) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Gives a function that returns as soon as so many records were appended to the changelog since: how many."""
    places = [TopicPartition(house.topics.changelog, number) for number in range(house.partitions)]
    seen = 0
    async with AIOKafkaConsumer(bootstrap_servers=house.bootstrap, fetch_max_wait_ms=1) as consumer:
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)

        async def appended(count: int) -> int:
            nonlocal seen
            async with asyncio.timeout(60):
                while seen < count:
                    seen += sum(map(len, (await consumer.getmany(timeout_ms=1000)).values()))
            return seen

        yield appended


def shown_on(page: str) -> Shown:
    """What a page of metrics shows of them; nothing where no partition is live."""
    shown: Shown = Counter()
    for family in text_string_to_metric_families(page):
        for name, labels, value, *_ in family.samples:
            if name in ("sla_window_judged", "sla_window_met") and labels["window"] in WINDOWS:
                key = (name.removeprefix("sla_window_"), labels["window"], labels["target"], labels["team"])
                shown[key] += int(value)
            elif name == "sla_queue_tickets" and labels["state"] == "open":
                shown["open", labels["team"]] += int(value)
            elif name == "sla_tickets_kept":
                shown[("kept",)] += int(value)
    return +shown


def difference(shown: Shown, expected: Shown) -> dict[tuple[str, ...], tuple[int, int]]:
    """What is shown and what is expected, where they differ."""
    return {key: (shown[key], expected[key]) for key in shown | expected if shown[key] != expected[key]}


def _team_and_status(story: list[Event]) -> tuple[str, str]:
    team, status = "", "open"
    for _, event in counted(story):
        if event["type"] == "status_changed":
            status = event["status"]
        team = event.get("team", team) if event["type"] in ("ticket_created", "ticket_updated") else team
    return team, status


def _story(rng: random.Random, ticket: str, until: int) -> list[Event]:
    """One ticket's events in the order in which they happened; some lie in the future."""
    at = until - int(rng.uniform(0.01, 8) * DAY)
    told: list[Event] = []

    def tell(kind: str, **fields: Any) -> None:
        told.append({"event_id": f"{ticket}.{len(told)}", "type": kind, "ticket_id": ticket,
                     "occurred_at": text_of(at)} | fields)  # fmt: skip

    tell("ticket_created", team=rng.choice(TEAMS), priority="normal", channel="email")
    while True:
        at += int(rng.expovariate(1 / (50 * MINUTE)))
        if rng.random() < 0.85:
            tell("agent_replied", agent_id="A1", handle_seconds=rng.randrange(30, 600))
        if rng.random() < 0.1:
            at += int(rng.uniform(1, 60) * MINUTE)
            tell("ticket_updated", team=rng.choice(TEAMS))
        if rng.random() < 0.1:
            tell("status_changed", status="on_hold")
            at += int(rng.uniform(1, 10) * HOUR)
            tell("status_changed", status="open")
        at += int(rng.expovariate(1 / (8 * HOUR)))
        if rng.random() < 0.75:
            tell("status_changed", status=rng.choice(("resolved", "resolved", "closed", "cancelled")))
        if rng.random() < 0.5:
            return told
        at += int(rng.expovariate(1 / (1.5 * DAY)))  # days later they write again, and it is opened again
        tell("customer_replied")
        tell("status_changed", status="open")


def _ledger_clock(clock: Mapping[str, Any]) -> tuple[Any, ...]:
    instants = [instant(clock[name]) if clock[name] else 0 for name in ("stopped_at", "breached_at")]
    return (clock["target"], clock["cycle"], *instants, clock["verdict"])


def _judged_clock(clock: Clock) -> tuple[Any, ...]:
    return (clock.target, clock.cycle, clock.stopped_at or 0, clock.breached_at or 0, clock.verdict)
