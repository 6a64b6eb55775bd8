"""Brokers killed and started again: workers wait and say so, or leave and are started again; nothing is lost."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from confluent_kafka.admin import AdminClient
from fault_site import Site
from kafka_io import now
from processes import Installation, appetite
from services import KafkaCluster
from waiting import eventually

from streams.instants import SECOND, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conftest import Figures
    from services import RedisServer

SESSION = 10  # seconds, the product's own: a test's shorter one would not outlast the election of a leader
STALL = 5  # seconds
WAITING = 0.25  # of a core: what a worker may use that can neither read nor write
SETTINGS = {"session_timeout": f"{SESSION}s", "input_stall": f"{STALL}s"}


@pytest.fixture
def broker() -> Iterator[KafkaCluster]:
    """A single broker of the test's own."""
    with KafkaCluster() as cluster:
        yield cluster


async def _readiness(port: int) -> int:
    """The status of /readyz; 0 while nobody answers."""
    try:
        url = f"http://127.0.0.1:{port}/readyz"
        async with aiohttp.request("GET", url, timeout=aiohttp.ClientTimeout(3)) as response:
            return response.status
    except (aiohttp.ClientError, TimeoutError):
        return 0


async def _all_red(site: Site, names: Iterable[str]) -> float:
    """Waits until each of them is not ready, or has left; the seconds it took."""
    return await _each(site, names, lambda status: status != 200, 40, "is not ready")


async def _all_green(site: Site) -> float:
    """Waits until every process is ready; the seconds it took."""
    return await _each(site, [*site.workers, *site.notifiers], lambda status: status == 200, 120, "is ready")


async def _each(site: Site, names: Iterable[str], wanted: Any, within: float, what: str) -> float:
    begun = time.monotonic()
    left = set(names)

    async def done() -> bool:
        for name in list(left):
            one = site.workers.get(name) or site.notifiers[name]
            if wanted(await _readiness(one.program.port)):
                left.discard(name)
        assert not left, left
        return True

    await eventually(done, within, every=0.1, what=f"each of them {what}")
    return time.monotonic() - begun


def _exits(site: Site) -> list[int]:
    """Of workers and notifiers, whatever made them leave; a kill is none."""
    return [code for one in (*site.workers.values(), *site.notifiers.values()) for _, code in one.exits if code >= 0]


async def _told(site: Site) -> bool:
    """Operations were told that the monitor was blind."""
    return any(
        (body["level"], body["target"], body["kind"]) == ("operations", "input", "raised")
        for body in (post.body for post in site.chat.posts)
    )


@pytest.mark.timeout(900)
async def test_the_only_broker_killed_and_started_again(
    broker: KafkaCluster,
    redis_server: RedisServer,
    unique: str,
    tmp_path: Path,
    seed: int,
    full: bool,
    figures: Figures,
) -> None:
    """At once, and after longer than the session: then workers and notifiers are red all the time, and green after."""
    away = 60 if full else SESSION + 2
    async with Site(broker, redis_server, tmp_path, unique, seed, settings=SETTINGS) as site:
        everyone = [*site.workers, *site.notifiers]
        async with site.load(200 if full else 50):
            await eventually(lambda: site.chat.posts, 60, what="the first breach")
            site.fault("broker kill -9", "started at once")
            broker.kill(1)
            began = time.monotonic()
            red = asyncio.create_task(_all_red(site, site.workers))
            await asyncio.to_thread(broker.start, 1)
            briefly = time.monotonic() - began
            red_after = await red
            green_at_once = await _all_green(site)
            after_brief = _exits(site)

            site.fault("broker kill -9", f"away for {away} s")
            broker.kill(1)
            began = time.monotonic()
            await _all_red(site, everyone)
            used = await appetite([one.program for one in site.workers.values()], 4)
            await asyncio.sleep(max(0.0, began + away - time.monotonic()))  # how long it is away is the fault
            assert [await _readiness(site.workers[name].program.port) for name in site.workers] != [200, 200]
            await asyncio.to_thread(broker.start, 1)
            green = await _all_green(site)
        await site.settled(within=120)
        report = await site.verdict()
        await eventually(lambda: _told(site), 30, what="operations know that the monitor was blind")
        assert set(_exits(site)) <= {70}
        assert max(used) < WAITING, used
    figures(
        fault="the only broker killed (kill -9) and started again",
        shown="Red, then green; each breach in the chat once, ledger and gauges the oracle's.",
        away=f"{briefly:.1f} s, then {away} s",
        cpu_while_away=f"{max(used):.0%} of a core",
        red_after=f"{red_after:.1f} s",
        green_after=f"{green_at_once:.1f} s, then {green:.1f} s",
        left_with_70_and_started_again=f"{len(after_brief)}, then {len(_exits(site)) - len(after_brief)}",
        events=report.events,
        breaches=report.breaches,
        corrected=report.corrected,
        late_max=f"{report.late_max} s",
    )


