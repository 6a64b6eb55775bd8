"""Workers killed, stopped and resumed, restarted and scaled under load: nothing is lost, doubled or false."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import defaultdict
from signal import SIGKILL, SIGSTOP
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from fault_site import Site
from marksman import Shot, shoot
from waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Figures
    from services import RedisServer
    from supervised import Supervised

pytestmark = pytest.mark.alone

SESSION = 3.0  # seconds, of an Installation's processes
PLANNED = 5.0  # seconds that a planned hand-over may take


async def test_kill_9_under_load_some_between_an_alert_and_its_changelog(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """Most are aimed: they have landed where the alert's ticket was not written to the changelog before the kill.

    Every fifth comes at any moment and, in the full form, another one in the middle of the take-over.
    """
    rate, kills, wanted, victims = (1000, 10, 3, ("w1", "w2")) if full else (300, 4, 1, ("w1",))
    chance = random.Random(seed)
    workers = len(victims) + 1
    async with Site(kafka, redis_server, tmp_path, unique, seed, workers=workers, notifiers=2, limit=4) as site:
        done, uncommitted, shots = 0, [], []
        async with site.load(rate):
            await asyncio.sleep(site.limit)  # seconds until the first tickets are due
            while done < kills or (len(await landed(site, shots)) < wanted and done < 2 * kills):
                await site.all_live(within=60)
                if done % 5 == 1:
                    for name in victims:
                        await asyncio.sleep(chance.uniform(0, SESSION / 2))
                        await site.kill(name)
                        done += 1
                    continue
                shots.append(await shoot(site, SIGKILL))
                uncommitted.append(await uncommitted_input(site, [shots[-1].partition]))
                done += 1
        await site.settled(within=90)
        report = await site.verdict(latest=SESSION + 15)
        hits = await landed(site, shots)
        assert len(hits) >= wanted, f"{len(hits)} of {len(shots)} aimed kills landed between alert and changelog"
        assert max(uncommitted) > 0
        figures(
            fault="kill -9 of a worker under load",
            shown="Each breach in the chat once; ledger and gauges are the oracle's.",
            events_a_second=rate,
            events=report.events,
            breaches=report.breaches,
            kills=done,
            aimed=len(shots),
            landed_between_alert_and_changelog=len(hits),
            alerts_twice_on_topic=report.twice_on_topic,
            uncommitted_input_at_a_kill=f"up to {max(uncommitted)} records",
            late_p50=f"{report.late_p50} s",
            late_p99=f"{report.late_p99} s",
            late_max=f"{report.late_max} s",
        )


async def landed(site: Site, shots: list[Shot]) -> list[Shot]:
    """The shots after which the ticket's state was not written: its worker died between the alert and the changelog."""
    states = defaultdict(list)
    for record in await site.house.records(site.house.topics.changelog):
        states[record.key.decode()].append(record.timestamp / 1000)
    return [shot for shot in shots if not any(shot.written <= at <= shot.at for at in states[shot.ticket])]


async def uncommitted_input(site: Site, partitions: list[int]) -> int:
    """Records of these partitions' input that nobody has committed."""
    places = [TopicPartition(topic, number) for topic in site.house.topics.inputs for number in partitions]
    admin = AIOKafkaAdminClient(bootstrap_servers=site.house.bootstrap)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(site.house.app)
    finally:
        await admin.close()
    async with AIOKafkaConsumer(bootstrap_servers=site.house.bootstrap) as consumer:
        ends = await consumer.end_offsets(places)
    return sum(ends[place] - (committed[place].offset if place in committed else 0) for place in places)


async def test_a_worker_stopped_for_three_sessions_changes_nothing_when_it_goes_on(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """It is stopped at an alert, its write of the ticket still to come; resumed, it finds that its session is over."""
    rate, rounds = (1000, 3) if full else (300, 1)
    async with Site(kafka, redis_server, tmp_path, unique, seed, limit=4) as site:
        held_back, left_after, echoes, foreign = [], [], 0, 0.0
        async with site.load(rate):
            await asyncio.sleep(site.limit)  # seconds until the first tickets are due
            for _ in range(rounds):
                await site.all_live(within=60)
                shot = await shoot(site, SIGSTOP)
                zombie = site.workers[shot.worker]
                await site.all_live(within=SESSION + 30)
                await eventually(lambda shot=shot: time.time() > shot.at + 3 * SESSION, timeout=4 * SESSION)
                resumed = time.time()
                await site.cont(shot.worker)
                left, code = await next_exit(zombie)
                assert code == 70
                left_after.append(left - resumed)
                (held,) = re.findall(r"session ran out .* held back (\d+) times", zombie.program.output)[-1:]
                held_back.append(int(held))
                foreign += await site.metric("sla_foreign_writes_total")
                echoes += await repeated(site, resumed, left)
        await site.settled(within=90)
        report = await site.verdict(latest=SESSION + 15)
        assert (foreign, echoes) == (0, 0)
        figures(
            fault="a worker stopped (SIGSTOP) for three session timeouts, then resumed",
            shown="It leaves with 70; none of its writes reached Kafka: no changelog record, no alert of its own.",
            events_a_second=rate,
            breaches=report.breaches,
            rounds=rounds,
            left_after=f"at most {max(left_after):.1f} s",
            writes_held_back=sum(held_back),
            foreign_changelog_records=int(foreign),
            alerts_after_it_was_resumed=echoes,
            late_max=f"{report.late_max} s",
        )


async def next_exit(one: Supervised, within: float = 20) -> tuple[float, int]:
    """When it left, and its exit code."""
    lives = len(one.exits)
    await eventually(lambda: len(one.exits) > lives, within, what=f"{one.name} leaves")
    return one.exits[-1]


async def repeated(site: Site, since: float, until: float) -> int:
    """Alert records of this time that lay on the topic before."""
    records = [(r.timestamp / 1000, (alert["alert_id"], alert["kind"])) for r, alert in await site.house.alerts()]
    known = {said for at, said in records if at < since}
    return sum(since <= at <= until and said in known for at, said in records)


async def test_planned_hand_overs_rolling_restart_and_one_to_three_to_one_workers(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """In the short form 1 to 2 to 1."""
    rate, rounds, names = (1000, 3, ["w1", "w2", "w3"]) if full else (300, 1, ["w1", "w2"])
    async with Site(kafka, redis_server, tmp_path, unique, seed, workers=1, notifiers=2, limit=4) as site:
        took: list[float] = []

        async def hand_over(name: str) -> None:
            began = time.monotonic()
            site.hold(name)
            assert await site.terminate(name) == 0
            await site.all_live(within=60)
            took.append(time.monotonic() - began)

        async with site.load(rate):
            await asyncio.sleep(site.limit)  # seconds until the first tickets are due
            for _ in range(rounds):
                for name in names[1:]:
                    await site.start(name)
                    site.fault("join", name)
                await site.all_live(within=60, shared=True)
                for name in names:
                    await hand_over(name)
                    await site.start(name)
                    await site.all_live(within=60, shared=True)
                for name in names[1:]:
                    await hand_over(name)
        await site.settled(within=60)
        report = await site.verdict(latest=10)
        figures(
            fault=f"rolling restart by SIGTERM, and 1 to {len(names)} to 1 workers",
            shown="No dead letter; each breach in the chat once, none late by more than 10 s.",
            events_a_second=rate,
            breaches=report.breaches,
            hand_overs=len(took),
            slowest_hand_over=f"{max(took):.1f} s",
            late_p99=f"{report.late_p99} s",
            late_max=f"{report.late_max} s",
        )
        assert max(took) < PLANNED, took
