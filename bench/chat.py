"""How soon an alert is in the chat: python bench/chat.py [--seconds N] [--rate N] [--alerts N] [--tickets N]

Worker and notifier on one core, claims in Redis, a chat over HTTP (a destination of kind `webhook`, without a rate
limit) in the harness. 20 deadlines a second pass, evenly, while 300 events a second flow over 10,000 open tickets.
Measured from deadline and grace (1 s) to the message's last byte at the chat, and on the way to the record on
`sla-alerts`, as stamped by the broker. Every alert must arrive once.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import house as bench
import results
from fake_chat import FakeChat
from kafka_io import now
from soak_record import percentile
from waiting import eventually

from streams.instants import SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from services import KafkaCluster, RedisServer

AHEAD = 10  # seconds from the tickets' creation to the first deadline
ROUTING = """\
version: 1
destinations: {{desk: {{kind: webhook, url: '{url}', timeout: 5s}}}}
routes: [{{to: [desk]}}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=10_000, help="open all the time")
    parser.add_argument("--rate", type=int, default=300, help="events a second")
    parser.add_argument("--alerts", type=int, default=20, help="deadlines a second")
    parser.add_argument("--seconds", type=int, default=60)
    size = parser.parse_args()
    with bench.servers() as (kafka, redis, folder):
        results.write("chat", asyncio.run(measured(kafka, redis, folder, size)))


async def measured(
    kafka: KafkaCluster, redis: RedisServer, folder: Path, size: argparse.Namespace
) -> list[dict[str, object]]:
    house = bench.installation(kafka, redis, folder)
    desk = bench.Desk(house)
    count = size.alerts * size.seconds
    async with FakeChat() as chat, house:
        worker = await house.worker(policies=house.file("policies.yaml", bench.policies())).ready()
        notifier = house.notifier(chat, routing=house.file("desk.yaml", ROUTING.format(url=chat.url("/desk"))))
        await notifier.ready()
        await bench.opened(house, desk, worker, size.tickets)
        async with desk.flowing(size.rate), bench.scraping(worker):
            first = now() + AHEAD * SECOND
            due = {f"due-{number}": first + number * SECOND // size.alerts for number in range(count)}
            for ticket, instant in due.items():
                desk.arm(ticket, instant)
            assert now() < first - SECOND, "too slow: the first deadlines would pass before their tickets are there"
            await asyncio.sleep((first - now()) / SECOND)
            used = bench.cpu(worker) + bench.cpu(notifier)
            await asyncio.sleep(size.seconds)
            used = bench.cpu(worker) + bench.cpu(notifier) - used
            await eventually(lambda: len(chat.to("/desk")) >= count, 30, every=0.2, what="all alerts are in the chat")
        await house.delivered()
        posts = {str(post.body["ticket_id"]): post.at for post in chat.to("/desk")}
        assert len(chat.to("/desk")) == count, Counter(str(post.body["ticket_id"]) for post in chat.to("/desk"))
        written = {alert["ticket_id"]: record.timestamp / 1000 for record, alert in await house.alerts()}
    assert posts.keys() == due.keys() == written.keys()
    wanted = {ticket: (instant + bench.GRACE) / SECOND for ticket, instant in due.items()}
    load = {"tickets": size.tickets, "rate": size.rate, "alerts_a_second": size.alerts, "alerts": count}
    stages = {
        "deadline and grace to the chat": [1000 * (posts[ticket] - at) for ticket, at in wanted.items()],
        "of it, to the record on sla-alerts": [1000 * (written[ticket] - at) for ticket, at in wanted.items()],
        "of it, from that record to the chat": [1000 * (posts[ticket] - written[ticket]) for ticket in wanted],
    }
    rows = []
    for stage, late in stages.items():
        target = {"at_most": 500} if stage.endswith("grace to the chat") else {}
        rows.append(bench.row(f"{stage}, p50", percentile(late, 50), "ms", **load))
        rows.append(bench.row(f"{stage}, p99", percentile(late, 99), "ms", **target, **load))
        rows.append(bench.row(f"{stage}, max", max(late), "ms", **load))
    rows.append(bench.row("worker and notifier together", 100 * used / size.seconds, "% of the core", **load))
    return rows


if __name__ == "__main__":
    main()
