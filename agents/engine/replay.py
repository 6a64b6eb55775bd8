"""A partition's changelog as it comes back at recovery: what a worker wrote is applied, what did not come from one
is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from agents.engine.interface import Headers, Record
    from agents.engine.store import StateStore

_HEADER = "crc32"


def proof(key: bytes, value: bytes | None) -> list[tuple[str, bytes]]:
    """The header that a worker's record carries: a checksum over key and value.

    It tells mistakes, not forgers: who wants to write such a record can.
    """
    # Tombstones begin elsewhere, or one would pass for an empty value.
    checksum = crc32(key, 1) if value is None else crc32(value, crc32(key))
    return [(_HEADER, checksum.to_bytes(4, "big"))]


def _is_proven(key: bytes, value: bytes | None, headers: Headers) -> bool:
    return list(headers) == proof(key, value)


class Replay:
    """One recovery of one partition, from where its store is.

    A record without proof is refused: an earlier one of its key stays, if there is one. Until it is written over,
    the store does not hold the changelog beyond it, so that after a crash it is found again.
    """

    def __init__(self, store: StateStore) -> None:
        self.applied = 0
        self.refused: dict[bytes, int] = {}
        """The offset of the last record of each key where that is no worker's."""
        self._whole = True  # no record was missing among those that came: none can have been compacted away
        self._store = store
        self._next = store.mark.offset + 1
        self._handed: int | None = None

    @property
    def next(self) -> int:
        """The offset from which on records are missing."""
        return self._next

    @property
    def anew(self) -> bool:
        """What was refused may have had compaction take ours away: the input tells it again, as far as it is kept."""
        return bool(self.refused) and not self._whole

    def take(self, records: Sequence[Record], previous: int | None, now: int) -> None:
        """Applies records; `previous` is the offset after those handed over before, None after a seek.

        Raises LookupError where some were lost on the way.
        """
        if previous not in (None, self._handed):
            raise LookupError(f"it goes on at {previous}, not at {self._handed}")
        self._handed = records[-1].offset + 1
        proven = []
        for record in records:
            offset, key = record.offset, record.key
            if offset < self._next:
                continue
            self._whole = self._whole and offset == self._next
            self._next = offset + 1
            if key is None:
                continue
            if _is_proven(key, record.value, record.headers):
                proven.append(record)
                self.refused.pop(key, None)
            else:
                self.refused[key] = offset
        if proven:
            self._store.replay(proven, min(self.refused.values(), default=self._next) - 1, now)
            self.applied += len(proven)
