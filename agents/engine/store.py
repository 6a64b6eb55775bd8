"""A partition's state: a write is seen at once, and is on disk once the changelog has acknowledged it."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol

import rocksdict

from agents.engine.trouble import FullError, UnusableError, trouble

if TYPE_CHECKING:
    from agents.engine.interface import Record

Rows = dict[bytes, bytes | None]

_TICKET = b"t"
_DERIVED = b"d"
_MARK_KEY = b"mark"
_MARK = struct.Struct(">qqq")
_BLOCKS = rocksdict.Cache(64 << 20)  # shared by all partitions of the process
_ENVIRONMENT = rocksdict.Env()
# Where the process has one core, compacting would take half of it for a second at a time.
_ENVIRONMENT.lower_thread_pool_cpu_priority()
_MISSING = object()
_GENERATION = 4 << 20  # bytes of tickets in each half of what a store keeps in memory
_LOT = 1_000  # keys that are read at a time
_ROW = 200  # bytes that a ticket in memory takes beyond its value


class Mark(NamedTuple):
    """Up to where a store holds the changelog."""

    offset: int = -1  # of the last changelog record it holds
    derived: int = -1  # the value of `offset` at which the derived rows were right
    at: int = 0  # wall clock in microseconds at which nothing newer was in the changelog


class StateStore(Protocol):
    """What the engine asks of a store beyond what a partition's owner sees of it (`interface.Store`)."""

    @property
    def mark(self) -> Mark: ...
    @property
    def derived_stale(self) -> bool: ...
    def get(self, key: bytes) -> bytes | None: ...
    def items(self) -> Iterator[tuple[bytes, bytes]]: ...
    def all_keys(self) -> Iterator[bytes]: ...
    def derived_items(self) -> Iterator[tuple[bytes, bytes]]: ...
    def rebuild_derived(self, items: Mapping[bytes, bytes]) -> None: ...

    def put(self, tickets: Rows) -> None:
        """The tickets are seen from now on; they are not durable yet."""

    def settle(self, tickets: Rows, derived: Rows | None, mark: Mark, cold: Collection[bytes]) -> None:
        """Keeps what the changelog has acknowledged; `derived` None: the rest of these changes comes later."""

    def replay(self, records: Sequence[Record], upto: int, at: int) -> None:
        """Applies changelog records; from now on it holds the changelog up to the offset `upto`."""

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

    def all_keys(self) -> Iterator[bytes]:
        for key in list(self._tickets):
            if key in self._tickets:
                yield key

    def derived_items(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._derived.items()

    def rebuild_derived(self, items: Mapping[bytes, bytes]) -> None:
        self._derived = dict(items)
        self.derived_stale = False

    def put(self, tickets: Rows) -> None:
        _update(self._tickets, tickets)

    def settle(self, tickets: Rows, derived: Rows | None, mark: Mark, cold: Collection[bytes]) -> None:
        if derived is not None:
            _update(self._derived, derived)
        self.mark = mark

    def replay(self, records: Sequence[Record], upto: int, at: int) -> None:
        _update(self._tickets, {record.key: record.value for record in records if record.key is not None})
        self.derived_stale = True
        self.mark = self.mark._replace(offset=upto, at=at)

    def close(self) -> None:
        pass


def _raise(error: Exception) -> NoReturn:
    raise error


class _Recent:
    """The rows written last, so many bytes of them: two generations, of which the older is dropped as a whole."""

    def __init__(self) -> None:
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._room = _GENERATION

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: bytes) -> bytes | None:
        value = self._young.get(key)
        return value if value is not None else self._old.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self._young[key] = value
        self._room -= len(value) + _ROW
        if self._room < 0:
            self._old, self._young, self._room = self._young, {}, _GENERATION

    def drop(self, key: bytes) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)


