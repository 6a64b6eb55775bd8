"""Clocks that are set under the worker's feet, or wrong from the start: nobody is paged for what is not late."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from alerting import Alerting
from command_line import SLAWATCH
from fake_chat import FakeChat
from fake_time import FakeTime, MovedCluster
from judge import first_breach_times, read_policies
from judging import policies_of
from kafka_io import created, now, replied
from partitions import Bench, event
from processes import Installation
from waiting import eventually

from streams.instants import DAY, HOUR, MINUTE, SECOND, format_duration, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Figures
    from processes import Program
    from services import RedisServer

LIMIT = 4 * SECOND
GRACE = SECOND
POLICIES = """\
version: 1
calendars:
  all-week:
    timezone: America/New_York
    weekly: {mon: &all ["00:00-24:00"], tue: *all, wed: *all, thu: *all, fri: *all, sat: *all, sun: *all}
policies:
  - name: slow
    when: {priority: [low]}
    targets:
      first_response: {limit: 40m, calendar: all-week}
  - name: quick
    targets:
      first_response: {limit: 4s, calendar: all-week}
"""


class Desk:
    """An installation whose tickets are known: which are answered in time, which not."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        self.silent: set[str] = set()
        self.answered = 0
        self.late_by: list[float] = []

    def begin(self, name: str) -> list[str]:
        """Six tickets are created now: two are to be answered in time, two not, two have 40 minutes."""
        begun = now()
        ours = [f"{name}-{fate}-{number}" for fate in ("answered", "silent", "slow") for number in range(2)]
        for ticket in ours:
            self.house.events.put(created(ticket, begun, priority="low" if "slow" in ticket else "high"))
        self.house.events.flush()
        self.silent |= {ticket for ticket in ours if "silent" in ticket}
        return ours

    def answer(self, tickets: list[str]) -> None:
        self.house.events.put(*(replied(ticket, now()) for ticket in tickets if "answered" in ticket))
        self.house.events.flush()
        self.answered += 2

    async def alerts(self) -> list[dict[str, Any]]:
        """Those of tickets."""
        return [alert for _, alert in await self.house.alerts() if alert["level"] != "operations"]

    async def operations(self) -> list[dict[str, Any]]:
        """Those of the monitor itself, in the order of time; they lie on any partition."""
        told = [alert for _, alert in await self.house.alerts() if alert["level"] == "operations"]
        return sorted(told, key=lambda alert: parse_instant(alert["decided_at"]))

    async def assert_right(self, worker: Program) -> None:
        """Each unanswered ticket was announced once and nothing else; nothing was refused, forgotten or lost."""
        alerts = await self.alerts()
        assert sorted(alert["ticket_id"] for alert in alerts) == sorted(self.silent)
        for alert in alerts:
            decided, deadline = parse_instant(alert["decided_at"]), parse_instant(alert["deadline"])
            assert deadline + GRACE <= decided <= now(), alert
            self.late_by.append((decided - deadline - GRACE) / SECOND)
        assert await self.house.records(self.house.topics.dead_letters) == []
        assert await worker.metric("sla_window_judged", window="7d") == self.answered + len(self.silent)
        assert await worker.metric("sla_window_met", window="7d") == self.answered
        assert await worker.metric("sla_tickets_forgotten_total") == 0


async def off_by(worker: Program, skew: int) -> None:
    """Waits until the worker knows that the broker's clock is so far ahead of its own, and says so everywhere."""

    async def told() -> bool:
        assert await worker.metric("sla_clock_skew_seconds") == pytest.approx(skew / SECOND, abs=5)
        assert await worker.metric("sla_alarms_held") == 1
        status, body = await worker.get("/readyz")
        assert (status, "clock" in json.loads(body)["problems"]) == (503, True), body
        return True

    await eventually(told, 20, what="the worker knows that its clock is off")


async def right_again(worker: Program) -> None:
    async def told() -> bool:
        assert abs(await worker.metric("sla_clock_skew_seconds")) < 1
        assert await worker.metric("sla_alarms_held") == 0
        return True

    await eventually(told, 20, what="the clocks agree")
    await worker.ready(10)


