"""A topic `ticket-ledger` in memory, tickets drawn at random, and what a ledger of them must say."""

from __future__ import annotations

import copy as copying
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from agents.ledger_sync import Batch
from reports.store.reading import opened
from reports.store.views import VIEWS, memory
from reports.store.writing import Copy, Line
from streams.ledger_record import (
    LedgerCallback,
    LedgerClock,
    LedgerComplaint,
    LedgerRating,
    LedgerRecord,
    LedgerReply,
    LedgerReview,
    LedgerTotals,
    encode,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import duckdb

START = datetime(2026, 1, 15, 8, tzinfo=UTC)
Said = dict[str, list[tuple[Any, ...]]]


class Written(NamedTuple):
    """A record of the topic: `copy_of`: the offset in its header."""

    ticket_id: str
    record: LedgerRecord | None
    copy_of: int | None = None


class FakeTopic:
    """Keeps what is written; tests append to `partitions` as workers would."""

    def __init__(self, partitions: int = 3, name: str = "ticket-ledger") -> None:
        self.name = name
        self.partitions: list[list[Written | None]] = [[] for _ in range(partitions)]
        self.kept = timedelta(days=1)

    def write(self, record: LedgerRecord | None, ticket_id: str = "") -> None:
        """As a worker does: all of a ticket on one partition."""
        key = record.ticket_id if record is not None else ticket_id
        self.partitions[sum(key.encode()) % len(self.partitions)].append(Written(key, record))

    def compact(self, *, deletions: bool = False) -> None:
        """Keep the last record of each key alone, and no tombstone where asked; the newest record of all stays."""
        for records in self.partitions:
            last = {written.ticket_id: number for number, written in enumerate(records) if written is not None}
            for number, written in enumerate(records[:-1]):
                if written is None:
                    continue
                if last[written.ticket_id] != number or (deletions and written.record is None):
                    records[number] = None

    def now(self) -> FakeTopic:
        """A topic that goes its own way from here."""
        return copying.deepcopy(self)

    async def ends(self) -> dict[int, int]:
        return {number: len(records) for number, records in enumerate(self.partitions)}

    async def keeps_deletions(self) -> timedelta:
        return self.kept

    async def read(self, offsets: dict[int, int], ends: dict[int, int], limit: int) -> Batch:
        batch = Batch([], dict(offsets), [])
        for number, records in enumerate(self.partitions):
            while batch.offsets[number] < ends[number] and len(batch.lines) < limit:
                offset = batch.offsets[number]
                written = records[offset]
                if written is not None:
                    batch.lines.append(_line(number, offset, written))
                batch.offsets[number] += 1
        return batch

    async def put(self, copies: Sequence[Copy]) -> None:
        for copy in copies:
            self.partitions[copy.partition].append(Written(copy.ticket_id, copy.record, copy.position))

    def newest(self) -> list[LedgerRecord]:
        """What it says of each ticket in the end: of a copy counts where its original lay."""
        said: dict[str, tuple[int, LedgerRecord | None]] = {}
        for records in self.partitions:
            for offset, written in enumerate(records):
                if written is not None:
                    place = written.copy_of if written.copy_of is not None else offset
                    if place >= said.get(written.ticket_id, (-1, None))[0]:
                        said[written.ticket_id] = (place, written.record)
        return [record for _, record in said.values() if record is not None]


def _line(partition: int, offset: int, written: Written) -> Line:
    is_copy = written.copy_of is not None
    position = written.copy_of if written.copy_of is not None else offset
    value = encode(written.record) if written.record is not None else None
    return Line(written.ticket_id, partition, position, value, is_copy)


def said_of(connection: duckdb.DuckDBPyConnection) -> Said:
    """All rows of all views, in an order of their own."""
    return {view: sorted(connection.execute(f"FROM {view}").fetchall(), key=repr) for view in VIEWS}


def said_by(records: Iterable[LedgerRecord]) -> Said:
    """What the views over these records say."""
    return said_of(memory(records))


def said_in(folder: Path) -> Said:
    """What the ledger of a folder says."""
    with opened(folder) as connection:
        return said_of(connection)


def drawn(chance: random.Random, ticket_id: str, at: datetime) -> LedgerRecord:
    """A ticket with something of everything, the last of it at `at` or a little before."""

    def when() -> datetime:
        return at - timedelta(seconds=chance.randrange(5 * 86_400), microseconds=chance.randrange(10**6))

    def many(most: int) -> range:
        return range(chance.randrange(most + 1))

    def text() -> str | None:
        return chance.choice([None, "a17", "=1+1", "客服主管", 'with "quotes"\nand a line', "\u2028 ' \\"])

    created = at - timedelta(days=chance.randrange(5, 60))
    return LedgerRecord(
        ticket_id,
        created,
        chance.choice(["open", "closed"]),
        [
            LedgerClock("first_response", n, text(), 60.5, created, chance.choice([None, when()]), 2.5, None, "met")
            for n in many(3)
        ],
        chance.choice(["customer", "agent"]),
        text(),
        chance.choice([None, when()]),
        chance.randrange(3),
        chance.choice([None, "urgent"]),
        text(),
        chance.choice([None, "after-sales"]),
        text(),
        chance.choice([None, "c1", "c2", "客户"]),
        text(),
        text(),
        chance.choice([None, [], ["a", "b"]]),
        {"next_response": LedgerTotals(1, 2, 3, 4, 5.5)} if chance.random() < 0.2 else {},
        chance.randrange(9),
        [LedgerReply(when(), text(), None, 1.5) for _ in many(2)],
        [LedgerRating(when(), chance.randrange(1, 6), text()) for _ in many(2)],
        [LedgerReview(when(), {"attitude": 5, "clarity": 3}, text(), text(), ["x"], []) for _ in many(1)],
        [LedgerComplaint(when(), valid=True) for _ in many(1)],
        [LedgerCallback(when(), reached=False, score=2) for _ in many(1)],
    )
