"""The event loop of the processes: uvloop, which ends TLS connections in time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine

TLS_ENDS_WITHIN = 1.0  # seconds
TURN = 0.0005
"""Seconds that a thread keeps the interpreter when the loop wants it: figures are added up and written in threads."""

T = TypeVar("T")


class _Loop(uvloop.Loop):
    async def create_connection(self, *args: Any, **options: Any) -> Any:
        # Where a server's answer crosses our farewell uvloop waits for the server's in vain, by itself for 30 s: a
        # worker that was told to stop took longer than it may.
        if options.get("ssl"):
            options.setdefault("ssl_shutdown_timeout", TLS_ENDS_WITHIN)
        return await super().create_connection(*args, **options)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs to the end, as asyncio.run does."""
    sys.setswitchinterval(TURN)
    return uvloop.run(main, loop_factory=_Loop)
