"""Where the local state of a worker lies, and whether it may be used."""

from __future__ import annotations

import fcntl
import os
from itertools import count
from typing import TYPE_CHECKING

from agents.engine.store import RocksStore, StateStore, UnusableError, destroy
from agents.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Disk:
    """A folder that this process alone uses: `FOLDER/worker-N` with the lowest N that no other process holds.

    So several workers of one machine share a data directory, and a restarted one finds its own state again.
    """

    def __init__(self, folder: Path, cluster: str, keeps_deletions: int) -> None:
        """`keeps_deletions` is how long (microseconds) the changelog keeps tombstones.

        Raises Refused where the folder holds state of another cluster, or cannot be written.
        """
        self._keeps_deletions = keeps_deletions
        try:
            self._path, self._lock = _claim(folder)
            _same_cluster(self._path / "cluster", cluster)
        except OSError as error:
            raise Refused(f"the data directory {folder} cannot be used: {error}") from error

    def open(self, partition: int, end: int, now: int, told: Callable[[str], None]) -> StateStore:
        """A partition's store; one that cannot be used is thrown away, and `told` hears why.

        `end` is the end of the changelog. Raises OSError where the disk is full.
        """
        path = self._path / str(partition)
        try:
            store = RocksStore(path)
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
        return RocksStore(path)

    def release(self) -> None:
        """Lets another process have the folder."""
        os.close(self._lock)


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


def _same_cluster(file: Path, cluster: str) -> None:
    if not file.exists():
        file.write_text(cluster)
    elif (known := file.read_text()) != cluster:
        raise Refused(
            f"the local state in {file.parent} belongs to the Kafka cluster {known}, this one is {cluster}: "
            "set SLAWATCH_DATA_DIR to another directory, or remove this one"
        )
