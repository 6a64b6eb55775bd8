"""The dead man's heartbeat: a URL is called every minute while all is well; whoever misses it knows that nothing is.

It says nothing when something is wrong, for what is wrong may be that nothing can be said. The other side is any
service that raises an alarm when calls stay away, at best one that shares nothing with this house.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

import aiohttp

from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EVERY = MINUTE
"""Microseconds between calls."""
PATIENCE = 10.0
"""Seconds for the whole of a call."""
_LOOK = 1.0  # seconds

log = logging.getLogger("slawatch.notifier")


class Calls(Protocol):
    """How the URL is called."""

    async def __call__(self) -> str | None:
        """Call it once; None, or why it was not taken, in words without the address."""


def caller(session: aiohttp.ClientSession, url: str) -> Calls:
    """Gets the URL; any 2xx counts. Redirects are not followed."""

    async def call() -> str | None:
        try:
            limits = aiohttp.ClientTimeout(total=PATIENCE)
            async with session.get(url, allow_redirects=False, timeout=limits) as response:
                return None if response.status // 100 == 2 else f"HTTP {response.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__

    return call


class DeadMan:
    """`unwell` gives what is wrong, in words; `clock` microseconds."""

    def __init__(self, call: Calls, unwell: Callable[[], Iterable[str]], clock: Callable[[], int]) -> None:
        self._call = call
        self._unwell = unwell
        self._clock = clock
        self._next = clock()
        self._silent = ""
        self._refused = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK)

    async def look(self) -> None:
        """Call, if it is time and all is well."""
        now = self._clock()
        wrong = "; ".join(self._unwell())
        if wrong != self._silent and wrong:
            log.warning("the dead man's heartbeat is silent: %s", wrong)
        self._silent = wrong
        if wrong or now < self._next:
            return
        self._next = now + EVERY
        refused = await self._call() or ""
        if refused and refused != self._refused:
            log.warning("the dead man's heartbeat was not taken: %s", refused)
        self._refused = refused
