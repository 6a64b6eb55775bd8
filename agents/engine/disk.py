"""Where the local state of a worker lies, and whether it may be used."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NoReturn

from agents.engine.store import RocksStore, StateStore, destroy
from agents.engine.trouble import FullError, UnusableError, trouble
from agents.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ROOM = 1 << 20
"""Bytes that must be free at the start: one that runs full with its first write would disturb the whole group."""


class Disk:
    """A folder that this process alone uses: `FOLDER/worker-N` with the lowest N that no other process holds.

    So several workers of one machine share a data directory, and a restarted one finds its own state again.
    """

    def __init__(self, folder: Path, belongs_to: str, keeps_deletions: int, fail: Callable[[str], NoReturn]) -> None:
        """`belongs_to` says whose state it is; `keeps_deletions` is how long (microseconds) the changelog keeps
        tombstones; `fail` ends the process where an open store cannot be used any more.

        Raises Refused where the folder holds the state of somebody else or cannot be written, FullError.
        """
        self._keeps_deletions = keeps_deletions
        self._fail = fail
        try:
            self._path, self._lock = _claim(folder)
            _has_room(self._path / "room")
            _same_owner(self._path / "belongs-to", belongs_to)
        except OSError as error:
            meaning = trouble(folder, error)
            if isinstance(meaning, FullError):
                raise meaning from error
            raise Refused(f"the data directory {folder} cannot be used: {error}") from error

    def open(self, partition: int, end: int, now: int, told: Callable[[str], None]) -> StateStore:
        """A partition's store; one that cannot be used is thrown away, and `told` hears why.

        `end` is the end of the changelog. Raises FullError, and UnusableError where a new store is damaged too.
        """
        path, damaged = self._path / str(partition), self._damaged(partition)
        create = partial(RocksStore, path, partial(self._failed, partition))
        if damaged.exists():
            told("it was found damaged at work")
            destroy(damaged)
        try:
            store = create()
        except UnusableError as error:
            reason = f"unreadable: {error}"
        else:
            mark = store.mark
            if mark.offset >= end:
                reason = f"ahead of the changelog, which ends at {end}: {mark.offset}"
            elif mark.offset >= 0 and now - mark.at > self._keeps_deletions:
                reason = "older than the tombstones in the changelog: deleted tickets would come back"
            else:
                return store
            store.close()
        told(reason)
        destroy(path)
        return create()

    def release(self) -> None:
        """Lets another process have the folder."""
        os.close(self._lock)

    def _failed(self, partition: int, error: UnusableError | FullError) -> NoReturn:
        if isinstance(error, UnusableError):
            # The next process would find the same damage at the same place; so it begins without.
            with suppress(OSError):
                (self._path / str(partition)).rename(self._damaged(partition))
            self._fail(f"the local state of partition {partition} is damaged, a restart rebuilds it: {error}")
        self._fail(str(error))

    def _damaged(self, partition: int) -> Path:
        return self._path / f"{partition}.damaged"


def _claim(folder: Path) -> tuple[Path, int]:
    for number in count():
        path = folder / f"worker-{number}"
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return path, lock
    raise AssertionError("unreachable")


def _has_room(file: Path) -> None:
    try:
        file.write_bytes(bytes(_ROOM))
    finally:
        file.unlink(missing_ok=True)


def _same_owner(file: Path, owner: str) -> None:
    if not file.exists():
        draft = file.with_suffix(".draft")
        draft.write_text(owner)
        draft.replace(file)  # never half of it
    elif (known := file.read_text()) != owner:
        raise Refused(
            f"the local state in {file.parent} belongs to {known}, this worker to {owner}: set SLAWATCH_DATA_DIR to "
            "another directory, or remove this one (it is rebuilt from the changelog)"
        )
