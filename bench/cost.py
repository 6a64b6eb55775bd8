"""What an event costs as tickets and policies grow in number: python bench/cost.py [--only=tickets|policies]

Open tickets: a worker on one core of a real Kafka, with 10,000 and then with 1,000,000 of them, under 3,000 events a
second and then under 300. Every ticket has the same life of five events, and those that get events are drawn from all
open ones, so that the two runs differ in nothing else. CPU seconds of the process (all of its threads, boards,
metrics and heartbeats included) over the events it has read.

Policies: the owner of one partition in this process, without Kafka, fed the same events of 200 teams under 10 and
under 200 policies of three targets each. CPU seconds, in turns; the median of each.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import house as bench
import load
import msgspec
import results
from partitions import Bench, Input

from config.policies import load_policies
from streams.events import TOPIC_OF
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processes import Program
    from services import KafkaCluster, RedisServer

    from streams.policies import Policies

OPEN = (10_000, 1_000_000)
RATES = (3_000, 300)  # events a second
SECONDS = 40  # that each is measured for
WARM = 10  # seconds
NUMBERS = (10, 200)  # of policies
TEAMS = 200
EVENTS = 100_000
CHUNK = 500  # events
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("tickets", "policies"))
    only = parser.parse_args().only
    rows: list[dict[str, object]] = []
    if only != "tickets":
        rows += by_policies()
    if only != "policies":
        with bench.servers() as (kafka, redis, folder):
            rows += asyncio.run(by_open_tickets(kafka, redis, folder))
    results.write("cost", rows)


# Open tickets


async def by_open_tickets(kafka: KafkaCluster, redis: RedisServer, folder: Path) -> list[dict[str, object]]:
    rows, costs = [], {}
    for tickets in OPEN:
        house = bench.installation(kafka, redis, folder, f"bench-{tickets}")
        desk = bench.Desk(house)
        async with house:
            worker = await house.worker(policies=house.file("policies.yaml", bench.policies())).ready()
            await bench.opened(house, desk, worker, tickets)
            for rate in RATES:
                async with desk.flowing(rate), bench.scraping(worker):
                    await asyncio.sleep(WARM)
                    share, each = await used(worker)
                how = {"tickets": tickets, "rate": rate}
                costs[tickets, rate] = each
                rows.append(bench.row(f"an event, {tickets:,} open tickets, {rate} events/s", 1e6 * each, "us", **how))
                target = {"at_most": 15} if rate == min(RATES) else {}
                share *= 100
                rows.append(
                    bench.row(f"share of a core, {tickets:,} open, {rate} events/s", share, "%", **target, **how)
                )
            assert await worker.stop() == 0
    few, many = OPEN
    for rate in RATES:
        ratio, target = costs[many, rate] / costs[few, rate], {"at_most": 1.3} if rate == max(RATES) else {}
        what = f"an event with {many:,} open tickets over one with {few:,}, {rate} events/s"
        rows.insert(0, bench.row(what, ratio, "times", **target, rate=rate))
    return rows


async def used(worker: Program) -> tuple[float, float]:
    """The share of a core that it takes, and the CPU seconds an event."""
    began, before, read = (
        time.monotonic(),
        bench.cpu(worker),
        bench.figure(await bench.page(worker), "sla_events_total"),
    )
    await asyncio.sleep(SECONDS)
    read = bench.figure(await bench.page(worker), "sla_events_total") - read
    spent = bench.cpu(worker) - before
    return spent / (time.monotonic() - began), spent / read


# Policies


def by_policies() -> list[dict[str, object]]:
    os.sched_setaffinity(0, {bench.ENGINE})
    chunks = [(begin, list(inputs)) for begin, inputs in _chunks()]
    spent: dict[int, list[float]] = {number: [] for number in NUMBERS}
    for _ in range(ROUNDS):
        for number in NUMBERS:
            spent[number].append(applied(chunks, _policies(number)))
    each = {number: 1e6 * median(times) / EVENTS for number, times in spent.items()}
    few, many = NUMBERS
    rounds = {number: [round(1e6 * one / EVENTS, 2) for one in times] for number, times in spent.items()}
    return [
        bench.row(f"an event with {many} policies over one with {few}", each[many] / each[few], "times", at_most=1.2),
        *(bench.row(f"an event, {number} policies", each[number], "us", rounds=rounds[number]) for number in NUMBERS),
    ]


def applied(chunks: Sequence[tuple[int, Sequence[Input]]], policies: Policies) -> float:
    """CPU seconds that a partition's owner takes for all of it; what it wants kept is kept."""
    desk = Bench(policies, chunks[0][0])
    gc.collect()
    spent = 0.0
    for now, inputs in chunks:
        began = time.process_time()
        changes = desk.partition.chunk(inputs, now)
        spent += time.process_time() - began
        desk.store.put(changes.tickets)
        desk.store.settle({}, changes.derived, desk.store.mark, ())
    assert desk.count("sla_events_total", type="ticket_created", outcome="applied") > EVENTS / 10
    return spent


def _chunks() -> list[tuple[int, list[Input]]]:
    found: list[tuple[int, list[Input]]] = []
    inputs: list[Input] = []
    for at, kind, ticket_id, value in load.events(EVENTS, time.time() - 86_400):
        event = msgspec.json.decode(value)
        if "team" in event:
            event["team"] = f"team-{int(ticket_id[1:]) % TEAMS}"
        inputs.append(Input(TOPIC_OF[kind], ticket_id.encode(), msgspec.json.encode(event)))
        if len(inputs) == CHUNK:
            found.append((int(at * SECOND), inputs))
            inputs = []
    return found


def _policies(number: int) -> Policies:
    """So many policies that share the teams evenly among them, with limits that differ."""
    rules = []
    for place in range(number):
        teams = ", ".join(f"team-{team}" for team in range(place, TEAMS, number))
        rules.append(
            f"  - name: p{place}\n    when: {{team: [{teams}]}}\n    targets: "
            f"{{first_response: {{limit: {place % 90 + 10}m}}, next_response: {{limit: {place % 90 + 10}m}}, "
            f"resolution: {{limit: {place % 20 + 4}h}}}}\n"
        )
    path = Path(results.FOLDER, f"policies-{number}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("version: 1\npolicies:\n" + "".join(rules))
    return load_policies(path)


if __name__ == "__main__":
    main()
