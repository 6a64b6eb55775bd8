"""The live tables in Redis: windows and queue of each partition, written every second, gone when nobody writes them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec
from redis.exceptions import RedisError

from agents.redis import why
from streams.instants import SECOND, format_instant
from streams.windows import MEASURES

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from agents.seen import Lookout, Seen
    from streams.windows import Key

log = logging.getLogger("slawatch.boards")

LEASE = 15
"""Seconds after which a board that nobody writes is gone: a dead worker's numbers do not stay on the wall."""

_encode = msgspec.json.Encoder().encode


def key(app: str, partition: int) -> str:
    """The Redis key of a partition's board."""
    return f"{app}:board:{partition}"


class Row(msgspec.Struct, gc=False):
    """A window's figures of one measure and one team, priority and channel; durations in seconds."""

    window: str
    measure: str
    team: str
    priority: str
    channel: str
    count: int
    met: int
    timed: int
    seconds: float
    bins: dict[int, int]


class Text:
    """The board of one partition as JSON; instants RFC 3339. Rows are written anew where they changed."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, Key], msgspec.Raw] = {}

    def of(self, seen: Seen, now: int) -> bytes:
        """The board at an instant. Off the loop."""
        self._write(seen)
        queue = [
            {
                "team": team,
                "priority": priority,
                "channel": channel,
                **waiting.states,
                "at_risk": waiting.risks,
                "oldest": None if waiting.since is None else format_instant(waiting.since),
            }
            for (team, priority, channel), waiting in seen.queue.items()
        ]
        staff = [{"team": team, "status": status, "agents": count} for (team, status), count in seen.staff.items()]
        windows = list(self._rows.values())
        return _encode({"at": format_instant(now), "queue": queue, "windows": windows, "staff": staff})

    def _write(self, seen: Seen) -> None:
        rows = self._rows
        for place in seen.changed:
            window, key = place
            cell = seen.windows[window].get(key)
            if cell is None:
                rows.pop(place, None)
            else:
                measure, team, priority, channel = key
                spent = cell.total / SECOND
                row = Row(
                    window, MEASURES[measure], team, priority, channel,
                    cell.count, cell.met, cell.timed, spent, cell.durations.bins,
                )  # fmt: skip
                rows[place] = msgspec.Raw(_encode(row))
        seen.changed.clear()


class Boards:
    """Publishes to one Redis. A Redis that is away is said once, and the tables come back with it."""

    def __init__(self, redis: Redis, app: str) -> None:
        self._app = app
        self._redis = redis
        self._texts: dict[Seen, Text] = {}
        self._away = False

    async def publish(self, lookout: Lookout, now: int) -> None:
        """Write the boards of all partitions seen; the text is made off the loop, and one is sent at a time."""
        async with lookout.looking(now) as whole:
            self._texts = {seen: self._texts.get(seen) or Text() for seen in whole.parts}
            documents = {
                key(self._app, seen.number): await asyncio.to_thread(text.of, seen, now)
                for seen, text in self._texts.items()
            }
        try:
            for name, document in documents.items():
                await self._redis.set(name, document, ex=LEASE)
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
