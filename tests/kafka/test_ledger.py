"""`slawatch ledger` on a real Kafka: killed and started again, asked, cleared of a customer."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from command_line import SLAWATCH, environment, slawatch
from confluent_kafka import Producer
from ledgers import drawn, said_by, said_in
from topic_records import create_topics, read_records

from reports.store.folder import Folder
from streams.ledger_record import LedgerRecord, decode, encode

if TYPE_CHECKING:
    from pathlib import Path

POLICIES = "version: 1\npolicies:\n- {name: all, targets: {first_response: {limit: 2s}}}\n"


class Site:
    """A topic of the ledger and a folder; tickets are written as workers write them."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, seed: int) -> None:
        self.topic = f"{prefix}ticket-ledger"
        self.folder = folder
        self.newest: dict[str, LedgerRecord] = {}
        self.settings = {"kafka": bootstrap, "topic_prefix": prefix, "ledger": str(folder)}
        self._chance = random.Random(seed)
        self._bootstrap = bootstrap
        self._at = datetime(2026, 3, 1, tzinfo=UTC)
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
        asyncio.run(create_topics(bootstrap, [self.topic]))

    def write(self, count: int, tickets: int) -> None:
        for _ in range(count):
            at = self._at + timedelta(days=self._chance.randrange(60))
            record = drawn(self._chance, f"T{self._chance.randrange(tickets)}", at)
            self.newest[record.ticket_id] = record
            self._producer.produce(self.topic, encode(record), record.ticket_id)
            self._producer.poll(0)
        self._producer.flush()

    def garbage(self, *values: bytes) -> None:
        for value in values:
            self._producer.produce(self.topic, value, b"T1")
        self._producer.flush()

    def run(self, *arguments: str, expected: int = 0) -> str:
        done = slawatch("ledger", *arguments, **self.settings)
        assert done.returncode == expected, done.stderr
        return done.stdout + done.stderr

    def on_topic(self) -> list[LedgerRecord]:
        """The last record of each ticket."""
        last = {record.key: record.value for record in asyncio.run(read_records(self._bootstrap, [self.topic]))}
        return [decode(value) for value in last.values() if value is not None]


@pytest.fixture
def site(kafka: str, unique: str, tmp_path: Path, seed: int) -> Site:
    return Site(kafka, f"{unique}.", tmp_path / "ledger", seed)


def test_a_sync_that_is_killed_goes_on_and_loses_nothing(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    assert "no ledger yet" in site.run("status", expected=3)
    site.write(300, 100)
    for _ in range(3):
        process = subprocess.Popen(
            [SLAWATCH, "ledger", "sync", "--follow", "--every", "10ms"],
            env=environment(**site.settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + chance.uniform(0.8, 2.5)
        while time.monotonic() < until:
            site.write(20, 100)
        process.kill()
        process.wait()
    site.run("sync")
    assert said_in(site.folder) == said_by(site.newest.values())
    assert "0 records read" in site.run("sync")
    assert "read from the beginning: as asked" in site.run("sync", "--rebuild")
    assert said_in(site.folder) == said_by(site.newest.values())


def test_what_is_no_record_is_passed_over_and_named(site: Site) -> None:
    site.write(1, 1)
    site.garbage(b"{", b'{"ticket_id":"T2","created_at":"2026-03-01T00:00:00Z","status":"open","clocks":[]}', b"\xff")
    said = site.run("sync")
    assert said.count("passed over ") == 3
    assert "its key is not its ticket_id" in said
    assert said_in(site.folder) == said_by(site.newest.values())
    status = site.run("status")
    assert "3 records that are none of a ticket" in status
    assert "tickets:     1, " in status


def test_a_customer_is_erased_from_files_and_topic(site: Site, tmp_path: Path) -> None:
    site.write(120, 60)
    site.run("sync")
    mine = [ticket for ticket, record in site.newest.items() if record.customer_id == "c1"]
    assert f"{len(mine)} tickets cleared" in site.run("erase", "--customer", "c1", "--yes")
    assert mine
    for ticket in mine:
        site.newest[ticket].customer_id = None
        for rating in site.newest[ticket].ratings:
            rating.comment = None
    assert said_in(site.folder) == said_by(site.newest.values()) == said_by(site.on_topic())
    theirs = [ticket for ticket, record in site.newest.items() if record.customer_id == "c2"]
    site.run("erase", "--customer", "c2", "--whole-tickets", "--yes")
    for ticket in theirs:
        del site.newest[ticket]
    assert said_in(site.folder) == said_by(site.newest.values()) == said_by(site.on_topic())
    assert "2 customers" in site.run("status")

    policies = tmp_path / "policies.yaml"
    policies.write_text(POLICIES)
    rows = site.run("compare", str(policies), "--since", "2025-01-01T00:00:00Z", "--json").splitlines()
    clocks = [clock for record in site.newest.values() for clock in record.clocks]
    assert sum(json.loads(row)["now_breached"] for row in rows) == len(clocks)  # each took 2.5 s


def test_a_topic_made_anew_is_refused_until_it_is_asked_for(site: Site) -> None:
    site.write(30, 10)
    site.run("sync")
    folder = Folder(site.folder)
    published = folder.published()
    assert published is not None
    for path in site.folder.glob("ledger-*.json"):
        held = json.loads(path.read_bytes())
        held["offsets"] = {partition: offset + 1_000 for partition, offset in held["offsets"].items()}
        path.write_text(json.dumps(held))
    assert "--rebuild" in site.run("sync", expected=3)
    site.run("sync", "--rebuild")
    assert said_in(site.folder) == said_by(site.newest.values())
