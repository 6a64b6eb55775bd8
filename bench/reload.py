"""How a change of policies is taken with many open tickets: python bench/reload.py [--tickets N] [--rate N]

A worker on one core with 1,000,000 open tickets, under 1,000 events a second. The policy file gets other limits for
every target, and the worker a SIGHUP. Measured are the time until every ticket is judged by the new ones (its alarm
is right from then on), how long the worker's event loop stood still at the most before and during it (the longest
answer to /healthz of a hundred a second), and how long a ticket's creation took to its ledger record, which is what
the whole stream makes of it.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

import house as bench
import results
from confluent_kafka import Consumer, TopicPartition
from promises import hang_up, in_force
from soak_record import percentile
from waiting import eventually

from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from processes import Installation, Program
    from services import KafkaCluster, RedisServer

CALM = 15.0  # seconds of flow before the change, to compare with
NEW_LIMIT = "480h"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second")
    size = parser.parse_args()
    with bench.servers() as (kafka, redis, folder):
        results.write("reload", asyncio.run(measured(kafka, redis, folder, size)))


async def measured(
    kafka: KafkaCluster, redis: RedisServer, folder: Path, size: argparse.Namespace
) -> list[dict[str, object]]:
    house = bench.installation(kafka, redis, folder)
    desk = bench.Desk(house)
    async with house:
        worker = await house.worker(policies=house.file("policies.yaml", bench.policies())).ready()
        await bench.opened(house, desk, worker, size.tickets)
        before = await in_force(worker)
        async with desk.flowing(size.rate), bench.scraping(worker), bench.asking(worker) as waits:
            await asyncio.sleep(CALM)
            house.file("policies.yaml", bench.policies(NEW_LIMIT))
            changed, used = time.time(), bench.cpu(worker)
            hang_up(worker)
            await eventually(lambda: all_right(worker, size.tickets), 600, every=1, what="all tickets are judged anew")
            right, used = time.time(), bench.cpu(worker) - used
            await asyncio.sleep(2)
        assert await in_force(worker) != before
        delays = await asyncio.to_thread(delayed, house, desk.created, changed - CALM)
        behind = bench.figure(await bench.page(worker), "sla_input_lag_seconds")
        assert await worker.stop() == 0
    bench.say(f"input lag at the end, over all partitions: {behind:.1f} s")
    return rows(size, changed, right, used, waits, delays)


async def all_right(worker: Program, tickets: int) -> bool:
    """Whether every ticket that was there is judged by the policies in force. Those the flow created since are."""
    text = await bench.page(worker)
    anew, left = (bench.figure(text, f"sla_tickets_{name}") for name in ("judged_anew_total", "to_judge_anew"))
    assert anew >= tickets, f"{anew:.0f} judged anew"
    assert left == 0, f"{left:.0f} left"
    return True


def delayed(house: Installation, created: Mapping[str, int], since: float) -> list[tuple[float, float]]:
    """Of each ticket that the flow created: when (seconds since the epoch), and the seconds to its ledger record."""
    consumer = Consumer({"bootstrap.servers": house.bootstrap, "group.id": "none", "enable.auto.commit": False})
    try:
        places = [TopicPartition(house.topics.ledger, n, int(since * 1000)) for n in range(house.partitions)]
        consumer.assign(consumer.offsets_for_times(places, timeout=30))
        first: dict[str, float] = {}
        while messages := consumer.consume(50_000, timeout=3):
            for message in messages:
                ticket = (message.key() or b"").decode()
                if ticket in created and ticket not in first:
                    first[ticket] = message.timestamp()[1] / 1000
    finally:
        consumer.close()
    known = [(at / SECOND, first[ticket] - at / SECOND) for ticket, at in created.items() if ticket in first]
    assert len(known) > 0.9 * len(created), f"{len(created) - len(known)} of {len(created)} are not in the ledger"
    return known


def rows(
    size: argparse.Namespace, changed: float, right: float, used: float, waits: Sequence[bench.Wait],
    delays: Sequence[tuple[float, float]],
) -> list[dict[str, object]]:  # fmt: skip
    load = {"tickets": size.tickets, "rate": size.rate}
    found = [
        bench.row("all deadlines right after", right - changed, "s", at_most=60, **load),
        bench.row("CPU of it, the flow's included", used, "s", **load),
    ]
    for name, since, until in (("during it", changed, right), ("before", 0.0, changed)):
        stood = [1000 * wait.seconds for wait in waits if since <= wait.at < until]
        took = [1000 * seconds for at, seconds in delays if since <= at < until]
        target = {"at_most": 200} if name == "during it" else {}
        longest = sorted(stood)[-5:]
        found += [
            bench.row(f"longest stall {name}", max(stood), "ms", **target, longest=[round(x) for x in longest], **load),
            bench.row(f"stalls {name}, p99", percentile(stood, 99), "ms", **load),
            bench.row(f"creation to ledger record {name}, p50", percentile(took, 50), "ms", **load),
            bench.row(f"creation to ledger record {name}, p99", percentile(took, 99), "ms", **load),
            bench.row(f"creation to ledger record {name}, max", max(took), "ms", **load),
        ]
    return found


if __name__ == "__main__":
    main()
