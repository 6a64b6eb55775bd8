"""The ledger's folder: which files are the ledger, since which offsets of the topic, and who may drop what.

A manifest is the only truth: it names the files and the offsets up to which they were read, so that the two cannot
disagree. Files and manifests are immutable; a new state is a new manifest, put in place by a rename. Readers hold the
manifest that they read (a shared lock on it); what nobody holds is dropped.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from reports.store.columns import SHAPE
from reports.store.rules import Erased

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OPEN: Final = ""
"""In place of a month: the tickets that are not done."""

_NAME: Final = re.compile(r"(ledger|work)-([0-9]{12})\.json")
_LOCK: Final = "lock"
_TRIES: Final = 100


class Busy(Exception):
    """Another process writes to this ledger."""


class NoLedger(Exception):
    """There is no ledger in this folder, or none that was read to its end."""


class Damaged(Exception):
    """A manifest that cannot be read, or names a file that is not there."""


class DataFile(msgspec.Struct, frozen=True):
    """A Parquet file: `month` (UTC, `2026-11`) of the last that happened to its tickets, all of them done, or OPEN.

    `created_from`: the first of their creations. `bytes` as it was written.
    """

    name: str
    rows: int
    bytes: int
    month: str
    created_from: datetime


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One state of the ledger. A ticket is in one of `files` at most.

    A ticket in the file `delta` is as that says, whatever `files` have of it, or is gone. `offsets`: of each
    partition, what is next to be read. `read_at`: before which no tombstone was missed. `salt`, `erased`: who was
    erased; `obeys`: the rules that all its files obey. `shape`: of its files. `unreadable`: records that were
    passed over.
    """

    number: int = 0
    topic: str = ""
    shape: str = SHAPE
    offsets: dict[int, int] = {}
    files: tuple[DataFile, ...] = ()
    delta: str | None = None
    delta_rows: int = 0
    delta_bytes: int = 0
    read_at: datetime | None = None
    salt: str = ""
    erased: tuple[Erased, ...] = ()
    obeys: str = ""
    unreadable: int = 0

    def names(self) -> list[str]:
        """Of all its files."""
        return [*(file.name for file in self.files), *([self.delta] if self.delta is not None else [])]


def _nothing(_: str) -> None:
    pass


class Folder:
    """The folder of one ledger.

    `step` is told of every step that leaves something on disk, before and after it: tests look or stop there.
    """

    def __init__(self, path: Path, step: Callable[[str], Any] = _nothing) -> None:
        self.path = path
        self.step = step

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the ledger alone, creating its folder. Raises Busy where another process does, OSError."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / _LOCK).open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"{self.path}: another process writes to this ledger") from None
            yield

    def published(self) -> Manifest | None:
        """The ledger as readers see it; raises Damaged."""
        return self._newest("ledger")

    def work(self) -> Manifest | None:
        """How far a sync came that has not reached the end; raises Damaged."""
        return self._newest("work")

    def checkpoint(self, manifest: Manifest) -> None:
        """Keep how far a sync came. What only older states name may be dropped (`sweep`)."""
        self._put("work", manifest)

    def publish(self, manifest: Manifest) -> None:
        """Make it the ledger that readers see from now on."""
        self._put("ledger", manifest)

    def sweep(self) -> None:
        """Drop the states that nobody reads any more, and every file that none of the others names.

        To be called by whoever holds the ledger alone.
        """
        published, kept = self._of("ledger"), set[str]()
        for path in self._of("work")[:-1]:
            self._drop(path)
        for path in self._of("work"):
            if published and _number(path) <= _number(published[-1]):  # it became the ledger
                self._drop(path)
            else:
                kept.update(_read(path).names())
        for path in published[:-1]:
            if not self._drop_unread(path):
                kept.update(_read(path).names())
        for path in published[-1:]:
            kept.update(_read(path).names())
        for path in self.path.iterdir():
            if path.suffix in (".parquet", ".lines", ".new") and path.name not in kept:
                self._drop(path)

    @contextmanager
    def held(self) -> Iterator[Manifest]:
        """The ledger as it is now; its files stay for as long as this is held. Raises NoLedger, Damaged."""
        for _ in range(_TRIES):
            newest = self._of("ledger")[-1:]
            if not newest:
                raise NoLedger(f"{self.path}: no ledger yet (`slawatch ledger sync` reads it from Kafka)")
            try:
                file = newest[0].open("rb")
            except FileNotFoundError:  # dropped between the look and the opening: there is a newer one
                continue
            with file:
                fcntl.flock(file, fcntl.LOCK_SH)
                if os.fstat(file.fileno()).st_nlink:  # else dropped between the opening and the lock
                    yield _read(newest[0])
                    return
        raise Damaged(f"{self.path}: its state changes faster than it can be read")

    def _of(self, kind: str) -> list[Path]:
        """The manifests of a kind, the oldest first."""
        if not self.path.is_dir():
            return []
        return sorted(path for path in self.path.iterdir() if (m := _NAME.fullmatch(path.name)) and m[1] == kind)

    def _newest(self, kind: str) -> Manifest | None:
        found = self._of(kind)
        return _read(found[-1]) if found else None

    def _put(self, kind: str, manifest: Manifest) -> None:
        place = self.path / f"{kind}-{manifest.number:012}.json"
        new = place.with_suffix(".new")
        for name in manifest.names():
            flush(self.path / name)
        new.write_bytes(msgspec.json.encode(manifest))
        flush(new)
        self.step(f"before {kind}")
        new.rename(place)
        flush(self.path)
        self.step(f"after {kind}")

    def _drop(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.step("dropped")

    def _drop_unread(self, path: Path) -> bool:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._drop(path)
        return True


def flush(path: Path) -> None:
    """It is on the disk on return, also where the power fails. Raises Damaged where there is no such file."""
    try:
        number = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise Damaged(f"{path}: a file of the ledger is not there (`slawatch ledger sync --rebuild`)") from None
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _number(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    assert found is not None
    return int(found[2])


def _read(path: Path) -> Manifest:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"{path}: {error} (drop it and run `slawatch ledger sync`)") from None
