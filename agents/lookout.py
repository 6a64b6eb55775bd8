"""Who looks at a worker's partitions, and when: the loop by turns, another thread adds up."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agents.seen import Seen, Whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from agents.partition import TicketPartition

LOT = 1_000
"""Cells that are copied between two turns of the stream: at the first look, and when a quarter of an hour begins, it
is all of them."""


class Lookout:
    """Sees the partitions that a function gives. Of a partition there may be one lookout only."""

    def __init__(self, partitions: Callable[[], Iterable[TicketPartition]], lot: int = LOT) -> None:
        self._partitions = partitions
        self._lot = lot
        self._seen: dict[TicketPartition, Seen] = {}
        self._gone: list[Seen] = []
        self._whole = Whole()
        self._busy = asyncio.Lock()

    @asynccontextmanager
    async def looking(self, now: int) -> AsyncIterator[Whole]:
        """What there is to see at this instant; it stays as it is while inside, and others wait so long."""
        async with self._busy:
            held = list(self._partitions())
            self._hold(held)
            for partition in held:
                for _ in self._seen[partition].look(now):
                    await asyncio.sleep(0)  # the stream gets a turn
            yield await asyncio.to_thread(self._follow, held)

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """What was seen last stays as it is while inside, and others wait so long."""
        async with self._busy:
            yield

    def look(self, now: int) -> Whole:
        """The same at once."""
        held = list(self._partitions())
        self._hold(held)
        for partition in held:
            for _ in self._seen[partition].look(now):
                pass
        return self._follow(held)

    def _hold(self, held: list[TicketPartition]) -> None:
        self._gone += [self._seen.pop(partition) for partition in self._seen.keys() - set(held)]
        for partition in held:
            if partition not in self._seen:
                self._seen[partition] = Seen(partition, self._lot)

    def _follow(self, held: list[TicketPartition]) -> Whole:
        whole = self._whole
        while self._gone:
            self._gone.pop().leave(whole)
        whole.parts = [self._seen[partition] for partition in held]
        for seen in whole.parts:
            seen.follow(whole)
        return whole
