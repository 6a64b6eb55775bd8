"""An event loop whose time moves only when everything waits: an hour of waiting is over at once, and always alike."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Instead of waiting it moves the time on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everything waits for something that never comes")
            self.now += max(timeout, 1e-6)  # less than that may be lost in a sum
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time()` begins at 0 s."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, in virtual time; nothing of it may need a socket or a thread."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
