"""When each ticket wants to be looked at again: the earliest first, and each one's time may be moved."""

from __future__ import annotations

from heapq import heapify, heappop, heappush, nsmallest

from streams.instants import MINUTE

_SLOT = MINUTE


class Wakeups:
    """One instant (microseconds) a key.

    Keys wait unsorted in the minute of their instant; only the earliest minute that has any is put in order, when
    it comes to be the earliest. A key that is moved out of a later minute leaves nothing behind.
    """

    def __init__(self) -> None:
        self._at: dict[bytes, int] = {}
        self._come = 0  # keys that came since it was made anew
        self._slots: dict[int, set[bytes]] = {}
        self._order: list[int] = []  # a heap of the slots
        self._upto = 0  # slots before this one are in order:
        self._near: list[tuple[int, bytes]] = []  # a heap, with entries of keys that have been moved since

    def __len__(self) -> int:
        """How much is held, moved entries included."""
        return len(self._near) + sum(map(len, self._slots.values()))

    def set(self, key: bytes, at: int | None) -> None:
        """Wake it then, and not when it was said before; None: not at all."""
        before = self._at.get(key)
        if before == at:
            return
        if before is not None:
            waiting = self._slots.get(before // _SLOT)
            if waiting is not None:
                waiting.discard(key)
        if at is None:
            del self._at[key]
            return
        self._come += before is None
        self._at[key] = at
        slot = at // _SLOT
        if slot < self._upto:
            heappush(self._near, (at, key))
            return
        waiting = self._slots.get(slot)
        if waiting is None:
            waiting = self._slots[slot] = set()
            heappush(self._order, slot)
        waiting.add(key)

    def next(self) -> int | None:
        """The earliest."""
        while True:
            while self._near and self._at.get(self._near[0][1]) != self._near[0][0]:
                heappop(self._near)
            if self._near:
                return self._near[0][0]
            if not self._order:
                return None
            if self._come > len(self._at) // 8:
                self._make_anew()
            slot = heappop(self._order)
            self._upto = slot + 1
            self._near = [(self._at[key], key) for key in self._slots.pop(slot)]
            heapify(self._near)

    def pop(self) -> bytes:
        """The key of `next`, which is over with."""
        _, key = heappop(self._near)
        del self._at[key]
        return key

    def first(self, most: int, before: int) -> list[tuple[int, bytes]]:
        """The earliest instants with their keys, in order, at most so many of those before an instant; all stay."""
        at = self._at
        found = nsmallest(most, {entry for entry in self._near if entry[0] < before and at.get(entry[1]) == entry[0]})
        order = self._order.copy()  # a heap's copy is a heap
        while order and order[0] * _SLOT < before and len(found) < most:
            waiting = [(at[key], key) for key in self._slots[heappop(order)]]
            found += nsmallest(most - len(found), [entry for entry in waiting if entry[0] < before])
        return found

    def _make_anew(self) -> None:
        """Where keys come and go a dict grows to twice the room; one that is filled at once takes what it needs."""
        fresh: dict[bytes, int] = {}
        fresh.update(self._at)
        self._at, self._come = fresh, 0
