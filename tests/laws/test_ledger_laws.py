"""The ledger's files say what the newest record of each ticket says, whatever was written, and stopped when."""

from __future__ import annotations

import asyncio
import random
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from ledgers import START, FakeTopic, drawn, said_by, said_in, said_of

from agents.ledger_sync import Sync, Synced
from reports.store.folder import Folder, NoLedger
from reports.store.reading import opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ledgers import Said

    from reports.store.rules import How
    from reports.store.writing import Copy
    from streams.ledger_record import LedgerRecord


def sync(
    topic: FakeTopic,
    folder: Folder,
    now: datetime = START,
    erase: tuple[str, How] | None = None,
    retention: timedelta | None = None,
    *,
    rebuild: bool = False,
) -> Synced:
    """In batches and files so small that there are many."""
    return asyncio.run(Sync(folder, topic, retention, 12, 9, 6).run(now, erase=erase, rebuild=rebuild))


def some_writing(chance: random.Random, topic: FakeTopic, writes: int, tickets: int = 30) -> None:
    """Tickets written, most of them again, and some taken away."""
    for _ in range(writes):
        ticket_id = f"T{chance.randrange(tickets)}"
        if chance.random() < 0.1:
            topic.write(None, ticket_id)
        else:
            topic.write(drawn(chance, ticket_id, START + timedelta(days=chance.randrange(90))))


def test_the_files_say_what_the_newest_records_say(tmp_path: Path, seed: int) -> None:
    chance, topic, folder = random.Random(seed), FakeTopic(), Folder(tmp_path)
    for _ in range(5):
        some_writing(chance, topic, chance.choice([0, 1, 40]))
        if chance.random() < 0.5:
            topic.compact()
        sync(topic, folder)
        assert said_in(tmp_path) == said_by(topic.newest())
    published = folder.published()
    assert published is not None
    on_disk = {path.name for path in tmp_path.glob("*.parquet")}
    assert on_disk == set(published.names())  # nothing is left over
    assert len({file.month for file in published.files}) > 2


def erased(records: list[LedgerRecord], customer: str, how: How, before: datetime) -> list[LedgerRecord]:
    """As they must be once a customer was erased."""
    kept = []
    for record in records:
        if record.customer_id != customer or record.created_at >= before:
            kept.append(record)
        elif how == "person":
            ratings = [msgspec.structs.replace(rating, comment=None) for rating in record.ratings]
            kept.append(msgspec.structs.replace(record, customer_id=None, ratings=ratings))
    return kept


def test_a_kill_at_any_step_loses_nothing_and_counts_nothing_twice(tmp_path: Path, seed: int) -> None:
    """A killed process leaves the folder and the topic as they are at that step: each is kept and gone on from."""
    chance, topic = random.Random(seed), FakeTopic(2)
    some_writing(chance, topic, 40)
    folder = Folder(tmp_path / "ledger")
    sync(topic, folder)
    before = said_in(folder.path)
    some_writing(chance, topic, 30)
    stops: list[tuple[Path, FakeTopic, str]] = []

    def stop_here(step: str) -> None:
        place = tmp_path / f"stop-{len(stops)}"
        shutil.copytree(folder.path, place)
        stops.append((place, topic.now(), step))

    now = START + timedelta(hours=1)
    asyncio.run(Sync(Folder(folder.path, stop_here), topic, None, 12, 9, 6).run(now, erase=("c1", "person")))
    after = said_by(erased(topic.newest(), "c1", "person", now))
    assert said_in(folder.path) == after
    assert {"before lines", "after file", "after work", "before ledger", "after ledger", "dropped"} <= {
        s for *_, s in stops
    }

    first = {step: number for number, (*_, step) in reversed(list(enumerate(stops)))}  # each kind, and some more
    for place, left, step in [stops[n] for n in {*first.values(), *chance.sample(range(len(stops)), 9)}]:
        assert said_in(place) in (before, after), step  # no half of it is ever seen
        for path in place.glob("*.parquet"):  # a file that nobody names may be half written
            if path.name not in _named(place):
                path.write_bytes(path.read_bytes()[:-9])
        sync(left, Folder(place), now, erase=("c1", "person"))
        assert said_in(place) == after, step
        assert said_by(left.newest()) == after, step


