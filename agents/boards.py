"""The live tables in Redis: windows and queue of each partition, written every second, gone when nobody writes them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.instants import SECOND, format_instant
from streams.queue import RISKS
from streams.windows import MEASURES, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.partition import TicketPartition

log = logging.getLogger("slawatch.boards")

LEASE = 15
"""Seconds after which a board that nobody writes is gone: a dead worker's numbers do not stay on the wall."""

_encode = msgspec.json.Encoder().encode


def key(app: str, partition: int) -> str:
    """The Redis key of a partition's board."""
    return f"{app}:board:{partition}"


def board(partition: TicketPartition, now: int) -> dict[str, Any]:
    """A partition's windows and queue; durations in seconds, instants RFC 3339."""
    return {
        "at": format_instant(now),
        "queue": [
            {
                "team": team,
                "priority": priority,
                "channel": channel,
                "open": line.open,
                "unanswered": line.unanswered,
                "waiting": line.waiting,
                "on_customer": line.on_customer,
                "on_hold": line.on_hold,
                "overdue": line.overdue,
                "at_risk": {name: line.at_risk(now, within) for name, within in RISKS.items()},
                "oldest": None if (since := line.oldest()) is None else format_instant(since),
            }
            for (team, priority, channel), line in partition.queue.lines.items()
        ],
        "windows": [
            {
                "window": window.name,
                "measure": MEASURES[measure],
                "team": team,
                "priority": priority,
                "channel": channel,
                "count": cell.count,
                "met": cell.met,
                "timed": cell.timed,
                "seconds": cell.total / SECOND,
                "bins": cell.durations.bins,
            }
            for window in WINDOWS
            for (measure, team, priority, channel), cell in partition.windows.sums(window).items()
        ],
    }


class Boards:
    """Publishes to one Redis. A Redis that is away is said once, and the tables come back with it."""

    def __init__(self, url: str, app: str) -> None:
        self._app = app
        self._redis = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._away = False

    async def publish(self, partitions: Iterable[TicketPartition], now: int) -> None:
        """Write the boards of all partitions held."""
        documents = {key(self._app, held.number): _encode(board(held, now)) for held in partitions}
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name, document in documents.items():
                    pipeline.set(name, document, ex=LEASE)
                await pipeline.execute()
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning("Redis is away, the live tables are not written: %s", error)
            self._away = True
            return
        if self._away:
            log.warning("Redis is back, the live tables are written again")
        self._away = False

    async def close(self) -> None:
        """Ends the connection."""
        await self._redis.aclose()
