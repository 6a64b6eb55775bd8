"""A partition's store, in memory and on disk: what is seen, what is durable, what may be trusted after a crash."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from small_disk import mounted

from agents.engine.disk import Disk
from agents.engine.replay import Replay, proof
from agents.engine.store import _GENERATION, Mark, MemoryStore, RocksStore
from agents.engine.trouble import FullError, UnusableError
from agents.errors import Refused
from streams.instants import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.engine.store import StateStore

Rows = dict[bytes, bytes | None]


def record(offset: int, key: bytes | None, value: bytes | None, *, proven: bool = True) -> Any:
    headers = tuple(proof(key or b"", value)) if proven else ()
    return SimpleNamespace(offset=offset, key=key, value=value, partition=0, headers=headers)


@pytest.fixture(params=["memory", "rocks"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryStore | RocksStore:
    return MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "0")


class TestEveryStore:
    def test_a_write_is_seen_before_it_is_durable(self, store: MemoryStore | RocksStore) -> None:
        store.put({b"a": b"1", b"b": b"2"})
        store.put({b"a": None})
        assert (store.get(b"a"), store.get(b"b")) == (None, b"2")
        assert dict(store.items()) == {b"b": b"2"}

    def test_a_newer_write_outlives_the_acknowledgement_of_an_older_one(self, store: MemoryStore | RocksStore) -> None:
        old: Rows = {b"a": b"1", b"b": None, b"c": b"1"}
        store.put(old)
        store.put({b"a": b"2", b"b": b"2", b"c": None})
        store.settle(old, {}, Mark(2), {b"a", b"b", b"c"})
        assert dict(store.items()) == {b"a": b"2", b"b": b"2"}
        assert store.get(b"c") is None

    def test_cold_tickets_are_still_found(self, store: MemoryStore | RocksStore) -> None:
        rows: Rows = {b"a": b"1"}
        store.put(rows)
        store.settle(rows, {b"w": b"7"}, Mark(0), {b"a"})
        assert store.get(b"a") == b"1"
        assert dict(store.items()) == {b"a": b"1"}
        assert dict(store.derived_items()) == {b"w": b"7"}

    def test_all_keys_are_found_while_it_is_written(self, store: MemoryStore | RocksStore) -> None:
        there: Rows = {b"%04d" % number: b"1" for number in range(0, 5_000, 2)}
        store.put(there)
        store.settle(there, {}, Mark(0), ())
        store.put({b"4999": b"1", b"0002": None})  # on their way
        found = []
        for number, key in enumerate(store.all_keys()):
            found.append(key)
            between: Rows = {b"%04d" % (2 * number + 1): b"2", b"4998": None}
            store.put(between)
            store.settle(between, {}, Mark(number), ())
            if number == 10:  # what was on its way has come, before the place that is read by now
                store.settle({b"4999": b"1", b"0002": None}, {}, Mark(number), ())
        wanted = {*there, b"4999"} - {b"0002", b"4998"}
        assert wanted <= set(found)
        assert not {b"0002", b"4998"} & set(found)


class TestReplay:
    def test_it_takes_what_is_newer_and_makes_derived_rows_stale(self, store: MemoryStore | RocksStore) -> None:
        replay = Replay(store)
        replay.take([record(0, b"a", b"1"), record(4, b"b", b"2")], None, 5)
        assert (replay.applied, store.derived_stale) == (2, True)
        store.rebuild_derived({b"w": b"2"})
        assert not store.derived_stale
        replay = Replay(store)
        replay.take([record(4, b"b", b"x"), record(5, b"a", None)], None, 6)
        assert replay.applied == 1
        assert dict(store.items()) == {b"b": b"2"}
        assert store.derived_stale
        assert (store.mark.offset, store.mark.at) == (5, 6)

    @pytest.mark.parametrize(
        "forged",
        [
            record(1, b"a", b"forged", proven=False),
            record(1, b"a", None, proven=False),
            SimpleNamespace(offset=1, key=b"a", value=b"forged", headers=proof(b"a", b"1")),
            SimpleNamespace(offset=1, key=b"a", value=b"1", headers=proof(b"b", b"1")),
            SimpleNamespace(offset=1, key=b"a", value=None, headers=proof(b"a", b"")),
        ],
        ids=["written elsewhere", "deleted elsewhere", "changed", "of another ticket", "value taken away"],
    )
    def test_a_record_without_proof_leaves_the_one_before_it(
        self, store: MemoryStore | RocksStore, forged: Any
    ) -> None:
        replay = Replay(store)
        replay.take([record(0, b"a", b"1"), forged, record(2, b"b", b"2")], None, 5)
        assert dict(store.items()) == {b"a": b"1", b"b": b"2"}
        assert (replay.applied, replay.refused) == (2, {b"a": 1})

    def test_it_is_met_again_after_a_crash_until_it_is_written_over(self, store: MemoryStore | RocksStore) -> None:
        replay = Replay(store)
        replay.take([record(0, b"a", b"1"), record(1, b"a", b"x", proven=False)], None, 5)
        replay.take([record(2, b"b", b"2")], None, 5)
        assert store.mark.offset == 0
        again = Replay(store)
        again.take([record(1, b"a", b"x", proven=False), record(2, b"b", b"2")], None, 6)
        assert again.refused == {b"a": 1}
        again.take([record(3, b"a", b"1")], None, 7)
        assert (again.refused, store.mark.offset) == ({}, 3)

    def test_what_compaction_may_have_taken_away_shows_as_a_gap(self, store: MemoryStore | RocksStore) -> None:
        replay = Replay(store)
        replay.take([record(0, b"a", b"1"), record(1, b"b", b"x", proven=False)], None, 5)
        assert not replay.anew
        replay.take([record(3, b"c", b"1")], 2, 5)
        assert replay.anew
        replay.take([record(4, b"b", b"1")], 4, 5)
        assert not replay.anew, "a worker wrote it over"

    def test_what_was_lost_on_the_way_is_an_error(self, store: MemoryStore | RocksStore) -> None:
        replay = Replay(store)
        replay.take([record(0, b"a", b"1")], None, 5)
        with pytest.raises(LookupError, match="goes on at 3, not at 1"):
            replay.take([record(3, b"b", b"1")], 3, 5)


class TestRocksStore:
    def test_only_what_was_acknowledged_is_there_after_a_crash(self, tmp_path: Path) -> None:
        store = RocksStore(tmp_path / "0")
        rows: Rows = {b"a": b"1"}
        store.put(rows)
        store.settle(rows, {b"w": b"1"}, Mark(0, at=9), {b"a"})
        store.put({b"a": b"2", b"b": b"2"})
        store.close()
        again = RocksStore(tmp_path / "0")
        assert dict(again.items()) == {b"a": b"1"}
        assert (again.mark.offset, again.mark.at, again.derived_stale) == (0, 9, False)

    def test_a_crash_between_the_batches_of_one_change_leaves_derived_rows_stale(self, tmp_path: Path) -> None:
        store = RocksStore(tmp_path / "0")
        store.settle({b"a": b"1"}, None, Mark(0), ())
        store.close()
        assert RocksStore(tmp_path / "0").derived_stale

    def test_both_batches_leave_them_right(self, tmp_path: Path) -> None:
        store = RocksStore(tmp_path / "0")
        store.settle({b"a": b"1"}, None, Mark(0), ())
        store.settle({b"b": b"1"}, {b"w": b"2"}, Mark(1), ())
        store.close()
        assert not RocksStore(tmp_path / "0").derived_stale

    def test_memory_gives_up_cold_tickets_and_tombstones(self, tmp_path: Path) -> None:
        store = RocksStore(tmp_path / "0")
        rows: Rows = {b"hot": b"1", b"cold": b"1", b"gone": None}
        store.put(rows)
        store.settle(rows, {}, Mark(2), {b"cold"})
        assert (len(store._pending), len(store._recent)) == (0, 1)

    def test_memory_holds_so_much_however_many_tickets_are_open(self, tmp_path: Path) -> None:
        store = RocksStore(tmp_path / "0")
        value = b"1" * 100_000
        rows: dict[bytes, bytes | None] = {b"%d" % number: value + b"%d" % number for number in range(300)}
        for offset, (key, row) in enumerate(rows.items()):
            store.put({key: row})
            store.settle({key: row}, {}, Mark(offset), ())
        assert not store._pending
        assert len(store._recent) * len(value) <= 2 * (_GENERATION + len(value))
        assert {key: store.get(key) for key in rows} == rows
        assert dict(store.items()) == rows

    def test_what_memory_holds_is_the_newest_of_what_is_written_again_and_deleted(self, tmp_path: Path) -> None:
        store = RocksStore(tmp_path / "0")
        writes: list[Rows] = [{b"a": b"1", b"b": b"1"}, {b"a": b"2"}, {b"a": None, b"b": b"2"}]
        for rows in writes:
            store.put(rows)
        seen = {b"b": b"2"}
        for offset, rows in enumerate(writes):
            assert (store.get(b"a"), store.get(b"b"), dict(store.items())) == (None, b"2", seen)
            store.settle(rows, {}, Mark(offset), ())
        assert (store.get(b"a"), store.get(b"b"), dict(store.items())) == (None, b"2", seen)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A store as kill -9 leaves it: most of it in a table, its end in the log, both with the mark of their time."""
    store = RocksStore(tmp_path / "live")
    for number in range(20):
        rows: Rows = {b"T%03d" % (20 * number + n): b"%0500d" % n for n in range(20)}
        store.settle(rows, {b"w%d" % number: b"1"}, Mark(number), ())
        if number == 18:
            store._db.flush()
    shutil.copytree(tmp_path / "live", tmp_path / "left")
    store.close()
    return tmp_path / "left"