def _named(place: Path) -> set[str]:
    folder = Folder(place)
    return {name for state in (folder.published(), folder.work()) if state is not None for name in state.names()}


@pytest.mark.parametrize("how", ["person", "tickets"])
def test_an_erased_customer_stays_erased(tmp_path: Path, seed: int, how: How) -> None:
    """In the files and on the topic; also when a worker writes the ticket again, and in a ledger made anew."""
    chance, topic, folder = random.Random(seed), FakeTopic(2), Folder(tmp_path)
    some_writing(chance, topic, 60)
    mine = drawn(chance, "mine", START)
    mine.customer_id = "c1"
    topic.write(mine)
    sync(topic, folder)
    now = START + timedelta(hours=1)
    pure = topic.newest()
    sync(topic, folder, now, erase=("c1", how))
    want = said_by(erased(pure, "c1", how, now))
    assert said_in(tmp_path) == want == said_by(topic.newest())
    assert not any(_holds(path, b"c1") for path in tmp_path.iterdir())

    mine.status = "closed"
    topic.write(mine)  # a worker still has it
    pure = [record for record in pure if record.ticket_id != "mine"] + [mine]
    want = said_by(erased(pure, "c1", how, now))
    sync(topic, folder, now)
    assert said_in(tmp_path) == want == said_by(topic.newest())

    topic.compact()
    left = [written.record for part in topic.partitions for written in part[:-1] if written is not None]
    assert not [record for record in left if record and record.customer_id == "c1" and record.created_at < now]
    sync(topic, folder, now, rebuild=True)
    assert said_in(tmp_path) == want

    later = drawn(chance, "later", now + timedelta(days=100))
    later.customer_id = "c1"
    topic.write(later)  # the customer came back
    sync(topic, folder, now)
    assert said_in(tmp_path) == said_by([*erased(pure, "c1", how, now), later])


def _holds(path: Path, text: bytes) -> bool:
    return path.suffix == ".json" and b'"' + text + b'"' in path.read_bytes()


class _Racing(FakeTopic):
    """A worker writes a ticket once more, just before the sync's copy of what it wrote before."""

    def __init__(self, quicker: LedgerRecord) -> None:
        super().__init__(1)
        self._quicker: LedgerRecord | None = quicker

    async def put(self, copies: Sequence[Copy]) -> None:
        if copies and self._quicker is not None:
            self.write(self._quicker)
            self._quicker = None
        await super().put(copies)


@pytest.mark.parametrize("batch", [1, 12], ids=["in a later batch", "in the same batch"])
def test_a_copy_that_comes_after_a_newer_record_changes_nothing(tmp_path: Path, seed: int, batch: int) -> None:
    chance, topic, folder = random.Random(seed), FakeTopic(1), Folder(tmp_path)
    old = drawn(chance, "T1", START)
    old.customer_id = "c1"
    topic.write(old)
    sync(topic, folder)
    newer = msgspec.structs.replace(old, status="closed", team="billing")

    racing = _Racing(newer)
    racing.partitions = topic.partitions
    now = START + timedelta(hours=1)
    sync(racing, folder, now, erase=("c1", "person"))
    asyncio.run(Sync(folder, racing, None, batch, 9, 6).run(now))
    want = said_by(erased([newer], "c1", "person", now))
    assert said_in(tmp_path) == want == said_by(racing.newest())
    sync(racing, folder, now, rebuild=True)
    assert said_in(tmp_path) == want


