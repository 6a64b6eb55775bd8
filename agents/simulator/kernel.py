"""Simulated time: processes as generators that sleep or wait to be resumed, in the order of one heap."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator
from typing import Any

# A process yields a delay in microseconds to sleep, or a function that takes the process into its keeping and
# has it resumed later, perhaps with a value.
Process = Generator["int | Parking", Any, None]
Parking = Callable[[Process], None]


class Loop:
    """Runs processes in the order of simulated time; at one instant in the order in which they were due."""

    def __init__(self, start: int) -> None:
        self.now = start
        self._heap: list[tuple[int, int, Process, object]] = []
        self._count = 0

    def resume(self, process: Process, value: object = None, after: int = 0) -> None:
        """Have a process go on, or begin, `after` microseconds from now; its `yield` gives `value`."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + after, self._count, process, value))

    def run(self, until: int) -> Iterator[None]:
        """Take one step at each `next`, as long as there is something to do before the instant `until`."""
        heap = self._heap
        while heap and heap[0][0] < until:
            self.now, _, process, value = heapq.heappop(heap)
            try:
                wish = process.send(value)
            except StopIteration:
                pass
            else:
                if isinstance(wish, int):
                    self.resume(process, after=wish)
                else:
                    wish(process)
            yield
