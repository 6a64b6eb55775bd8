"""The live tables in Redis: what is seen of each partition, written every second, gone when nobody writes it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from redis.exceptions import RedisError

from agents.board.pressing import TicketRows
from agents.board.record import AgentRow, LastHour, QueueRow, StaffRow, TrafficRow, WindowRow, Written, key
from agents.labels import OWN_NAMES
from agents.redis import why
from agents.traffic import traffic_of
from streams.clocks import FIRST_RESPONSE
from streams.instants import HOUR, MINUTE, SECOND, format_instant
from streams.windows import ARRIVALS, MEASURES, REPLIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

    from agents.lookout import Lookout
    from agents.partition import Pressing
    from agents.seen import Seen
    from agents.staff import StaffMember
    from streams.policies import Policies
    from streams.windows import Key

log = logging.getLogger("slawatch.boards")

LEASE = 15
"""Seconds after which a board that nobody writes is gone: a dead worker's numbers do not stay on the wall."""

PRESSING = 25
"""So many tickets of a partition are shown that are overdue longest, that came last, and that fall due next."""

SOON = HOUR
"""Those fall due within so long."""

ALARMS = 300
"""So many alarms are looked through for these last: a warning's comes long before its deadline."""

AGENTS = 500
"""So many agents of a partition are shown by themselves."""

CURVE = 60  # minutes
CURVE_IN = 10
"""In so many turns all of these minutes are looked at again: late events change those that are over."""

_encode = msgspec.json.Encoder().encode


class About(NamedTuple):
    """What all boards of a worker say of it: its name, why it is not ready, and the promises that it judges by."""

    worker: str
    problems: Mapping[str, str]
    policies: Policies


class Look(NamedTuple):
    """What is taken from a partition at an instant, on the loop; `minutes`: those that were looked at again."""

    now: int
    pressing: Pressing
    staff: list[tuple[bytes, StaffMember]]
    minutes: dict[int, dict[int, tuple[int, int]]]


class Text:
    """The board of one partition as JSON. What did not change is not written anew."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, Key], msgspec.Raw] = {}
        self._tickets = TicketRows()
        self._minutes: dict[int, dict[int, tuple[int, int]]] = {}
        self._turn = 0

    def look(self, seen: Seen, now: int) -> Look:
        """What is to be taken on the loop."""
        partition, here = seen.partition, now // MINUTE
        self._turn = (self._turn + 1) % CURVE_IN
        minutes = {
            minute: partition.windows.of_minute(minute)
            for minute in range(here - CURVE + 1, here + 1)
            if minute not in self._minutes or minute >= here - 1 or minute % CURVE_IN == self._turn
        }
        return Look(now, partition.pressing(PRESSING, ALARMS, now + SOON), list(partition.staff.items()), minutes)

    def of(self, seen: Seen, look: Look, about: About) -> bytes:
        """The board. Off the loop."""
        self._write(seen)
        self._minutes.update(look.minutes)
        return _encode(
            Written(
                at=format_instant(look.now),
                worker=about.worker,
                problems=dict(about.problems),
                queue=_queue(seen),
                windows=list(self._rows.values()),
                staff=[StaffRow(team, status, count) for (team, status), count in seen.staff.items()],
                tickets=self._tickets.of(look.pressing, PRESSING),
                hour=self._last_hour(look.now),
                traffic=_traffic(seen, about.policies, look.now),
                agents=_agents(look.staff),
            )
        )

    def _last_hour(self, now: int) -> LastHour:
        begin = now // MINUTE - CURVE + 1
        self._minutes = {minute: self._minutes.get(minute, {}) for minute in range(begin, begin + CURVE)}

        def of(measure: int, place: int) -> list[int]:
            return [sums[measure][place] if measure in sums else 0 for sums in self._minutes.values()]

        return LastHour(
            format_instant(begin * MINUTE),
            of(ARRIVALS, 0), of(REPLIES, 0), of(FIRST_RESPONSE, 0), of(FIRST_RESPONSE, 1),
        )  # fmt: skip

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
                row = WindowRow(
                    window, MEASURES[measure], team, priority, channel,
                    cell.count, cell.met, cell.timed, spent, cell.durations.bins,
                )  # fmt: skip
                rows[place] = msgspec.Raw(_encode(row))
        seen.changed.clear()


def _queue(seen: Seen) -> list[QueueRow]:
    return [
        QueueRow(
            team, priority, channel, **waiting.states, at_risk=waiting.risks,
            oldest=None if waiting.since is None else format_instant(waiting.since),
        )
        for (team, priority, channel), waiting in seen.queue.items()
    ]  # fmt: skip


def _traffic(seen: Seen, policies: Policies, now: int) -> list[TrafficRow]:
    return [
        TrafficRow(team, channel, traffic, None if limit is None else limit / SECOND)
        for (team, channel), (traffic, limit) in traffic_of(seen, policies, now, OWN_NAMES).items()
    ]


def _agents(staff: list[tuple[bytes, StaffMember]]) -> list[AgentRow]:
    here = [(key[1:].decode(), member) for key, member in staff if member.status != "offline"]
    return [
        AgentRow(agent_id, member.team or "", member.status, format_instant(member.key[0]))
        for agent_id, member in here[:AGENTS]
    ]


class Boards:
    """Publishes to one Redis. A Redis that is away is said once, and the tables come back with it."""

    def __init__(self, redis: Redis, app: str) -> None:
        self._app = app
        self._redis = redis
        self._texts: dict[Seen, Text] = {}
        self._away = False

    async def publish(self, lookout: Lookout, now: int, about: About) -> None:
        """Write the boards of all partitions seen; the text is made off the loop, and one is sent at a time."""
        documents = {}
        async with lookout.looking(now) as whole:
            self._texts = {seen: self._texts.get(seen) or Text() for seen in whole.parts}
        for seen, text in self._texts.items():
            async with lookout.still():  # for one board at a time: a scrape waits no longer
                look = text.look(seen, now)
                documents[key(self._app, seen.number)] = await asyncio.to_thread(text.of, seen, look, about)
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