class RocksStore:
    """RocksDB, and before it in memory the tickets that are not on disk yet and those written last.

    Raises UnusableError where the folder holds no sound database, FullError where there is no room to open it.
    `failed` hears the same of an open one, from wherever it was read or written: its callers cannot go on.
    """

    def __init__(self, path: Path, failed: Callable[[UnusableError | FullError], NoReturn] = _raise) -> None:
        self._path = path
        self._failed = failed
        self._pending: Rows = {}  # not on disk yet
        self._recent = _Recent()
        try:
            self._db, self.mark = _open(path)
        except Exception as error:  # the library raises nothing narrower
            raise trouble(path, error) from error
        self.derived_stale = self.mark.derived != self.mark.offset

    def get(self, key: bytes) -> bytes | None:
        if key in self._pending:
            return self._pending[key]
        value = self._recent.get(key)
        if value is None:
            try:
                value = self._db.get(_TICKET + key)
            except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
                self._fail(error)
        return value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._pending.items():
            if value is not None:
                yield key, value
        for key, stored in self._rows(_TICKET):
            if key not in self._pending:
                yield key, stored

    def all_keys(self) -> Iterator[bytes]:
        # Those that are on their way now may come to lie before the place that is read by then.
        under_way = list(self._pending)
        for key in chain(under_way, self._stored_keys()):
            if self._pending.get(key, key) is not None:
                yield key

    def _stored_keys(self) -> Iterator[bytes]:
        """In their order, read by lots: an iterator of RocksDB that stays open keeps what is dropped meanwhile."""
        lot = [key for key, _ in islice(self._rows(_TICKET), _LOT)]
        while lot:
            yield from lot
            lot = [key for key, _ in islice(self._rows(_TICKET, lot[-1] + b"\0"), _LOT)]

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
        self._pending.update(tickets)

    def settle(self, tickets: Rows, derived: Rows | None, mark: Mark, cold: Collection[bytes]) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        _add(batch, _TICKET, tickets)
        if derived:
            _add(batch, _DERIVED, derived)
        right = derived is not None and not self.derived_stale
        self._write(batch, mark._replace(derived=mark.offset if right else self.mark.derived))
        pending, recent = self._pending, self._recent
        for key, value in tickets.items():
            if pending.get(key, _MISSING) is value:  # else a newer write of it is under way
                del pending[key]
            if value is None or key in cold:
                recent.drop(key)
            else:
                recent.put(key, value)

    def replay(self, records: Sequence[Record], upto: int, at: int) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        for record in records:
            if record.key is not None:
                _add(batch, _TICKET, {record.key: record.value})
                self._recent.drop(record.key)
        self.derived_stale = True
        self._write(batch, self.mark._replace(offset=upto, at=at))

    def close(self) -> None:
        try:
            self._db.close()
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            self._fail(error)

    def _rows(self, prefix: bytes, begin: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        try:
            rows = self._db.iter()
            rows.seek(prefix + begin)
            while rows.valid():
                key = rows.key()
                if key[:1] != prefix:
                    return
                yield key[1:], rows.value()
                rows.next()
            rows.status()  # at a damaged block it ends as at the last row; this raises
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            self._fail(error)

    def _write(self, batch: rocksdict.WriteBatch, mark: Mark) -> None:
        batch.put(_MARK_KEY, _MARK.pack(*mark))
        try:
            self._db.write(batch)
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            self._fail(error)
        self.mark = mark

    def _fail(self, error: Exception) -> NoReturn:
        self._failed(trouble(self._path, error))


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


def _open(path: Path) -> tuple[rocksdict.Rdict, Mark]:
    path.mkdir(parents=True, exist_ok=True)
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(8 << 20)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(128)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1 << 20)
    options.set_disable_auto_compactions(True)
    table = rocksdict.BlockBasedOptions()
    table.set_block_cache(_BLOCKS)
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    options.set_env(_ENVIRONMENT)
    tables = {file.name for file in path.glob("*.sst")}
    db = rocksdict.Rdict(str(path), options)
    try:
        # RocksDB takes damage at the end of its list of tables for a crash while writing it, forgets the tables behind
        # it, and has the newest mark from its log. A crash may leave such a table too: it is rebuilt for nothing then.
        forgotten = tables - {file["name"].lstrip("/") for file in db.live_files()}
        if forgotten:
            raise UnusableError(f"{path}: its list of tables does not name {', '.join(sorted(forgotten))}")
        db.set_options({"disable_auto_compactions": "false"})
        mark = db.get(_MARK_KEY)
    except Exception:
        with suppress(Exception):  # it may not even close; but its lock would stay
            db.close()
        raise
    return db, Mark() if mark is None else Mark(*_MARK.unpack(mark))
