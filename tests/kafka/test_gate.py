"""Alarms ring for what is known to be read and nothing else: not too early after a restart, not late under load."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest
from kafka_io import Pace, created, event, now, replied
from processes import Installation
from services import KafkaCluster
from waiting import eventually

from streams.instants import SECOND, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 5 * SECOND
GRACE = SECOND
POLICIES = """\
version: 1
policies:
  - name: all
    targets:
      first_response: {limit: 5s}
"""


@pytest.mark.parametrize("backlog", [20_000, 100_000], ids=["a reply lies unread", "an hour of input"])
async def test_a_worker_behind_its_deadlines_reads_the_replies_before_it_rings(
    kafka: str, unique: str, tmp_path: Path, seed: int, backlog: int
) -> None:
    """It stops between creation and deadline, and starts behind the deadline and a backlog that ends with the replies.

    Those that really were not answered ring once the backlog is read: by then a false alarm would have rung, too.
    """
    chance = random.Random(seed)
    async with Installation(kafka, unique, tmp_path) as house:
        policies = house.file("policies.yaml", POLICIES)
        worker = await house.worker(policies=policies).ready()
        begun = now()
        answered = [f"answered-{number}" for number in range(30)]
        silent = [f"silent-{number}" for number in range(30)]
        house.events.put(*(created(name, begun) for name in answered + silent))
        house.events.flush()
        await house.caught_up(within=4)
        assert await worker.stop() == 0

        others = [f"other-{number}" for number in range(backlog // 4)]
        for name in chance.choices(others, k=backlog):
            house.events.put(replied(name, begun))
        house.events.put(*(replied(name, begun + SECOND) for name in answered))
        house.events.flush()
        await eventually(lambda: now() > begun + LIMIT + GRACE, timeout=10)

        worker = house.worker(policies=policies)
        await house.alerted(silent, within=90)
        await house.caught_up(within=30)
        alerts = await house.alerts()
        assert {record.partition for record, _ in alerts} == set(range(house.partitions))
        assert sorted(alert["ticket_id"] for _, alert in alerts) == sorted(silent)


async def test_a_deadline_under_a_steady_5000_events_a_second_is_told_in_time(
    kafka: str, unique: str, tmp_path: Path, seed: int
) -> None:
    """There is always something unread: who waits for a moment without finds it now and then, and in twelve partitions
    not soon. The load goes on until the alerts are there."""
    rate, enough = 5_000, 20 * SECOND
    chance = random.Random(seed)
    async with Installation(kafka, unique, tmp_path, partitions=12) as house:
        await house.worker(policies=house.file("policies.yaml", POLICIES)).ready()
        stopped = False

        async def load() -> Pace:
            pace = Pace(rate)
            end = now() + enough
            while not stopped and now() < end:
                for _ in range(pace.owed()):
                    name = f"other-{chance.randrange(50_000)}"
                    house.events.put(event(chance.choice(["customer_replied", "agent_replied"]), name, now()))
                await asyncio.sleep(0.002)
            return pace

        loading = asyncio.create_task(load())
        await asyncio.sleep(0)
        silent = [f"silent-{number}" for number in range(60)]
        begun = now()
        house.events.put(*(created(name, begun) for name in silent))
        await house.alerted(silent, within=enough / SECOND + 10)
        stopped = True
        pace = await loading
        house.events.flush()
        alerts = await house.alerts()
        lateness = [parse_instant(alert["decided_at"]) - begun - LIMIT - GRACE for _, alert in alerts]
        print(f"{pace.achieved:,.0f} events/s; from deadline + grace to the decision: {max(lateness) / SECOND:.3f} s")
        assert pace.achieved > 0.8 * rate
        assert len(alerts) == len(silent)
        assert {record.partition for record, _ in alerts} == set(range(house.partitions))
        assert max(lateness) < 3 * SECOND


@pytest.fixture
def broker() -> Iterator[KafkaCluster]:
    """A single broker that may be stopped."""
    with KafkaCluster() as cluster:
        yield cluster


async def test_a_blind_worker_says_so_and_holds_its_alarms(broker: KafkaCluster, unique: str, tmp_path: Path) -> None:
    """The broker stands still over a deadline, the reply given in time still in its producer's hands.

    Shorter than the session: after a longer outage the worker leaves, and its supervisor starts it again.
    """
    async with Installation(broker.bootstrap, unique, tmp_path, input_stall="2s", session_timeout="30s") as house:
        worker = await house.worker(policies=house.file("policies.yaml", POLICIES)).ready()
        begun = now()
        house.events.put(created("answered", begun), created("silent", begun))
        house.events.flush()
        await house.caught_up(within=4)
        os.kill(broker.pid(1), signal.SIGSTOP)
        try:
            house.events.put(replied("answered", begun + SECOND))

            async def blind() -> bool:
                status, body = await worker.get("/readyz")
                assert (status, "input" in json.loads(body)["problems"]) == (503, True), body
                return True

            await eventually(blind, timeout=10)
            assert await worker.metric("sla_input_stalled") == 1
            await eventually(lambda: now() > begun + LIMIT + GRACE, timeout=10)
            lags = [await worker.metric("sla_input_lag_seconds", partition=str(n)) for n in range(house.partitions)]
            assert min(lags) > 2
        finally:
            os.kill(broker.pid(1), signal.SIGCONT)
        await house.alerted(["silent"], within=40)
        await worker.ready()
        assert "the monitor is blind" in worker.output
        await house.caught_up()
        alerts = [alert for _, alert in await house.alerts()]
        assert [alert["ticket_id"] for alert in alerts if alert["level"] != "operations"] == ["silent"]

        async def told() -> bool:
            operations = [alert for _, alert in await house.alerts() if alert["level"] == "operations"]
            assert [(alert["kind"], alert["target"]) for alert in operations] == [
                ("raised", "input"),
                ("recovered", "input"),
            ]
            return len({alert["alert_id"] for alert in operations}) == 1

        await eventually(told, timeout=10)
        assert await worker.metric("sla_input_stalled") == 0
        assert await worker.stop() == 0
