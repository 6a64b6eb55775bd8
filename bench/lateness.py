"""How late alerts are when 10,000 deadlines pass at one instant: python bench/lateness.py [--tickets N] [--rate N] ...

A worker on one core with 1,000,000 open tickets, under a flow of 5,000 events a second that opens, answers and
resolves tickets drawn from all of them; Prometheus asks every 15 s, boards are published every second. Again and
again 10,000 further tickets are created whose first response is due at the same instant, which nobody gives.
Lateness is from that instant and the grace (1 s) to the record on `sla-alerts`, as stamped by the broker.
Every ticket of them must have one alert, and no other ticket any.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

import house as bench
import results
from kafka_io import now, unread
from soak_record import percentile

from streams.instants import SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from services import KafkaCluster, RedisServer

AHEAD = 15  # seconds from a round's begin to its deadlines
ARMED_BY = 3  # seconds before the deadlines all of their tickets are created
AFTERWARDS = 10  # seconds
WARM = 10  # seconds of flow before the first round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=1_000_000, help="open all the time")
    parser.add_argument("--burst", type=int, default=10_000, help="deadlines at one instant")
    parser.add_argument("--rate", type=int, default=5_000, help="events a second")
    parser.add_argument("--rounds", type=int, default=5)
    size = parser.parse_args()
    with bench.servers() as (kafka, redis, folder):
        results.write("lateness", asyncio.run(measured(kafka, redis, folder, size)))


async def measured(
    kafka: KafkaCluster, redis: RedisServer, folder: Path, size: argparse.Namespace
) -> list[dict[str, object]]:
    house = bench.installation(kafka, redis, folder)
    desk = bench.Desk(house)
    async with house:
        worker = await house.worker(policies=house.file("policies.yaml", bench.policies())).ready()
        await bench.opened(house, desk, worker, size.tickets)
        async with desk.flowing(size.rate), bench.scraping(worker):
            await asyncio.sleep(WARM)
            written, used, began = desk.written, bench.cpu(worker), time.monotonic()
            await asyncio.sleep(WARM)
            share = (bench.cpu(worker) - used) / (time.monotonic() - began)
            bench.say(f"{desk.written - written} events in {WARM} s take {share:.0%} of the core")
            due = [await burst(desk, number, size.burst) for number in range(size.rounds)]
            behind = await unread(house.bootstrap, house.app, house.topics.inputs, house.partitions)
            peak = bench.memory(worker, "VmHWM")
        late: list[list[float]] = [[] for _ in due]
        for record, alert in await house.alerts():
            assert alert["ticket_id"].startswith("due-"), alert
            number = int(alert["ticket_id"].split("-")[1])
            late[number].append(record.timestamp - (due[number] + bench.GRACE) / 1000)
        assert [len(of_one) for of_one in late] == [size.burst] * size.rounds, [len(of_one) for of_one in late]
    return rows(late, size, share, behind / size.rate, peak)


async def burst(desk: bench.Desk, number: int, count: int) -> int:
    """Creates tickets that are all due at one instant, steadily, and waits until that is past; the instant."""
    due = (now() // SECOND + AHEAD + 1) * SECOND
    begun, until = time.monotonic(), AHEAD - ARMED_BY
    armed = 0
    while armed < count:
        wanted = min(count, round(count * (time.monotonic() - begun) / until) + 1)
        for ticket in range(armed, wanted):
            desk.arm(f"due-{number}-{ticket}", due)
        armed = wanted
        await asyncio.sleep(0.02)
    assert now() < due - SECOND, "too slow: the deadlines would pass before their tickets are there"
    await asyncio.sleep((due - now()) / SECOND + AFTERWARDS)
    return due


def rows(
    late: list[list[float]], size: argparse.Namespace, share: float, behind: float, peak: int
) -> list[dict[str, object]]:
    everything = [one for of_one in late for one in of_one]
    of_rounds = {
        name: [round(percentile(of_one, q) if q < 100 else max(of_one)) for of_one in late]
        for name, q in (("p50", 50), ("p99", 99), ("max", 100))
    }
    load = {"tickets": size.tickets, "burst": size.burst, "rate": size.rate}
    return [
        bench.row("lateness p50", percentile(everything, 50), "ms", at_most=100, rounds=of_rounds["p50"], **load),
        bench.row("lateness p99", percentile(everything, 99), "ms", at_most=300, rounds=of_rounds["p99"], **load),
        bench.row("lateness max", max(everything), "ms", rounds=of_rounds["max"], **load),
        bench.row("share of the core before the first burst", 100 * share, "%", **load),
        bench.row("input behind at the end", behind, "s", **load),
        bench.row("memory at the most", peak, "MB", **load),
    ]


if __name__ == "__main__":
    main()