class TestDamage:
    def test_a_damaged_block_is_no_end_of_the_rows(self, filled: Path) -> None:
        (table,) = filled.glob("*.sst")
        _flip(table, table.stat().st_size // 2)
        store = RocksStore(filled)
        with pytest.raises(UnusableError, match="checksum mismatch"):
            list(store.items())
        with pytest.raises(UnusableError, match="checksum mismatch"):
            [store.get(b"T%03d" % number) for number in range(400)]

    def test_a_list_of_tables_that_lost_its_end_is_no_older_state(self, filled: Path) -> None:
        """RocksDB takes it for a crash, and has the newest mark from the log."""
        (manifest,) = filled.glob("MANIFEST*")
        manifest.write_bytes(manifest.read_bytes()[:-20])
        with pytest.raises(UnusableError, match="does not name"):
            RocksStore(filled)

    def test_a_log_that_lost_its_end_is_an_older_state_with_an_older_mark(self, filled: Path) -> None:
        (log,) = filled.glob("*.log")
        log.write_bytes(log.read_bytes()[:-100])
        store = RocksStore(filled)
        assert (store.mark.offset, len(list(store.items())), len(list(store.derived_items()))) == (18, 380, 19)

    def test_who_uses_an_open_store_hears_that_it_is_damaged(self, filled: Path) -> None:
        (table,) = filled.glob("*.sst")
        _flip(table, table.stat().st_size // 2)
        heard: list[Exception] = []

        def failed(error: Exception) -> NoReturn:
            heard.append(error)
            raise Ended

        store = RocksStore(filled, failed)
        with pytest.raises(Ended):
            list(store.items())
        assert [type(error) for error in heard] == [UnusableError]


class Ended(Exception):
    """The process would have ended."""


def _flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 0xFF
    file.write_bytes(content)


def _fail(reason: str) -> NoReturn:
    raise Ended(reason)


def _fill(store: StateStore) -> None:
    for number in range(100):
        store.settle({b"T%d" % number: bytes(100_000)}, {}, Mark(number), ())


def disk(folder: Path, owner: str = "one") -> Disk:
    return Disk(folder, owner, DAY, _fail)


class TestDisk:
    def test_two_workers_on_one_directory_keep_apart_and_a_restarted_one_finds_its_own(self, tmp_path: Path) -> None:
        first, second = disk(tmp_path), disk(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["worker-0", "worker-1"]
        first.release()
        disk(tmp_path).release()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["worker-0", "worker-1"]
        second.release()

    def test_the_state_of_somebody_else_is_refused(self, tmp_path: Path) -> None:
        disk(tmp_path).release()
        with pytest.raises(Refused, match="belongs to one, this worker to two: set SLAWATCH_DATA_DIR"):
            disk(tmp_path, "two")

    @pytest.mark.parametrize(
        ("offset", "at", "end", "reason"),
        [(5, 0, 6, "older than the tombstones"), (5, 10 * DAY, 5, "ahead of the changelog"), (5, 9 * DAY, 6, None)],
    )
    def test_a_store_that_the_changelog_cannot_bring_up_to_date_is_rebuilt(
        self, tmp_path: Path, offset: int, at: int, end: int, reason: str | None
    ) -> None:
        folder = disk(tmp_path)
        store = folder.open(0, 0, 0, pytest.fail)
        store.settle({b"a": b"1"}, {}, Mark(offset, at=at), ())
        store.close()
        reasons: list[str] = []
        again = folder.open(0, end, 10 * DAY, reasons.append)
        assert dict(again.items()) == ({} if reason else {b"a": b"1"})
        assert [reason in told for told in reasons] == ([True] if reason else [])

    def test_an_unreadable_store_is_rebuilt(self, tmp_path: Path) -> None:
        folder = disk(tmp_path)
        folder.open(0, 0, 0, pytest.fail).close()
        for file in (tmp_path / "worker-0" / "0").glob("MANIFEST*"):
            file.write_bytes(b"garbage")
        reasons: list[str] = []
        assert dict(folder.open(0, 0, 0, reasons.append).items()) == {}
        assert "unreadable" in reasons[0]

    def test_a_store_found_damaged_at_work_ends_the_process_and_the_next_one_begins_without(
        self, tmp_path: Path, filled: Path
    ) -> None:
        """Else it would meet the same damage, and end too."""
        folder = disk(tmp_path)
        filled.rename(tmp_path / "worker-0" / "0")
        store = folder.open(0, 20, 0, pytest.fail)
        (table, *_) = sorted((tmp_path / "worker-0" / "0").glob("*.sst"))
        _flip(table, table.stat().st_size // 2)
        with pytest.raises(Ended, match=r"partition 0 is damaged, a restart rebuilds it: .*checksum mismatch"):
            list(store.items())
        store._db.close()
        folder.release()
        reasons: list[str] = []
        assert dict(disk(tmp_path).open(0, 20, 0, reasons.append).items()) == {}
        assert reasons == ["it was found damaged at work"]
        assert {path.name for path in (tmp_path / "worker-0").iterdir()} == {"0", "belongs-to", "lock"}

    def test_a_full_directory_is_said_with_what_to_do(self, small_disk: Path) -> None:
        folder = disk(small_disk)
        store = folder.open(0, 0, 0, pytest.fail)
        with pytest.raises(Ended, match=rf"no room for the local state in {small_disk}.*: make room there"):
            _fill(store)
        folder.release()
        with pytest.raises(FullError, match="make room there, or set SLAWATCH_DATA_DIR"):
            disk(small_disk)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small", 4) as folder:
        yield folder
