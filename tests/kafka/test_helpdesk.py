"""A real help desk's log through a real Kafka and two workers: the ledger says what the independent judge says."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from fake_chat import FakeChat
from kafka_io import created, now
from processes import Installation
from shared import shared_dir
from waiting import eventually

from streams.instants import MINUTE, SECOND, format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Row = tuple[str, ...]


def read_log(folder: Path) -> tuple[list[dict[str, Any]], list[Row], dict[str, Any]]:
    """Events, expected clocks and their summary. What is pending at the log's end rests there, so it still is."""
    with gzip.open(folder / "events.jsonl.gz", "rt") as lines:
        events = [json.loads(line) for line in lines]
    with gzip.open(folder / "expected" / "default.clocks.csv.gz", "rt") as table:
        rows = [tuple(row.values()) for row in csv.DictReader(table)]
    return events, rows, json.loads((folder / "expected" / "default.json").read_text())


def rows_of(ledger: Mapping[str, dict[str, Any]]) -> Iterator[Row]:
    """The ledger's clocks in the columns of the expected file."""
    for ticket_id, record in ledger.items():
        for clock in record["clocks"]:
            elapsed = clock["elapsed_seconds"]
            yield (
                ticket_id,
                clock["target"],
                str(clock["cycle"]),
                _instant(clock["started_at"]),
                _instant(clock["stopped_at"]),
                "" if elapsed is None else f"{elapsed:.6f}",
                _instant(clock["breached_at"]),
                clock["verdict"],
            )


def _instant(text: str | None) -> str:
    return "" if text is None else format_instant(parse_instant(text))


async def test_two_workers_leave_the_expected_ledger_and_wake_nobody_for_old_deadlines(
    kafka: str, redis_url: str, unique: str, tmp_path: Path, seed: int
) -> None:
    folder = shared_dir() / "data" / "helpdesk"
    events, expected, summary = read_log(folder)
    random.Random(seed).shuffle(events)
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path, partitions=4, redis=redis_url) as house:
        policies = str(folder / "policies" / "default.yaml")
        notifier = house.notifier(chat)
        workers = [house.worker(name, policies=policies) for name in ("w1", "w2")]
        await house.shared(*workers)
        await notifier.ready()
        house.events.put(*events)
        house.events.flush()
        await house.caught_up(within=120)

        async def counted(name: str, **labels: str) -> float:
            return sum([await worker.metric(name, **labels) for worker in workers])

        assert await counted("sla_tickets_kept", kind="created") == summary["tickets"]["created"]
        assert await counted("sla_tickets_kept", kind="orphan") == summary["tickets"]["orphans"]
        assert await counted("sla_events_total", outcome="repeated") == summary["events"]["duplicates"]
        assert await counted("sla_events_total") == summary["events"]["read"]

        # One that fell due ten seconds ago does get through, after all that was silent in its partition.
        live = [f"live-{number}" for number in range(16)]
        house.events.put(*(created(name, now() - 15 * MINUTE - 10 * SECOND, priority="urgent") for name in live))
        house.events.flush()
        await eventually(lambda: {post.body["ticket_id"] for post in chat.posts} >= set(live), timeout=30)
        await house.delivered()
        assert {record.partition for record, _ in await house.alerts()} == set(range(house.partitions))
        assert Counter(post.body["ticket_id"] for post in chat.posts) == Counter(live)
        assert [await worker.stop() for worker in workers] == [0, 0]

        ledger = {ticket_id: record for ticket_id, record in (await house.ledger()).items() if ticket_id not in live}
        assert await house.records(house.topics.dead_letters) == []
    assert len(ledger) == summary["tickets"]["created"]
    differing = set(rows_of(ledger)) ^ set(expected)
    assert not differing, f"{len(differing)} rows differ: {sorted(differing)[:6]}"
    assert len(list(rows_of(ledger))) == len(expected)
