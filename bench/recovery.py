"""How soon a worker is back with 1,000,000 open tickets, and its memory: python bench/recovery.py [--tickets=N ...]

A worker on one core reads a million creations (three targets each). It is killed (-9) and started again on its local
state, then killed and started on an empty disk, its state coming from the changelog. Times are from the start of the
process, Python's own included; a partition is live once its alarms ring, by `sla_partitions_live`. The broker holds
a killed worker to be alive for its session (10 s); it is started again once that is over, and once more at once.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple

import house as bench
import results
from waiting import eventually

from config.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from processes import Installation, Program
    from services import KafkaCluster, RedisServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=Settings.model_fields["partitions"].default)
    size = parser.parse_args()
    with bench.servers() as (kafka, redis, folder):
        results.write("recovery", asyncio.run(measured(kafka, redis, folder, size)))


class Back(NamedTuple):
    """Seconds from the start of the process, and MB."""

    first_live: float
    all_live: float
    in_time: float
    """Input is read up to the present again."""
    peak: int
    memory: int


async def measured(
    kafka: KafkaCluster, redis: RedisServer, folder: Path, given: argparse.Namespace
) -> list[dict[str, object]]:
    tickets = given.tickets
    house = bench.installation(kafka, redis, folder, partitions=given.partitions)
    desk = bench.Desk(house)
    policies = house.file("policies.yaml", bench.policies())
    state = folder / house.app / "w1"
    async with house:
        worker = await house.worker(policies=policies).ready()
        opening = await bench.opened(house, desk, worker, tickets)
        peaks = [bench.memory(worker, "VmHWM")]
        found: dict[str, Back] = {}
        for name, wait, empty in (
            ("from local state", bench.SESSION + 2, False),
            ("from an empty disk", bench.SESSION + 2, True),
            ("from local state, started at once", 0, False),
        ):
            worker.kill()
            if empty:
                shutil.rmtree(state)
            await asyncio.sleep(wait)
            worker, found[name] = await back(house, policies, tickets)
            peaks.append(found[name].peak)
            bench.say(f"{name}: {found[name]}")
            for line in worker.output.splitlines():
                if taken := re.search(r"^(\S+ \S+) .*(partition \d+ taken from .*)", line):
                    bench.say(f"  {taken[1]} {taken[2]}")
        assert await worker.stop() == 0
    size = {"tickets": tickets, "partitions": house.partitions}
    rows = [
        bench.row("opened in", opening, "s", **size),
        bench.row("memory at the most", max(peaks), "MB", at_most=900, each=peaks, **size),
    ]
    targets = {"from local state": 10, "from an empty disk": 20}
    for name, times in found.items():
        all_within = {"at_most": targets[name]} if name in targets else {}
        first_within = {"at_most": 3} if name == "from an empty disk" else {}
        rows += [
            bench.row(f"{name}: first partition live", times.first_live, "s", **first_within, **size),
            bench.row(f"{name}: all live", times.all_live, "s", **all_within, **size),
            bench.row(f"{name}: in time again", times.in_time, "s", **size),
            bench.row(f"{name}: memory then", times.memory, "MB", peak=times.peak, **size),
        ]
    return rows


async def back(house: Installation, policies: str, tickets: int) -> tuple[Program, Back]:
    """Starts a worker, and waits until it is where it was before it was killed."""
    began = time.monotonic()
    worker = house.worker(policies=policies)
    times = []
    for partitions in (1, house.partitions):
        await bench.reached(worker, "sla_partitions_live", partitions)
        times.append(time.monotonic() - began)

    async def in_time() -> bool:
        return 0 < bench.figure(await bench.page(worker), "sla_input_lag_seconds") < 2 * house.partitions

    await eventually(in_time, 600, every=0.1, what="input is read up to the present")
    times.append(time.monotonic() - began)
    kept = bench.figure(await bench.page(worker), "sla_tickets_kept")
    assert kept == tickets, f"{kept} tickets are kept, not {tickets}"
    return worker, Back(*times, bench.memory(worker, "VmHWM"), bench.memory(worker))


if __name__ == "__main__":
    main()