@pytest.mark.timeout(1200)
async def test_three_nodes_lose_their_leaders_one_by_one_and_then_two_at_once(
    kafka_cluster: KafkaCluster,
    redis_server: RedisServer,
    unique: str,
    tmp_path: Path,
    seed: int,
    full: bool,
    figures: Figures,
) -> None:
    """A partition's leader, the controller; in full the group's coordinator and each node once more. With two of three
    down nothing can be written: the worker says that it waits, and after it nothing acknowledged is missing."""
    cluster = kafka_cluster
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    async with Site(cluster, redis_server, tmp_path, unique, seed, settings=SETTINGS) as site:

        def coordinator() -> int:
            group = admin.describe_consumer_groups([site.house.app])[site.house.app].result(timeout=30)
            return int(group.coordinator.id)

        def leader() -> int:
            topic = site.house.topics.changelog
            return int(admin.list_topics(topic, timeout=30).topics[topic].partitions[0].leader)

        bounces = [("partition leader", leader), ("controller", lambda: cluster.controller)]
        if full:
            bounces += [("group coordinator", coordinator)]
            bounces += [(f"node {node}", lambda node=node: node) for node in (1, 2, 3, 1, 2)]
        down = []
        async with site.load(300 if full else 50):
            await eventually(lambda: site.chat.posts, 60, what="the first breach")
            for what, find in bounces:
                node = await eventually(lambda find=find: find(), 30, what=what)
                site.fault("node kill -9", f"{what}: {node}")
                cluster.kill(node)
                began = time.monotonic()
                if what in ("partition leader", "controller"):
                    await site.all_live(within=90)  # two of three are enough
                await asyncio.to_thread(cluster.start, node)
                down.append(time.monotonic() - began)
            await _all_green(site)
            single = len(_exits(site))

            first, second = cluster.controller, next(node for node in cluster.nodes if node != cluster.controller)
            site.fault("two of three killed", f"{first}, {second}")
            cluster.kill(first)
            cluster.kill(second)
            began = time.monotonic()
            red_after = await _all_red(site, [*site.workers, *site.notifiers])
            said = [await _says_so(site, name) for name in site.workers]
            used = await appetite([one.program for one in site.workers.values()], 4)
            two_down = time.monotonic() - began
            for node in (first, second):
                await asyncio.to_thread(cluster.start, node)
            green = await _all_green(site)
        await site.settled(within=150)
        report = await site.verdict()
        await eventually(lambda: _told(site), 30, what="operations know that the monitor was blind")
        assert set(_exits(site)) <= {70}
        assert max(used) < WAITING, used
    figures(
        fault="three nodes: leader and controller killed" + (", coordinator, five bounces" if full else ""),
        shown="Nothing lost or doubled; workers go on.",
        bounces=len(bounces),
        down=f"{min(down):.0f}-{max(down):.0f} s each",
        left_with_70_and_started_again=single,
        events=report.events,
        breaches=report.breaches,
        late_p99=f"{report.late_p99} s",
        two_of_three_down=f"{two_down:.0f} s",
        two_down_red_after=f"{red_after:.1f} s",
        two_down_stalled_said_after=f"{max(said):.1f} s",
        two_down_cpu=f"{max(used):.0%} of a core",
        two_down_green_after=f"{green:.1f} s after both were back",
        two_down_left_with_70=len(_exits(site)) - single,
        late_max=f"{report.late_max} s",
    )


async def _says_so(site: Site, name: str) -> float:
    """Waits until a worker shows in log, gauges and /readyz that it reads and writes no more; the seconds it took."""
    begun = time.monotonic()

    async def said() -> bool:
        program = site.workers[name].program
        status, body = await program.get("/readyz")
        assert (status, "alarms hold for a moment" in program.output) == (503, True), body
        assert "the monitor is blind" in program.output
        assert await program.metric("sla_alarms_held") == 1
        assert await program.metric("sla_input_stalled") == 1
        return True

    await eventually(said, 40, every=0.2, what=f"{name} says that it waits")
    return time.monotonic() - begun


async def test_a_time_without_any_worker_is_told(kafka: str, unique: str, tmp_path: Path) -> None:
    """Whoever comes after it tells operations since when nobody looked, and that somebody does again."""
    async with Installation(kafka, unique, tmp_path, input_stall="3s") as house:
        worker = await house.worker().ready()
        first = await eventually(lambda: _signs(house), 20, what="a sign of life")
        worker.kill()
        last = max(await _signs(house))
        await eventually(lambda: now() > last + 4 * SECOND, 20)
        begun = now()
        worker = await house.worker().ready()
        alerts = [alert for _, alert in await eventually(lambda: _both(house), 20, what="raised and recovered")]
        assert [(alert["level"], alert["target"], alert["kind"]) for alert in alerts] == [
            ("operations", "input", "raised"),
            ("operations", "input", "recovered"),
        ]
        assert min(first) <= parse_instant(alerts[0]["started_at"]) < begun - 3 * SECOND
        assert "the monitor is blind" in worker.output


async def _both(house: Installation) -> list[Any]:
    alerts = await house.alerts()
    return alerts if len(alerts) > 1 else []


async def _signs(house: Installation) -> list[int]:
    """When workers with partitions gave a sign of life."""
    signs = [json.loads(record.value) for record in await house.records(house.topics.heartbeats)]
    return [sign["at"] for sign in signs if sign["partitions"]]
