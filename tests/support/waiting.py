"""Waits for conditions instead of sleeping for durations. Timeouts and intervals are in seconds."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    predicate: Callable[[], T | Awaitable[T]],
    timeout: float = 10.0,  # noqa: ASYNC109 - it says what it waited for, asyncio.timeout would not
    every: float = 0.02,
    what: str = "",
) -> T:
    """The first truthy answer of `predicate` (a function or a coroutine function).

    An AssertionError inside it counts as "not yet": a predicate may be made of asserts and return True.
    Raises AssertionError, with `what` and the last answer, when `timeout` seconds have gone by.
    """
    waited = _Waited(predicate, timeout, what)
    while True:
        try:
            answer = predicate()
            value = await answer if inspect.isawaitable(answer) else answer
        except AssertionError as error:
            waited.not_yet(error)
        else:
            if value:
                return value
            waited.not_yet(value)
        await asyncio.sleep(every)


def wait_until(predicate: Callable[[], T], timeout: float = 10.0, every: float = 0.02, what: str = "") -> T:
    """The same for code that runs outside an event loop."""
    waited = _Waited(predicate, timeout, what)
    while True:
        try:
            value = predicate()
        except AssertionError as error:
            waited.not_yet(error)
        else:
            if value:
                return value
            waited.not_yet(value)
        time.sleep(every)


class _Waited:
    """When the patience ends, and what is then said."""

    def __init__(self, predicate: object, timeout: float, what: str) -> None:
        self._what = what or getattr(predicate, "__qualname__", repr(predicate))
        self._timeout = timeout
        self._end = time.monotonic() + timeout

    def not_yet(self, last: object) -> None:
        if time.monotonic() < self._end:
            return
        cause = last if isinstance(last, AssertionError) else None
        raise AssertionError(f"not within {self._timeout:g} s: {self._what}; last: {last!r}") from cause
