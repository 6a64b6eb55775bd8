"""Hits a worker within milliseconds of an alert that it has just written: between the alert and the changelog.

Started as a program it watches the alerts topic and signals the owner of the partition that the first new alert comes
from. A process of its own: beside a load and a chat in one interpreter it would come too late.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition
from waiting import eventually

if TYPE_CHECKING:
    from signal import Signals

    from fault_site import Site


@dataclass(frozen=True)
class Shot:
    """A worker that was hit, and the ticket of whose alert; times in seconds since the epoch."""

    worker: str
    partition: int
    ticket: str
    written: float
    at: float


async def shoot(site: Site, number: Signals, within: float = 30) -> Shot:
    """Signals the worker that writes the next alert. Raises TimeoutError where none comes in so many seconds."""

    async def owned() -> dict[int, str]:
        holders = await site.holders()
        assert len(holders) == site.house.partitions, holders
        return {partition: names[0] for partition, names in holders.items()}

    holders = await eventually(owned, within, what="every partition has an owner to aim at")
    order = {
        "bootstrap": site.house.bootstrap,
        "topic": site.house.topics.alerts,
        "owners": {partition: site.workers[name].program.pid for partition, name in holders.items()},
        "signal": number,
    }
    marksman = await asyncio.create_subprocess_exec(
        sys.executable, __file__, json.dumps(order), stdout=asyncio.subprocess.PIPE
    )
    assert marksman.stdout is not None
    try:
        async with asyncio.timeout(within):
            hit = json.loads(await marksman.stdout.readline())
    finally:
        if marksman.returncode is None:
            marksman.kill()
        await marksman.wait()
    shot = Shot(holders[hit["partition"]], **hit)
    site.hit(shot.worker, number, "at an alert")
    return shot


def main() -> None:
    """`bootstrap`, `topic`, `owners` (process ids by partition) and `signal` as JSON in; the hit as JSON out."""
    order = json.loads(sys.argv[1])
    owners = {int(partition): pid for partition, pid in order["owners"].items()}
    consumer = Consumer(
        {
            "bootstrap.servers": order["bootstrap"],
            "group.id": "marksman",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    places = [TopicPartition(order["topic"], number) for number in owners]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=20)[1]
    consumer.assign(places)
    while (message := consumer.poll(1)) is None or message.error():
        pass
    os.kill(owners[message.partition()], order["signal"])
    hit = {
        "partition": message.partition(),
        "ticket": message.key().decode(),
        "written": message.timestamp()[1] / 1000,
        "at": time.time(),
    }
    print(json.dumps(hit), flush=True)


if __name__ == "__main__":
    main()