async def test_a_clock_that_is_set_while_a_worker_runs_pages_nobody(
    kafka: str, unique: str, tmp_path: Path, full: bool, figures: Figures
) -> None:
    """Forward and back, in a zone with daylight saving. Between the jump and its discovery, while it is known, and
    after the clock is right again, only what is late is told; and the time of windows and records stays true."""
    jumps = [HOUR, -HOUR, 30 * DAY, -30 * DAY] if full else [30 * DAY, -HOUR]
    clock = FakeTime(tmp_path)
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path, session_timeout="20s") as house:
        desk = Desk(house)
        policies = house.file("policies.yaml", POLICIES)
        notifier = house.notifier(chat)
        house.program = clock.program("TZ=America/New_York", SLAWATCH)
        worker = await house.worker(policies=policies).ready()
        for number, jump in enumerate(jumps):
            tickets = desk.begin(f"{number}-as-it-jumps")
            clock.set(jump)
            desk.answer(tickets)
            await off_by(worker, -jump)
            tickets = desk.begin(f"{number}-while-off")
            desk.answer(tickets)
            begun = now()
            await eventually(lambda begun=begun: now() > begun + LIMIT + 2 * GRACE)
            announced = {alert["ticket_id"] for alert in await desk.alerts()}
            assert not announced & set(tickets), "alarms hold"
            clock.set(0)
            await right_again(worker)
            await house.alerted(desk.silent, within=20)
            await house.caught_up()
            await desk.assert_right(worker)
        told = [(alert["target"], alert["kind"]) for alert in await desk.operations()]
        assert told == [("clock", "raised"), ("clock", "recovered")] * len(jumps)
        await house.delivered()
        assert sum("clock" in post.body["text"] for post in chat.posts) >= 2
        assert await worker.stop() == 0
        assert await notifier.stop() == 0
    figures(
        fault="a worker's clock set while it runs",
        shown="no false page; alarms held while it was off, operations told in the chat; all that was due rang after",
        jumps=", ".join(("+" if jump > 0 else "-") + format_duration(abs(jump)) for jump in jumps),
        breaches=len(desk.silent),
        false_pages=0,
        latest=f"{max(desk.late_by):.1f} s after deadline and grace",
    )


@pytest.mark.parametrize("off", [30 * DAY, -30 * DAY], ids=["ahead", "behind"])
async def test_a_worker_whose_clock_is_off_from_the_start_takes_nothing_until_it_is_right(
    kafka: str, unique: str, tmp_path: Path, full: bool, figures: Figures, off: int
) -> None:
    """Its local state is neither thrown away nor moved on by a month."""
    if off < 0 and not full:
        pytest.skip("in the full form only (`make faults`)")
    clock = FakeTime(tmp_path)
    async with Installation(kafka, unique, tmp_path, session_timeout="20s") as house:
        desk = Desk(house)
        policies = house.file("policies.yaml", POLICIES)
        house.program = clock.program(SLAWATCH)
        worker = await house.worker(policies=policies).ready()
        before = desk.begin("before")
        desk.answer(before)
        await house.alerted(desk.silent, within=20)
        await house.caught_up()
        assert await worker.stop() == 0

        clock.set(off)
        worker = house.worker(policies=policies)
        tickets = desk.begin("meanwhile")
        desk.answer(tickets)
        await off_by(worker, -off)
        assert await worker.metric("sla_partitions_live") == 0

        async def told() -> bool:
            alerts = await desk.operations()
            assert [(alert["target"], alert["kind"]) for alert in alerts] == [("clock", "raised")]
            assert abs(parse_instant(alerts[0]["decided_at"]) - now()) < MINUTE, "told by the brokers' time"
            return True

        await eventually(told)
        clock.set(0)
        await worker.ready(30)
        await house.alerted(desk.silent, within=20)
        await house.caught_up()
        await desk.assert_right(worker)
        assert "thrown away" not in worker.output
        assert "from its local store" in worker.output
        assert await worker.stop() == 0
    figures(
        fault="a worker's clock off from the start",
        shown="it takes no partition and tells operations; once right it goes on from its local state, nothing is lost",
        off=("+" if off > 0 else "-") + format_duration(abs(off)),
        breaches=len(desk.silent),
        false_pages=0,
    )


@pytest.mark.parametrize("off", [30 * DAY, -30 * DAY], ids=["ahead", "behind"])
async def test_a_notifier_whose_clock_is_off_gives_up_no_alert_and_repeats_none(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, figures: Figures, off: int
) -> None:
    """Off from the start and set while it runs; the claims are flushed, so that it looks back at its deliveries."""
    clock = FakeTime(tmp_path)
    async with Alerting(kafka, unique, tmp_path, redis=redis_server.url) as desk:
        await desk.alert(20)
        desk.house.program = clock.program(SLAWATCH)
        clock.set(off)
        notifier = await desk.notifier("n1").ready()
        assert await notifier.metric("sla_notifier_clock_skew_seconds") == pytest.approx(-off / SECOND, abs=5)
        await desk.all_arrived(20)
        await desk.house.delivered()
        clock.set(-off)
        redis_server.flush()
        await desk.alert(20)
        await desk.all_arrived(20)
        assert await notifier.stop() == 0

        clock.set(off)
        redis_server.flush()
        notifier = await desk.notifier("n2").ready()
        await desk.alert(20)
        await desk.all_arrived(20)
        await desk.house.delivered()
        told = desk.once_each()
        assert told.repeats == 0
        assert await desk.ends("desk") == {"sent": told.alerts}
        assert await notifier.stop() == 0
    figures(
        fault="a notifier's clock off, from the start and set while it runs",
        shown="it goes by Kafka's time: every alert is sent, none expired, none repeated after a flush of Redis",
        off=("+" if off > 0 else "-") + format_duration(abs(off)),
        alerts=told.alerts,
    )


