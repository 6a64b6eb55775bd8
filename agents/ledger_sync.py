"""The ledger's files brought up to date with its topic: restartable, and exact wherever it was stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec

from agents.errors import Refused
from reports.store.columns import SHAPE
from reports.store.folder import Folder, Manifest
from reports.store.rules import Erased, How, Rules, digest, new_salt
from reports.store.writing import Copy, Line, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BATCH = 200_000
"""Records that are read before they are written."""


def _nothing(_: float) -> None:
    pass


class Batch(msgspec.Struct):
    """Records of the topic, up to `offsets`; `unreadable`: where and why some were passed over."""

    lines: list[Line]
    offsets: dict[int, int]
    unreadable: list[str]


class Topic(Protocol):
    """The topic `ticket-ledger`, or a test's."""

    name: str

    async def ends(self) -> dict[int, int]:
        """The offset after the newest record of each partition."""

    async def keeps_deletions(self) -> timedelta:
        """How long tombstones stay."""

    async def read(self, offsets: dict[int, int], ends: dict[int, int], limit: int) -> Batch:
        """Some records from `offsets` on, about `limit` at most, none of them after `ends`."""

    async def put(self, copies: Sequence[Copy]) -> None:
        """Write these, acknowledged on return."""


@dataclass
class Synced:
    """What a sync did. `anew`: why it read the topic from its beginning, if it did."""

    manifest: Manifest
    anew: str = ""
    records: int = 0
    copies: list[Copy] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def take(self, batch: Batch, copies: list[Copy]) -> None:
        """Count a batch."""
        self.records += len(batch.lines)
        self.copies += copies
        self.unreadable += batch.unreadable


@dataclass(frozen=True)
class Sync:
    """How the ledger of a folder is kept. `retention`: how long a ticket stays after it was done; None: for ever.

    `batch`, `fold` and `small` are for tests.
    """

    folder: Folder
    topic: Topic
    retention: timedelta | None = None
    batch: int = BATCH
    fold: int | None = None
    small: int | None = None
    come_to: Callable[[float], None] = _nothing
    """Told the share of the topic that was read."""

    async def run(self, now: datetime, *, rebuild: bool = False, erase: tuple[str, How] | None = None) -> Synced:
        """Read the topic to the end that it has now, and publish the ledger as of then.

        `rebuild`: from the topic's beginning; readers keep the ledger that there is until the new one is whole.
        `erase`: a customer, from now on and from all that is there. Raises Busy, Damaged, Refused, KafkaError, OSError.
        """
        with self.folder.writing():
            self.folder.sweep()
            start, anew = await self._start(now, rebuild=rebuild)
            if erase is not None:
                start = _with_erased(start, erase, now)
            rules = Rules(start.salt, start.erased, self._horizon(now))
            sizes = {"fold": self.fold, "small": self.small}
            writer = Writer(self.folder, start, rules, **{name: n for name, n in sizes.items() if n is not None})
            try:
                return await self._run(writer, rules, Synced(start, anew), now)
            finally:
                writer.close()
                self.folder.sweep()

    async def _run(self, writer: Writer, rules: Rules, synced: Synced, now: datetime) -> Synced:
        ends = await self.topic.ends()
        offsets = {partition: writer.manifest.offsets.get(partition, 0) for partition in ends}
        for partition, offset in offsets.items():
            if offset > ends[partition]:
                raise Refused(
                    f"the ledger was read up to {partition}:{offset} of {self.topic.name}, which ends at "
                    f"{partition}:{ends[partition]}: if the topic was made anew, `slawatch ledger sync --rebuild`"
                )
        while offsets != ends:
            batch = await self.topic.read(offsets, ends, self.batch)
            offsets = batch.offsets
            copies = await asyncio.to_thread(writer.take, batch.lines, offsets)
            synced.take(batch, copies)
            self.come_to(sum(offsets.values()) / sum(ends.values()))
            await self.topic.put(copies)  # before the state that knows of their cause no more
            if batch.unreadable:
                unreadable = writer.manifest.unreadable + len(batch.unreadable)
                writer.manifest = msgspec.structs.replace(writer.manifest, unreadable=unreadable)
            if offsets != ends:
                self.folder.checkpoint(writer.manifest)
                self.folder.sweep()
        if writer.manifest.obeys != rules.name:
            copies = await asyncio.to_thread(writer.purge)
            synced.copies += copies
            await self.topic.put(copies)
        synced.manifest = msgspec.structs.replace(writer.manifest, read_at=now, obeys=rules.name)
        self.folder.publish(synced.manifest)
        return synced

    async def _start(self, now: datetime, *, rebuild: bool) -> tuple[Manifest, str]:
        """What to go on from, and why it is the beginning, if it is."""
        published, work = self.folder.published(), self.folder.work()
        latest = max((m for m in (published, work) if m is not None), key=lambda m: m.number, default=None)
        number = published.number + 1 if published is not None else 1
        if latest is None:
            return Manifest(number=number, topic=self.topic.name, read_at=now, salt=new_salt()), "nothing was read yet"
        if latest.topic != self.topic.name:
            raise Refused(f"{self.folder.path} is the ledger of the topic {latest.topic}, not of {self.topic.name}")
        reason = "as asked" if rebuild else await self._stale(latest, now)
        if reason:
            fresh = Manifest(number=number, topic=latest.topic, read_at=now, salt=latest.salt, erased=latest.erased)
            return fresh, reason
        return msgspec.structs.replace(latest, number=number), ""

    async def _stale(self, latest: Manifest, now: datetime) -> str:
        if latest.shape != SHAPE:
            return "the files are another version's"
        kept = await self.topic.keeps_deletions()
        if latest.read_at is None or now - latest.read_at > kept:
            return f"the last sync is longer ago than {self.topic.name} keeps deletions ({kept})"
        return ""

    def _horizon(self, now: datetime) -> datetime | None:
        """By whole days: a file is not written anew for every ticket."""
        if self.retention is None:
            return None
        return (now.astimezone(UTC) - self.retention).replace(hour=0, minute=0, second=0, microsecond=0)


def _with_erased(manifest: Manifest, erase: tuple[str, How], now: datetime) -> Manifest:
    customer_id, how = erase
    known = digest(manifest.salt, customer_id)
    erased = (*manifest.erased, Erased(known, now, how))
    return msgspec.structs.replace(manifest, erased=erased)
