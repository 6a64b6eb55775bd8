"""The ledger at the size of a large centre: how long a month's report takes, and how fast a sync takes records.

    python bench/ledger.py [--tickets=10000000] [--records=400000] [--folder=var/bench-ledger]
        [--write-only | --report-only]

Writes a year of tickets as Parquet, about 100 bytes each, and keeps it for the next run: 2 GB of disk are plenty. The
records of the sync are what workers write, a fifth of them of tickets that are there. Needs neither Kafka nor Java:
what a sync spends on fetching is not in its rate.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from config.quality import default_quality
from reports.measures.ground import Scope
from reports.pages.audience import Audience
from reports.pages.page import page_of
from reports.pages.periods import days_of
from reports.pages.report import Order, read_range, report
from reports.pages.sheets import csv_of, workbook_of
from reports.store.columns import STORED
from reports.store.database import connected, quoted
from reports.store.folder import DataFile, Folder, Manifest
from reports.store.reading import opened
from reports.store.rules import Rules
from reports.store.writing import FOLD, Line, Writer
from streams.instants import from_datetime
from streams.ledger_record import LedgerClock, LedgerRating, LedgerRecord, LedgerReply, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

YEAR = 2026
MONTHS = 12
FILE = 400_000
"""Tickets in a file."""

_ROWS = """
    WITH drawn AS (
        SELECT i, (hash(i) >> 1)::BIGINT AS h, (hash(i + 3) >> 1)::BIGINT AS other
        FROM range($low, $high) AS t(i)
    ), lived AS (
        SELECT *, $first + to_microseconds(other % $span) AS created_at, 'a' || h % 200 AS agent,
            'team-' || h % 12 AS team, h % 7200 AS waited, h % 7200 + other % 170000 AS took
        FROM drawn
    ), ended AS (
        SELECT *, created_at + to_seconds(waited) AS answered_at, created_at + to_seconds(took) AS solved_at FROM lived
    )
    SELECT 0 AS kafka_partition, i AS kafka_position, false AS deleted, $month AS month,
        'T' || i AS ticket_id, created_at, 'closed' AS status, 'customer' AS created_by, NULL AS reason,
        solved_at AS done_at, if(h % 20 = 0, 1, 0) AS reopenings,
        ['low', 'normal', 'high', 'urgent'][h % 4 + 1] AS priority, ['chat', 'mail', 'phone'][h % 3 + 1] AS channel,
        team, agent AS agent_id, 'c' || other % 3000000 AS customer_id, 'category-' || h % 40 AS category,
        'question' AS kind, ['web'] AS tags, MAP {} AS totals, 1 AS reply_count,
        [{'target': 'first_response', 'cycle': 0, 'policy': 'all', 'limit_seconds': 3600.0, 'started_at': created_at,
          'stopped_at': answered_at, 'elapsed_seconds': waited::DOUBLE,
          'breached_at': if(waited > 3600, created_at + INTERVAL 1 HOUR, NULL),
          'verdict': if(waited > 3600, 'breached', 'met')},
         {'target': 'resolution', 'cycle': 0, 'policy': 'all', 'limit_seconds': 86400.0, 'started_at': created_at,
          'stopped_at': solved_at, 'elapsed_seconds': took::DOUBLE,
          'breached_at': if(took > 86400, created_at + INTERVAL 1 DAY, NULL),
          'verdict': if(took > 86400, 'breached', 'met')}] AS clocks,
        [{'at': answered_at, 'agent_id': agent, 'team': team, 'handle_seconds': (h % 900)::DOUBLE}] AS replies,
        if(h % 5 = 0, [{'at': solved_at, 'score': 1 + other % 5, 'comment': NULL}], []) AS ratings,
        if(h % 10 = 0, [{'at': solved_at, 'scores': MAP {'attitude': 1 + other % 5, 'clarity': 2 + other % 4},
          'reviewer_id': 'r1', 'agent_id': agent, 'deductions': [], 'labels': []}], []) AS reviews,
        [] AS complaints, [] AS callbacks
    FROM ended