TURNS = {
    "an hour that is skipped": ("America/New_York", "2026-03-08T07:00:00Z"),
    "an hour that comes twice": ("America/New_York", "2026-11-01T06:00:00Z"),
    "skipped in Europe": ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    "twice in Europe": ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    "half an hour that comes twice": ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    "29 February": ("Asia/Shanghai", "2028-02-28T16:00:00Z"),
    "the end of 29 February": ("America/New_York", "2028-03-01T05:00:00Z"),
}
"""The zone of the calendars, and the instant at which its clocks change or the date begins."""
HOURS = (["00:00-24:00"], ["00:30-02:30", "03:00-23:00"], ["22:00-24:00", "00:00-01:30"], ["09:00-18:00"])


@contextmanager
def process_in(zone: str) -> Iterator[None]:
    """The process's own zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        del os.environ["TZ"]
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def promises(zone: str) -> dict[str, Any]:
    """A policy file: business hours of every kind in the zone, and short and long limits."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    calendars = {f"c{n}": {"timezone": zone, "weekly": dict.fromkeys(days, hours)} for n, hours in enumerate(HOURS)}
    policies = [
        {
            "name": f"{calendar}-{limit}",
            "when": {"priority": [f"{calendar}-{limit}"]},
            "targets": {"first_response": {"limit": limit, "calendar": calendar}},
        }
        for calendar in (*calendars, "24x7")
        for limit in ("1h", "1h30m", "5h")
    ]
    return {"version": 1, "calendars": calendars, "policies": policies}


def test_deadlines_about_a_turn_of_the_clocks_ring_at_the_judges_instant(
    seed: int, full: bool, figures: Figures
) -> None:
    """In whichever zone the process runs. One microsecond before deadline and grace nothing rings."""
    rung = 0
    for turn, (zone, at) in TURNS.items():
        document = promises(zone)
        for process_zone in ("UTC", "America/New_York", "Australia/Lord_Howe"):
            with process_in(process_zone):
                rng = Random(f"{seed} {turn} {process_zone}")
                rung += assert_rings(document, parse_instant(at) - DAY, rng, 300 if full else 40)
    figures(
        fault="daylight saving, both ways, and 29 February",
        shown="each deadline rings at the instant that the judge has, whatever zone the process is in",
        turns=len(TURNS),
        deadlines=rung,
        difference="0 \u00b5s",
    )


def assert_rings(document: dict[str, Any], begin: int, rng: Random, tickets: int) -> int:
    """Tickets created within a day and three hours ring at the judge's instants; how many that were."""
    rules = read_policies(document)
    # No limit ahead: the tickets are there before they happen, so that each deadline is still to come.
    bench = Bench(policies_of(document), begin, max_age=10 * DAY, max_ahead=0)
    due: dict[str, int] = {}
    for number in range(tickets):
        name, created_at = f"T{number}", begin + rng.randrange(0, DAY + 3 * HOUR, MINUTE) + rng.choice((0, 0, 1))
        one = event("ticket_created", name, "created", created_at, priority=rng.choice(document["policies"])["name"])
        due[name] = first_breach_times([one], rules)["first_response", 0]
        bench.put(one)
    for deadline in sorted(set(due.values())):
        bench.now = deadline + bench.grace - 1
        assert bench.ring() == []
        bench.now = deadline + bench.grace
        rung = {alert["ticket_id"]: parse_instant(alert["deadline"]) for alert in bench.ring()}
        assert rung == {name: deadline for name, its in due.items() if its == deadline}
    assert len(bench.alerts) == tickets
    return tickets


async def test_a_broker_whose_clock_is_off_holds_all_alarms(
    unique: str, tmp_path: Path, full: bool, figures: Figures
) -> None:
    """Nobody can know which of two clocks is wrong. The broker's moves no window and makes no ticket late."""
    if not full:
        pytest.skip("in the full form only (`make faults`): test_clock has the same of a made-up broker")
    jump = 2 * HOUR  # backwards a broker refuses what is stamped more than an hour ahead of it
    clock = FakeTime(tmp_path)
    with MovedCluster(clock) as cluster:
        async with Installation(cluster.bootstrap, unique, tmp_path, session_timeout="20s") as house:
            desk = Desk(house)
            worker = await house.worker(policies=house.file("policies.yaml", POLICIES)).ready()
            desk.answer(desk.begin("before"))
            await house.alerted(desk.silent, within=20)
            clock.set(jump)
            await off_by(worker, jump)
            desk.answer(desk.begin("while-off"))
            begun = now()
            await eventually(lambda: now() > begun + LIMIT + 2 * GRACE)
            assert len(await desk.alerts()) == 2
            clock.set(0)
            await right_again(worker)
            await house.alerted(desk.silent, within=20)
            await house.caught_up()
            await desk.assert_right(worker)
            assert await worker.stop() == 0
    figures(
        fault="the broker's clock set while workers run",
        shown="alarms held, operations told; once it was right all that was due rang",
        jump="+" + format_duration(jump),
        breaches=len(desk.silent),
        false_pages=0,
    )
