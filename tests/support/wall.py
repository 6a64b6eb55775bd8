"""A board as it runs, on a real Redis, over boards that a test writes by hand or workers of its own do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hand_written import text
from redis.asyncio import Redis
from redis.exceptions import RedisError
from services import free_ports
from waiting import eventually

from agents.board.record import Read, key
from agents.board.server import serve
from config.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence


@dataclass
class Wall:
    """Its addresses, for people and for Prometheus; and the boards that are written, by the instant."""

    url: str = ""
    metrics: str = ""
    boards: Callable[[int], Sequence[Read | None]] = field(default=lambda now: [])


def wall_clock() -> int:
    return time.time_ns() // 1000


@contextlib.asynccontextmanager
async def wall(
    redis_url: str, app: str, boards: Callable[[int], Sequence[Read | None]] | None = None, **settings: str
) -> AsyncIterator[Wall]:
    """A board process in this one; with `boards` they are written meanwhile."""
    (port,) = free_ports(1)
    given = {"redis": redis_url, "app": app, "board_listen": "127.0.0.1:0", "board_metrics_listen": f"127.0.0.1:{port}"}
    found, stop, ports = Wall(), asyncio.Event(), []
    serving = asyncio.create_task(
        serve(load_settings({f"SLAWATCH_{k.upper()}": v for k, v in (given | settings).items()}), stop, ports.append)
    )
    writing = asyncio.create_task(_write(found, redis_url, app, stop)) if boards is not None else None
    if boards is not None:
        found.boards = boards
    try:
        await eventually(lambda: ports or serving.done(), what="the board serves")
        if not ports:
            await serving
        found.metrics = f"http://127.0.0.1:{port}/"
        found.url = f"http://127.0.0.1:{ports[0]}/"
        yield found
    finally:
        stop.set()
        await serving
        if writing is not None:
            await writing


async def _write(found: Wall, redis_url: str, app: str, stop: asyncio.Event) -> None:
    async with Redis.from_url(redis_url) as redis:
        while not stop.is_set():
            for number, board in enumerate(found.boards(wall_clock())):
                with contextlib.suppress(RedisError, OSError):  # a test may have it away
                    if board is not None:
                        await redis.set(key(app, number), text(board), ex=15)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)