"""

_MONTH = {
    "compliance by team and target": """
        SELECT t.team, c.target, count(*), count(*) FILTER (c.verdict = 'met'), avg(c.elapsed_seconds),
            quantile_cont(c.elapsed_seconds, [0.5, 0.9])
        FROM clocks c JOIN tickets t USING (ticket_id)
        WHERE c.verdict IN ('met', 'breached') AND coalesce(c.breached_at, c.stopped_at) BETWEEN $since AND $until
        GROUP BY ALL""",
    "overdue by agent": """
        SELECT t.agent_id, count(*) FROM clocks c JOIN tickets t USING (ticket_id)
        WHERE c.verdict = 'breached' AND coalesce(c.breached_at, c.stopped_at) BETWEEN $since AND $until
        GROUP BY ALL ORDER BY 2 DESC LIMIT 3""",
    "ratings": """
        SELECT t.agent_id, count(*), avg(r.score), count(*) FILTER (r.score >= 4)
        FROM ratings r JOIN tickets t USING (ticket_id) WHERE r."at" BETWEEN $since AND $until GROUP BY ALL""",
    "reviews by item": """
        SELECT item.key, avg(item.value) FROM (
            SELECT unnest(map_entries(scores)) AS item FROM reviews WHERE "at" BETWEEN $since AND $until
        ) GROUP BY ALL""",
    "repeat contacts": """
        SELECT count(*) FILTER (created_at - earlier <= INTERVAL 7 DAYS), count(*) FROM (
            SELECT created_at, lag(created_at) OVER (PARTITION BY customer_id, category ORDER BY created_at) AS earlier
            FROM tickets WHERE created_at BETWEEN $since - INTERVAL 7 DAYS AND $until) WHERE created_at >= $since""",
    "tickets of each agent and day": """
        SELECT agent_id, date_trunc('day', "at"), count(DISTINCT ticket_id) FROM replies
        WHERE "at" BETWEEN $since AND $until GROUP BY ALL""",
    "a trend of 30 days": """
        SELECT date_trunc('day', stopped_at), avg(elapsed_seconds) FROM clocks
        WHERE target = 'first_response' AND stopped_at BETWEEN $since AND $until GROUP BY ALL""",
}
"""Figures as a monthly report asks for."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tickets", type=int, default=10_000_000)
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--folder", type=Path, default=Path("var/bench-ledger"))
    parser.add_argument("--write-only", action="store_true")
    parser.add_argument("--report-only", action="store_true")
    given = parser.parse_args()
    figures: dict[str, float | int | str] = {"tickets": given.tickets}
    path = given.folder / str(given.tickets)
    with _timed(figures, "written in"):
        size = _generate(path, given.tickets)
    if given.write_only:
        return
    figures["bytes a ticket"] = round(size / given.tickets)
    _report(path, figures)
    figures["memory peak of the report, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if not given.report_only:
        _read(path, figures)
        _sync(path, given.records, given.tickets, figures)
        figures["memory peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(figures, indent=1))


@contextmanager
def _timed(figures: dict[str, float | int | str], name: str) -> Iterator[None]:
    began, cpu = time.monotonic(), time.process_time()
    yield
    figures[f"{name}, seconds"] = round(time.monotonic() - began, 2)
    figures[f"{name}, cpu seconds"] = round(time.process_time() - cpu, 2)
    print(f"{name}: {figures[f'{name}, seconds']} s, {figures[f'{name}, cpu seconds']} s of CPU", flush=True)


def _generate(path: Path, tickets: int) -> int:
    """A year of tickets, unless they are there; their bytes. May be stopped and started again: it goes on by files."""
    path.mkdir(parents=True, exist_ok=True)
    folder, files = Folder(path), list[DataFile]()
    columns = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in STORED.items())
    share = -(-tickets // MONTHS)
    for number in range(MONTHS):
        first = datetime(YEAR, number + 1, 1, tzinfo=UTC)
        for low in range(number * share, min((number + 1) * share, tickets), FILE):
            high = min(low + FILE, (number + 1) * share, tickets)
            file = path / f"year-{low}.parquet"
            if not file.exists():
                given = {
                    "low": low,
                    "high": high,
                    "month": f"{first:%Y-%m}",
                    "first": first,
                    "span": 26 * 86_400 * 10**6,
                }
                with connected(memory_limit="1GB", temp_directory=str(path / "spill")) as sql:
                    new = file.with_suffix(".half")
                    query = f"SELECT {columns} FROM ({_ROWS})"
                    sql.execute(
                        f"COPY ({query}) TO {quoted(new)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000)",
                        given,
                    )
                    new.rename(file)
            files.append(DataFile(file.name, high - low, file.stat().st_size, f"{first:%Y-%m}", first))
    manifest = Manifest(number=1, topic="bench", files=tuple(files), offsets={0: tickets}, read_at=datetime.now(UTC))
    folder.publish(manifest)
    return sum(file.bytes for file in files)


def _report(path: Path, figures: dict[str, float | int | str]) -> None:
    """The monthly report as `slawatch report monthly --role supervisor` makes it, in all its forms."""
    quality, made_at = default_quality(), from_datetime(datetime(YEAR, 12, 5, tzinfo=UTC))
    order = Order(
        "monthly", days_of("monthly", date(YEAR, 11, 1)), "en", Scope(), Audience("supervisor"), made_at, rows=2_000
    )
    with _timed(figures, "monthly report"):
        with _timed(figures, "  ledger read"):
            views = ExitStack()
            ledger = views.enter_context(opened(path, *read_range(order, quality, ()), copied=True))
        with views, _timed(figures, "  measured"):
            document = report(ledger, order, quality)
        with _timed(figures, "  written"):
            written = [page_of(document), workbook_of(document), *map(csv_of, document.tables)]
    assert all(written)


def _read(path: Path, figures: dict[str, float | int | str]) -> None:
    since, until = datetime(YEAR, 11, 1, tzinfo=UTC), datetime(YEAR, 12, 1, tzinfo=UTC)
    month = since - timedelta(days=31), until
    for name, period, copied in (
        ("two months' files", month, False),
        ("two months' files, copied", month, True),
        ("all files", (None, None), False),
    ):
        with _timed(figures, f"figures of a month, from {name}"), opened(path, *period, copied=copied) as views:
            for what, query in _MONTH.items():
                began = time.monotonic()
                views.execute(query, {"since": since, "until": until}).fetchall()
                print(f"  {what}: {time.monotonic() - began:.2f} s", flush=True)


def _sync(path: Path, records: int, tickets: int, figures: dict[str, float | int | str]) -> None:
    """A sync of these records into the ledger, on a copy of its manifest."""
    chance = random.Random(1)
    copy = path.with_name(f"{path.name}-sync")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in path.glob("*.parquet"):
        (copy / file.name).hardlink_to(file)
    published = Folder(path).published()
    assert published is not None
    folder = Folder(copy)
    now = datetime(YEAR, 12, 28, tzinfo=UTC)
    lines = [_line(chance, number, tickets, now) for number in range(records)]
    writer = Writer(folder, msgspec.structs.replace(published, number=2), Rules())
    with _timed(figures, f"sync of {records:,} records"):
        for low in range(0, records, 2 * FOLD):
            batch = lines[low : low + 2 * FOLD]
            writer.take(batch, {0: tickets + low + len(batch)})
            folder.checkpoint(writer.manifest)
            folder.sweep()
        folder.publish(writer.manifest)
    figures["records a second"] = round(records / float(figures[f"sync of {records:,} records, seconds"]))
    with _timed(figures, "sync of 1,000 records more"):
        writer.take([_line(chance, records + number, tickets, now) for number in range(1_000)], {0: tickets + records})
        folder.publish(msgspec.structs.replace(writer.manifest, number=3))
    writer.close()
    shutil.rmtree(copy)


def _line(chance: random.Random, number: int, tickets: int, now: datetime) -> Line:
    """A fifth are of the newest tickets that there are, the others new."""
    old = chance.random() < 0.2
    ticket_id = f"T{tickets - 1 - chance.randrange(tickets // 20) if old else tickets + number}"
    at = now - timedelta(seconds=chance.randrange(20 * 86_400))
    record = LedgerRecord(
        ticket_id, at, "closed",
        [LedgerClock(which, 0, "all", 3600.0, at, now, 9.5, None, "met") for which in ("first_response", "resolution")],
        done_at=now, priority="normal", channel="chat", team="team-1", agent_id="a17", customer_id=f"c{number % 997}",
        reply_count=1, replies=[LedgerReply(now, "a17", "team-1", 120.0)], ratings=[LedgerRating(now, 4)],
    )  # fmt: skip
    return Line(ticket_id, 0, tickets + number, encode(record))


if __name__ == "__main__":
    main()
