"""Reading the input topics of a partition side by side, so that a backlog comes about in the order of its time.

Order changes no verdict. But a topic read far ahead of the others makes nearly every later event one that belongs
before the newest of its ticket, and each of these costs a refold. So a topic that is ahead of one that has more to
give is not read on, and what was fetched of it beyond the other's time waits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

from faust.types import TP

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.engine.membership import Chunk

SLACK = 1_000
"""Milliseconds of record time by which a topic may be ahead: live, none waits for another."""
PATIENCE = 5.0
"""Seconds for which a topic that gives nothing holds up the others: what lies unread in it may be no records."""
WITHIN = 10.0
"""Seconds after which what there is of a partition's backlog is given, however little."""
LINGER = 0.15
"""Seconds for which the little that comes live waits for more, where no alarm does: each portion of a partition costs
as much as some fifty events do."""
HELD = 100_000
"""Where so many wait, of all partitions, only the one that has gathered most is read on."""


class Alignment:
    """Knows how far each place was fetched. `unread` says whether it has more, as far as its last fetch could see, and
    `pressed` whether a partition has an alarm that waits for its input.

    Of a backlog `gathered` records of a partition are given together: several events of a ticket then cost one write.
    """

    def __init__(
        self,
        inputs: tuple[str, ...],
        unread: Callable[[TP], bool],
        ticks: Callable[[], float],
        gathered: int,
        pressed: Callable[[int], bool],
    ) -> None:
        self._inputs = inputs
        self._gathered = gathered
        self._unread = unread
        self._ticks = ticks
        self._pressed = pressed
        self._reached: dict[TP, int] = {}
        self._active: dict[TP, float] = {}
        self._held: dict[int, dict[TP, list[Chunk]]] = {}
        self._count: Counter[int] = Counter()
        self._since: dict[int, float] = {}

    def fetched(self, tp: TP, timestamp: int) -> None:
        """Records up to this record time came."""
        self._reached[tp] = timestamp
        self._active[tp] = self._ticks()

    def sought(self, tp: TP) -> None:
        """Reading goes on elsewhere."""
        self._reached.pop(tp, None)
        self._active[tp] = self._ticks()

    def may_read(self, tp: TP) -> bool:
        """Whether no other topic of the partition is behind this one and has more to give, and there is room for it."""
        count = self._count
        if count.total() >= HELD and count[tp.partition] < max(count.values()):
            return False
        reached = self._reached.get(tp)
        horizon = self._horizon(tp.partition)
        return reached is None or horizon is None or reached <= horizon

    def hold(self, tp: TP, chunk: Chunk) -> None:
        """What was fetched of an input topic, to be given by `ready`."""
        chunks = self._held.setdefault(tp.partition, {}).setdefault(tp, [])
        if chunks and (chunks[0].generation, chunks[0].seek) != (chunk.generation, chunk.seek):
            chunks.clear()  # from before a seek: they come again
        chunks.append(chunk)
        self._recount(tp.partition)
        self._since.setdefault(tp.partition, self._ticks())

    @property
    def holding(self) -> bool:
        """Whether anything waits."""
        return bool(self._held)

    def ready(self) -> dict[int, list[tuple[TP, Chunk]]]:
        """By partition, what need not wait any more."""
        found: dict[int, list[tuple[TP, Chunk]]] = {}
        for partition, held in list(self._held.items()):
            if self._is_gathering(partition):
                continue
            horizon = self._horizon(partition)
            for tp, chunks in held.items():
                while chunks and (part := _up_to(chunks[0], horizon)) is not None:
                    found.setdefault(partition, []).append((tp, part))
                    if part is not chunks[0]:
                        chunks[0] = _after(chunks[0], part)
                        break
                    del chunks[0]
            self._held[partition] = {tp: chunks for tp, chunks in held.items() if chunks}
            self._recount(partition)
            self._since[partition] = self._ticks()
            if not self._held[partition]:
                del self._held[partition], self._count[partition], self._since[partition]
        return found

    def _recount(self, partition: int) -> None:
        self._count[partition] = sum(
            len(chunk.records) for of_one in self._held[partition].values() for chunk in of_one
        )

    def _is_gathering(self, partition: int) -> bool:
        """Whether more of it is to come that can be waited for."""
        waited = self._ticks() - self._since[partition]
        if self._count[partition] >= self._gathered or waited >= WITHIN:
            return False
        if any(self._unread(TP(topic, partition)) for topic in self._inputs):
            return True
        return waited < LINGER and not self._pressed(partition)

    def _horizon(self, partition: int) -> int | None:
        """The record time up to which the topics may be read; None: no limit."""
        waited_since = self._ticks() - PATIENCE
        behind = [
            self._reached.get(tp, -SLACK - 1)
            for tp in (TP(topic, partition) for topic in self._inputs)
            if self._active.get(tp, waited_since) > waited_since and self._unread(tp)
        ]
        return min(behind) + SLACK if behind else None


def _up_to(chunk: Chunk, horizon: int | None) -> Chunk | None:
    """The part of a chunk that lies before the horizon; None: there is none."""
    records = chunk.records
    if horizon is None or records[-1].timestamp <= horizon:
        return chunk
    count = bisect_right(records, horizon, key=_timestamp)
    return chunk._replace(records=records[:count]) if count else None


def _after(chunk: Chunk, part: Chunk) -> Chunk:
    """The rest of a chunk."""
    return chunk._replace(records=chunk.records[len(part.records) :], previous=part.records[-1].offset + 1)


def _timestamp(record: Any) -> int:
    timestamp: int = record.timestamp
    return timestamp
