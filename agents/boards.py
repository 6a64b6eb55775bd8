"""The live tables in Redis: windows and queue of each partition, written every second, gone when nobody writes them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec
from redis.exceptions import RedisError

from agents.redis import why
from agents.seen import look
from streams.instants import SECOND, format_instant
from streams.windows import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from agents.partition import TicketPartition
    from agents.seen import Seen

log = logging.getLogger("slawatch.boards")

LEASE = 15
"""Seconds after which a board that nobody writes is gone: a dead worker's numbers do not stay on the wall."""

_encode = msgspec.json.Encoder().encode


def key(app: str, partition: int) -> str:
    """The Redis key of a partition's board."""
    return f"{app}:board:{partition}"


def board(seen: Seen, now: int) -> bytes:
    """A partition's windows and queue as JSON; durations in seconds, instants RFC 3339."""
    return _encode(
        {
            "at": format_instant(now),
            "queue": [
                {
                    "team": team,
                    "priority": priority,
                    "channel": channel,
                    **waiting.states,
                    "at_risk": waiting.risks,
                    "oldest": None if waiting.since is None else format_instant(waiting.since),
                }
                for (team, priority, channel), waiting in seen.queue.items()
            ],
            "windows": [
                {
                    "window": window,
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
                for window, sums in seen.windows.items()
                for (measure, team, priority, channel), cell in sums.items()
            ],
            "staff": [
                {"team": team, "status": status, "agents": count} for (team, status), count in seen.staff.items()
            ],
        }
    )


class Boards:
    """Publishes to one Redis. A Redis that is away is said once, and the tables come back with it."""

    def __init__(self, redis: Redis, app: str) -> None:
        self._app = app
        self._redis = redis
        self._away = False

    async def publish(self, partitions: Sequence[TicketPartition], now: int) -> None:
        """Write the boards of all partitions held; the stream gets a turn after each; the text is made off the loop."""
        documents = {}
        for held in partitions:
            documents[key(self._app, held.number)] = await asyncio.to_thread(board, look(held, now), now)
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name, document in documents.items():
                    pipeline.set(name, document, ex=LEASE)
                await pipeline.execute()
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning("Redis is away, the live tables are not written: %s", why(error))
            self._away = True
            return
        if self._away:
            log.warning("Redis is back, the live tables are written again")
        self._away = False

    async def close(self) -> None:
        """Ends the connection."""
        await self._redis.aclose()
