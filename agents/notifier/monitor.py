"""The monitor's eye on itself: looks every few seconds at what is wrong, and puts it on `sla-alerts` for operations."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.endings import Reminders

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from agents.endings import Ending
    from agents.engine.connection import Connection
    from agents.notifier.watch import Trouble, Watch
    from streams.alert_record import Alert

LOOK = 5.0
"""Seconds between looks."""
RETRY = 1.0
"""Seconds between attempts while Kafka is away."""

log = logging.getLogger("slawatch.notifier")


class Monitor:
    """Tells what is wrong (`troubles`) by the rules of `watch`, and what runs out (`endings`), in their order."""

    def __init__(
        self,
        watch: Watch,
        troubles: Callable[[], Iterable[Trouble]],
        endings: Callable[[], Iterable[Ending]],
        tell: Callable[[Alert], Awaitable[None]],
        clock: Callable[[], int],
    ) -> None:
        self._watch = watch
        self._reminders = Reminders()
        self._troubles = troubles
        self._endings = endings
        self._tell = tell
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Once."""
        now = self._clock()
        for alert in [*self._watch.look(self._troubles(), now), *self._reminders.due(self._endings(), now)]:
            said = log.warning if alert.kind == "recovered" else log.error
            said("operations are told: %s", alert.message)
            await self._tell(alert)


class Teller:
    """Writes alerts that no ticket caused, to the partition that every reader knows, as workers do."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection = connection
        self._topic = topic

    async def __call__(self, alert: Alert) -> None:
        """Written on return: waits as long as Kafka is away."""
        while True:
            try:
                async with AIOKafkaProducer(**self._connection.aiokafka(), acks="all") as producer:
                    await producer.send_and_wait(self._topic, msgspec.json.encode(alert), partition=0)
            except KafkaError as error:
                log.warning("an alert for operations waits, Kafka does not take it: %r", error)
                await asyncio.sleep(RETRY)
            else:
                return
