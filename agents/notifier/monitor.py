"""The monitor's eye on itself: looks every few seconds at what is wrong, and puts it on `sla-alerts` for operations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.endings import Reminders
from agents.topic_reading import records
from streams.alert_record import OPERATIONS, read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from agents.endings import Ending
    from agents.engine.connection import Connection
    from agents.notifier.watch import Trouble, Watch
    from streams.alert_record import Alert, Subject

LOOK = 5.0
"""Seconds between looks."""
RETRY = 1.0
"""Seconds between attempts while Kafka is away."""

log = logging.getLogger("slawatch.notifier")


class Monitor:
    """Tells what is wrong (`troubles`) by the rules of `watch`, and what runs out (`endings`), in their order.

    Of `unknown` subjects it cannot be said now whether anything is wrong; `recall` is called before the first look.
    """

    def __init__(
        self,
        watch: Watch,
        troubles: Callable[[], Iterable[Trouble]],
        endings: Callable[[], Iterable[Ending]],
        tell: Callable[[Alert], Awaitable[None]],
        clock: Callable[[], int],
        unknown: Callable[[], Collection[Subject]] = tuple,
        recall: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._watch = watch
        self._unknown = unknown
        self._recall = recall
        self._reminders = Reminders()
        self._troubles = troubles
        self._endings = endings
        self._tell = tell
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        if self._recall is not None:
            await self._recall()
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Once."""
        now = self._clock()
        troubles = self._watch.look(self._troubles(), now, self._unknown())
        for alert in [*troubles, *self._reminders.due(self._endings(), now)]:
            said = log.warning if alert.kind == "recovered" else log.error
            said("operations are told: %s", alert.message)
            await self._tell(alert)


PARTITION = 0
"""Where alerts are that no ticket caused, so that every reader knows it; workers write them there, too."""


async def told_before(connection: Connection, topic: str) -> list[Alert]:
    """What was told of the house, as far back as the topic goes; waits as long as Kafka is away."""
    while True:
        try:
            values = [record.value async for record in records(connection, topic, [PARTITION])]
        except KafkaError as error:
            log.warning("what was told before cannot be read now: %r", error)
            await asyncio.sleep(RETRY)
        else:
            return of_the_house(values)


def of_the_house(values: Iterable[bytes | None]) -> list[Alert]:
    """The alerts of the house among records of `sla-alerts`."""
    found = []
    for value in values:
        with contextlib.suppress(msgspec.MsgspecError):
            found.append(read(value or b""))
    return [alert for alert in found if alert.level == OPERATIONS]


class Teller:
    """Writes alerts that no ticket caused."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection = connection
        self._topic = topic

    async def __call__(self, alert: Alert) -> None:
        """Written on return: waits as long as Kafka is away."""
        while True:
            try:
                async with AIOKafkaProducer(**self._connection.aiokafka(), acks="all") as producer:
                    await producer.send_and_wait(self._topic, msgspec.json.encode(alert), partition=PARTITION)
            except KafkaError as error:
                log.warning("an alert for operations waits, Kafka does not take it: %r", error)
                await asyncio.sleep(RETRY)
            else:
                return
