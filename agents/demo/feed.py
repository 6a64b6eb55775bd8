"""The call centre's side: puts each event on its topic when it happens, or when the system it came from is back."""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import msgspec
from aiokafka import AIOKafkaProducer

from agents.engine.lease import ticks
from streams.events import TOPIC_OF
from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agents.demo.squeeze import SqueezedClock
    from agents.engine import Connection
    from agents.topics import Topics

DESKS = 3
"""The agents work on so many systems, a ticket on one of them."""
ROUND, CUT, BACK = 50 * MINUTE, 8 * MINUTE, 38 * MINUTE
"""In each round (microseconds), one of them is cut off from CUT to BACK: its events arrive then, all at once."""
_AGENTS_SIDE = frozenset({"agent_replied", "status_changed", "ticket_updated"})
_RATE_OVER = 5.0
_TOGETHER = 100
_NAP = 0.1
"""Seconds after which the clock is looked at again: it may stand still."""


class Arrival(NamedTuple):
    """An event, when it reaches Kafka, and its place among those of the same instant."""

    at: int
    number: int
    kind: str
    event: dict[str, Any]


def arrivals(told: Iterable[tuple[int, str, dict[str, Any]]], first_round: int) -> Iterator[Arrival]:
    """What a centre tells (instant, type, event), in the order in which it arrives; a round begins at `first_round`."""
    late: list[Arrival] = []
    for number, (at, kind, event) in enumerate(told):
        while late and late[0].at <= at:
            yield heappop(late)
        which, within = divmod(at - first_round, ROUND)
        if (
            kind in _AGENTS_SIDE
            and CUT <= within < BACK
            and crc32(event["ticket_id"].encode()) % DESKS == which % DESKS
        ):
            heappush(late, Arrival(at - within + BACK, number, kind, event))
        else:
            yield Arrival(at, number, kind, event)
    while late:
        yield heappop(late)


class Feed:
    """Sends what has arrived by the clock: first all that lies in the past, then as it comes."""

    def __init__(self, connection: Connection, topics: Topics, clock: SqueezedClock) -> None:
        self.sent = 0
        self.caught_up = asyncio.Event()
        """All that lay in the past when it began is sent."""
        self._connection = connection
        self._topics = topics
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque(maxlen=64)

    async def run(self, coming: Iterable[Arrival]) -> None:
        """Send until cancelled, or until nothing comes any more."""
        encode = msgspec.json.Encoder().encode
        async with AIOKafkaProducer(**self._connection.aiokafka()) as producer:
            for arrival in coming:
                while (wait := self._clock.seconds_until(arrival.at)) > 0:
                    if not self.caught_up.is_set():
                        await producer.flush()
                        self.caught_up.set()
                    await asyncio.sleep(min(wait, _NAP))
                if self.sent % _TOGETHER == 0:
                    await asyncio.sleep(0)
                event = arrival.event
                key = event["agent_id" if arrival.kind == "agent_status_changed" else "ticket_id"]
                topic = self._topics.name(TOPIC_OF[arrival.kind])
                await producer.send(topic, value=encode(event), key=key.encode())
                self.sent += 1

    def rate(self) -> float:
        """Events a second of ours over the last few seconds, without those of the past; to be asked now and then."""
        if not self.caught_up.is_set():
            return 0.0
        now = ticks()
        self._samples.append((now, self.sent))
        while len(self._samples) > 2 and now - self._samples[0][0] > _RATE_OVER:
            self._samples.popleft()
        since, sent = self._samples[0]
        return (self.sent - sent) / (now - since) if now > since else 0.0
