"""When each ticket wants to be looked at again: the earliest first, and each one's time may be moved."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

_STALE = 1000  # moved entries wait in the heap for their old time: so many beyond the number of live ones


class Wakeups:
    """One instant (microseconds) a key."""

    def __init__(self) -> None:
        self._at: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        """How much is held, moved entries included."""
        return len(self._heap)

    def set(self, key: bytes, at: int | None) -> None:
        """Wake it then, and not when it was said before; None: not at all."""
        if at is None:
            self._at.pop(key, None)
        elif self._at.get(key) != at:
            self._at[key] = at
            heappush(self._heap, (at, key))
            if len(self._heap) > 2 * len(self._at) + _STALE:
                self._heap = [(at, key) for key, at in self._at.items()]
                heapify(self._heap)

    def next(self) -> int | None:
        """The earliest."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self) -> bytes:
        """The key of `next`, which is over with."""
        _, key = heappop(self._heap)
        del self._at[key]
        return key