def test_tickets_past_the_retention_go_from_files_and_topic(tmp_path: Path, seed: int) -> None:
    chance, topic, folder = random.Random(seed), FakeTopic(), Folder(tmp_path)
    some_writing(chance, topic, 80)
    pure = topic.newest()
    sync(topic, folder)
    now, kept = START + timedelta(days=60), timedelta(days=30)
    topic.kept = timedelta(days=365)
    horizon = (now - kept).replace(hour=0)
    want = said_by(record for record in pure if record.done_at is None or record.done_at >= horizon)
    assert want != said_by(pure)
    first = sync(topic, folder, now, retention=kept)
    assert first.copies
    assert not first.anew
    assert said_in(tmp_path) == want == said_by(topic.newest())
    assert not sync(topic, folder, now, retention=kept).copies
    sync(topic, folder, now, retention=kept, rebuild=True)
    assert said_in(tmp_path) == want


def test_a_sync_after_deletions_were_forgotten_reads_from_the_beginning(tmp_path: Path, seed: int) -> None:
    chance, topic, folder = random.Random(seed), FakeTopic(), Folder(tmp_path)
    some_writing(chance, topic, 60)
    sync(topic, folder)
    for ticket in topic.newest()[:5]:
        topic.write(None, ticket.ticket_id)
    some_writing(chance, topic, 1, tickets=1)
    topic.compact(deletions=True)
    done = sync(topic, folder, START + timedelta(days=2))
    assert "keeps deletions" in done.anew
    assert said_in(tmp_path) == said_by(topic.newest())


def test_a_reader_keeps_its_state_while_others_write(tmp_path: Path, seed: int) -> None:
    chance, topic, folder = random.Random(seed), FakeTopic(), Folder(tmp_path)
    with pytest.raises(NoLedger), opened(tmp_path):
        pass
    some_writing(chance, topic, 50)
    sync(topic, folder)
    states: list[Said] = [said_in(tmp_path)]
    with opened(tmp_path) as held:
        for _ in range(3):
            some_writing(chance, topic, 40)
            sync(topic, folder)
            states.append(said_in(tmp_path))
            assert said_of(held) == states[0]
    assert states[0] != states[-1] == said_by(topic.newest())
    sync(topic, folder)
    published = folder.published()
    assert published is not None
    assert {path.name for path in tmp_path.glob("*.parquet")} == set(published.names())


def test_a_period_is_read_from_fewer_files_and_misses_nothing_of_it(tmp_path: Path, seed: int) -> None:
    chance, topic = random.Random(seed), FakeTopic()
    for number in range(60):
        topic.write(drawn(chance, f"T{number}", START + timedelta(days=chance.randrange(150))))
    sync(topic, Folder(tmp_path))
    since = START + timedelta(days=70)
    until = since + timedelta(days=30)
    query = """
        FROM (FROM ratings UNION ALL BY NAME FROM callbacks UNION ALL BY NAME FROM replies
            UNION ALL BY NAME SELECT ticket_id, stopped_at AS "at" FROM clocks
            UNION ALL BY NAME SELECT ticket_id, done_at AS "at" FROM tickets
            UNION ALL BY NAME SELECT ticket_id, created_at AS "at" FROM tickets)
        SELECT ticket_id, "at" WHERE "at" >= ? AND "at" < ? ORDER BY ALL
    """
    with opened(tmp_path) as whole, opened(tmp_path, since, until) as part:
        assert part.execute(query, [since, until]).fetchall() == whole.execute(query, [since, until]).fetchall()
        open_ones = "SELECT ticket_id FROM tickets WHERE done_at IS NULL AND created_at < ? ORDER BY 1"
        assert part.execute(open_ones, [until]).fetchall() == whole.execute(open_ones, [until]).fetchall()
        assert part.execute("SELECT count(*) FROM tickets WHERE created_at >= ?", [until]).fetchall() == [(0,)]
        counts = [c.execute("SELECT count(*) FROM tickets").fetchall() for c in (part, whole)]
    assert counts[0] < counts[1]
