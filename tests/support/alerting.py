"""Notifiers as processes on alerts that a test writes itself, and what each of their chats got of every alert."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import msgspec
import yaml
from aiokafka import AIOKafkaProducer
from fake_chat import FakeChat
from notices import alert_record
from processes import Installation
from waiting import eventually

from agents.engine import wall_clock
from agents.notifier.message import Delivery
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from fake_chat import Post
    from processes import Program

_ALERT_ID = re.compile(rb'"alert(?:_id":"| )([0-9a-f]{24})"')
_EVERY = 0.1  # seconds between the alerts' batches of a storm


@dataclass(frozen=True)
class Told:
    """What one channel got. `late`: seconds from each alert's record to its first message, by alert id."""

    alerts: int
    posts: int
    repeats: int
    late: Mapping[str, float]

    @property
    def latest(self) -> float:
        return max(self.late.values())


class Alerting:
    """An async context manager: an installation without workers, and a chat.

    `destinations` are those of the routing file, all of which get every alert; by default /desk of the chat.
    """

    def __init__(
        self, kafka: str, name: str, folder: Path, destinations: Mapping[str, Any] | None = None, **settings: str
    ) -> None:
        self.house = Installation(kafka, name, folder, **settings)
        self.chat = FakeChat()
        self._destinations = destinations
        self.written: dict[str, float] = {}  # alert id -> time of its record
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.chat)
        await self._stack.enter_async_context(self.house)
        self._producer = await self._stack.enter_async_context(AIOKafkaProducer(bootstrap_servers=self.house.bootstrap))
        self.route(self._destinations or {"desk": self.webhook("desk")})
        return self

    async def __aexit__(self, *failure: Any) -> None:
        await self._stack.__aexit__(*failure)

    def webhook(self, channel: str, kind: str = "webhook", **more: Any) -> dict[str, Any]:
        """A destination: one channel of the chat."""
        return {"kind": kind, "url": self.chat.url(f"/{channel}"), "timeout": "2s", "rate_limit": "1000/s"} | more

    def route(self, destinations: Mapping[str, Any]) -> None:
        """Every alert goes to all of these, by notifiers that are started from now on."""
        routing = {"version": 1, "destinations": dict(destinations), "routes": [{"to": list(destinations)}]}
        self._routing = self.house.file("alerting.yaml", yaml.safe_dump(routing))

    def notifier(self, name: str) -> Program:
        """Starts one."""
        return self.house.notifier(self.chat, name, routing=self._routing)

    async def alert(self, count: int = 1) -> list[str]:
        """Writes so many alerts, each of a ticket of its own; their ids."""
        now = format_instant(wall_clock())
        deadline = format_instant(wall_clock() - SECOND)
        acks = {}
        for number in range(len(self.written), len(self.written) + count):
            record = alert_record(number, deadline=deadline, decided_at=now)
            self.written[record["alert_id"]] = 0.0
            acks[record["alert_id"]] = await self._producer.send(
                self.house.topics.alerts,
                msgspec.json.encode(record),
                record["ticket_id"].encode(),
                number % self.house.partitions,
            )
        for alert_id, ack in acks.items():
            self.written[alert_id] = (await ack).timestamp / 1000
        return list(acks)

    @contextlib.asynccontextmanager
    async def storm(self, rate: float) -> AsyncIterator[None]:
        """So many alerts a second while the block runs."""

        async def blow() -> None:
            begun, count = time.monotonic(), 0
            while True:
                due = int((time.monotonic() - begun) * rate) - count
                count += due
                await self.alert(due)
                await asyncio.sleep(_EVERY)

        blowing = asyncio.create_task(blow())
        try:
            yield
        finally:
            blowing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await blowing

    def arrived(self, channel: str = "desk", posts: Iterable[Post] | None = None) -> dict[str, list[Post]]:
        """The posts of each alert, in their order."""
        found: dict[str, list[Post]] = defaultdict(list)
        for post in self.chat.to(f"/{channel}") if posts is None else posts:
            found[alert_of(post)].append(post)
        return found

    async def all_arrived(self, within: float, *channels: str) -> None:
        """Waits until each of these channels (by default /desk) has every alert written so far."""

        def whole() -> bool:
            for channel in channels or ("desk",):
                missing = self.written.keys() - self.arrived(channel)
                assert not missing, f"/{channel} has not {len(missing)}, as {sorted(missing)[:3]}"
            return True

        await eventually(whole, within, every=0.2, what="all alerts are in the chat")

    def once_each(self, channel: str = "desk", posts: Iterable[Post] | None = None) -> Told:
        """Asserts that this channel has each alert, and after the first none that is not marked as a repeat."""
        arrived = self.arrived(channel, posts)
        assert arrived.keys() == self.written.keys()
        unmarked = {one: times for one, found in arrived.items() if (times := sum(not marked(p) for p in found)) > 1}
        assert not unmarked, f"/{channel} got more than once, unmarked: {unmarked}"
        late = {alert_id: found[0].at - self.written[alert_id] for alert_id, found in arrived.items()}
        everything = [post for found in arrived.values() for post in found]
        return Told(len(arrived), len(everything), sum(map(marked, everything)), late)

    async def deliveries(self) -> dict[str, dict[str, list[Delivery]]]:
        """The records of sla-deliveries by destination and alert, in the order of their partition."""
        found: dict[str, dict[str, list[Delivery]]] = defaultdict(lambda: defaultdict(list))
        for record in await self.house.records(self.house.topics.deliveries):
            delivery = msgspec.json.decode(record.value, type=Delivery)
            found[delivery.destination][delivery.alert_id].append(delivery)
        return found

    async def ends(self, destination: str) -> Counter[str]:
        """How many alerts ended how at a destination."""
        return Counter(records[-1].state for records in (await self.deliveries())[destination].values())


def alert_of(post: Post) -> str:
    """The id of the alert that a post tells of, whatever the kind of chat."""
    found = _ALERT_ID.search(post.raw)
    assert found is not None, post.raw
    return found[1].decode()


def marked(post: Post) -> bool:
    """Whether it says that it may have arrived before."""
    body = json.loads(post.raw)
    return body.get("repeat") is True or "repeat: true" in body["text"]
