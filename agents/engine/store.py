"""A partition's state: a write is seen at once, and is on disk once the changelog has acknowledged it."""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING, NamedTuple, Protocol

import rocksdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from agents.engine.interface import Record

Rows = dict[bytes, bytes | None]

_TICKET = b"t"
_DERIVED = b"d"
_MARK_KEY = b"mark"
_MARK = struct.Struct(">qqq")
_BLOCKS = rocksdict.Cache(64 << 20)  # shared by all partitions of the process
_MISSING = object()


class Mark(NamedTuple):
    """Up to where a store holds the changelog."""

    offset: int = -1  # of the last changelog record it holds
    derived: int = -1  # the value of `offset` at which the derived rows were right
    at: int = 0  # wall clock in microseconds at which nothing newer was in the changelog


class UnusableError(Exception):
    """A local store cannot be opened and may be thrown away; the changelog has it all."""


class StateStore(Protocol):
    """What the engine asks of a store beyond what a partition's owner sees of it (`interface.Store`)."""

    @property
    def mark(self) -> Mark: ...
    @property
    def derived_stale(self) -> bool: ...
    def get(self, key: bytes) -> bytes | None: ...
    def items(self) -> Iterator[tuple[bytes, bytes]]: ...
    def derived_items(self) -> Iterator[tuple[bytes, bytes]]: ...
    def rebuild_derived(self, items: Mapping[bytes, bytes]) -> None: ...

    def put(self, tickets: Rows) -> None:
        """The tickets are seen from now on; they are not durable yet."""

    def settle(self, tickets: Rows, derived: Rows | None, mark: Mark, cold: Iterable[bytes]) -> None:
        """Keeps what the changelog has acknowledged; `derived` None: the rest of these changes comes later."""

    def replay(self, records: Iterable[Record], at: int) -> int:
        """Applies changelog records that are newer than `mark`; returns how many."""

    def close(self) -> None: ...


class MemoryStore:
    """All of it in memory."""

    def __init__(self) -> None:
        self.mark = Mark()
        self.derived_stale = False
        self._tickets: dict[bytes, bytes] = {}
        self._derived: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self._tickets.get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._tickets.items()

    def derived_items(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._derived.items()

    def rebuild_derived(self, items: Mapping[bytes, bytes]) -> None:
        self._derived = dict(items)
        self.derived_stale = False

    def put(self, tickets: Rows) -> None:
        _update(self._tickets, tickets)

    def settle(self, tickets: Rows, derived: Rows | None, mark: Mark, cold: Iterable[bytes]) -> None:
        if derived is not None:
            _update(self._derived, derived)
        self.mark = mark

    def replay(self, records: Iterable[Record], at: int) -> int:
        newer = [record for record in records if record.offset > self.mark.offset]
        _update(self._tickets, {record.key: record.value for record in newer if record.key is not None})
        if newer:
            self.derived_stale = True
            self.mark = self.mark._replace(offset=newer[-1].offset, at=at)
        return len(newer)

    def close(self) -> None:
        pass


class RocksStore:
    """RocksDB, and before it in memory the tickets that were written and are not cold.

    Raises UnusableError where the folder holds no readable database, OSError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = _open(path)
        self._memory: Rows = {}  # None: a tombstone that is not on disk yet
        mark = self._db.get(_MARK_KEY)
        self.mark = Mark() if mark is None else Mark(*_MARK.unpack(mark))
        self.derived_stale = self.mark.derived != self.mark.offset

    def get(self, key: bytes) -> bytes | None:
        value = self._memory.get(key, _MISSING)
        if value is _MISSING:
            value = self._db.get(_TICKET + key)
        return value  # type: ignore[return-value]  # the sentinel is gone

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._memory.items():
            if value is not None:
                yield key, value
        for key, stored in self._rows(_TICKET):
            if key not in self._memory:
                yield key, stored

    def derived_items(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._rows(_DERIVED)

    def rebuild_derived(self, items: Mapping[bytes, bytes]) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, _ in self._rows(_DERIVED):
            batch.delete(_DERIVED + key)
        for key, value in items.items():
            batch.put(_DERIVED + key, value)
        self._write(batch, self.mark._replace(derived=self.mark.offset))
        self.derived_stale = False

    def put(self, tickets: Rows) -> None:
        self._memory.update(tickets)

    def settle(self, tickets: Rows, derived: Rows | None, mark: Mark, cold: Iterable[bytes]) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        _add(batch, _TICKET, tickets)
        if derived:
            _add(batch, _DERIVED, derived)
        right = derived is not None and not self.derived_stale
        self._write(batch, mark._replace(derived=mark.offset if right else self.mark.derived))
        memory = self._memory
        for key in cold:
            if key in tickets and memory.get(key) is tickets[key]:
                memory.pop(key, None)
        for key, value in tickets.items():
            if value is None and memory.get(key, _MISSING) is None:
                del memory[key]

    def replay(self, records: Iterable[Record], at: int) -> int:
        batch = rocksdict.WriteBatch(raw_mode=True)
        newer = [record for record in records if record.offset > self.mark.offset]
        for record in newer:
            if record.key is not None:
                _add(batch, _TICKET, {record.key: record.value})
                self._memory.pop(record.key, None)
        if newer:
            self.derived_stale = True
            self._write(batch, self.mark._replace(offset=newer[-1].offset, at=at))
        return len(newer)

    def close(self) -> None:
        self._db.close()

    def _rows(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._db.items(from_key=prefix):
            if key[:1] != prefix:
                return
            yield key[1:], value

    def _write(self, batch: rocksdict.WriteBatch, mark: Mark) -> None:
        batch.put(_MARK_KEY, _MARK.pack(*mark))
        self._db.write(batch)
        self.mark = mark


def destroy(path: Path) -> None:
    """Throws a partition's local store away."""
    shutil.rmtree(path, ignore_errors=True)


def _update(rows: dict[bytes, bytes], changes: Rows) -> None:
    for key, value in changes.items():
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


def _add(batch: rocksdict.WriteBatch, prefix: bytes, rows: Rows) -> None:
    for key, value in rows.items():
        if value is None:
            batch.delete(prefix + key)
        else:
            batch.put(prefix + key, value)


def _open(path: Path) -> rocksdict.Rdict:
    path.mkdir(parents=True, exist_ok=True)
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(8 << 20)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(128)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1 << 20)
    table = rocksdict.BlockBasedOptions()
    table.set_block_cache(_BLOCKS)
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    try:
        return rocksdict.Rdict(str(path), options)
    except Exception as error:  # the library raises nothing narrower
        if "No space left" in str(error):
            raise OSError(f"no space left for the local state in {path}: {error}") from error
        raise UnusableError(str(error)) from error
