"""A partition's store, in memory and on disk: what is seen, what is durable, what may be trusted after a crash."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from agents.engine.disk import Disk
from agents.engine.store import Mark, MemoryStore, RocksStore
from agents.errors import Refused
from streams.instants import DAY

if TYPE_CHECKING:
    from pathlib import Path


def record(offset: int, key: bytes, value: bytes | None) -> Any:
    return SimpleNamespace(offset=offset, key=key, value=value, partition=0)


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
        old: dict[bytes, bytes | None] = {b"a": b"1", b"b": None, b"c": b"1"}
        store.put(old)
        store.put({b"a": b"2", b"b": b"2", b"c": None})
        store.settle(old, {}, Mark(2), {b"a", b"b", b"c"})
        assert dict(store.items()) == {b"a": b"2", b"b": b"2"}
        assert store.get(b"c") is None

    def test_cold_tickets_are_still_found(self, store: MemoryStore | RocksStore) -> None:
        rows: dict[bytes, bytes | None] = {b"a": b"1"}
        store.put(rows)
        store.settle(rows, {b"w": b"7"}, Mark(0), {b"a"})
        assert store.get(b"a") == b"1"
        assert dict(store.items()) == {b"a": b"1"}
        assert dict(store.derived_items()) == {b"w": b"7"}

    def test_replay_takes_what_is_newer_and_makes_derived_rows_stale(self, store: MemoryStore | RocksStore) -> None:
        assert store.replay([record(0, b"a", b"1"), record(4, b"b", b"2")], 5) == 2
        assert store.derived_stale
        store.rebuild_derived({b"w": b"2"})
        assert not store.derived_stale
        assert store.replay([record(4, b"b", b"x"), record(5, b"a", None)], 6) == 1
        assert dict(store.items()) == {b"b": b"2"}
        assert store.derived_stale
        assert (store.mark.offset, store.mark.at) == (5, 6)


class TestRocksStore:
    def test_only_what_was_acknowledged_is_there_after_a_crash(self, tmp_path: Path) -> None:
        store = RocksStore(tmp_path / "0")
        rows: dict[bytes, bytes | None] = {b"a": b"1"}
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
        rows: dict[bytes, bytes | None] = {b"hot": b"1", b"cold": b"1", b"gone": None}
        store.put(rows)
        store.settle(rows, {}, Mark(2), {b"cold"})
        assert store._memory == {b"hot": b"1"}


def disk(folder: Path, cluster: str = "one") -> Disk:
    return Disk(folder, cluster, DAY)


class TestDisk:
    def test_two_workers_on_one_directory_keep_apart_and_a_restarted_one_finds_its_own(self, tmp_path: Path) -> None:
        first, second = disk(tmp_path), disk(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["worker-0", "worker-1"]
        first.release()
        disk(tmp_path).release()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["worker-0", "worker-1"]
        second.release()

    def test_state_of_another_cluster_is_refused(self, tmp_path: Path) -> None:
        disk(tmp_path).release()
        with pytest.raises(Refused, match="belongs to the Kafka cluster one, this one is two"):
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
