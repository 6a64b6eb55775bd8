"""The time that a notifier goes by is Kafka's: learned before the first message, and compared now and then.

Being learned by writing, it tells whether Kafka takes records: what is left of a cluster still lets them be read.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from agents.engine.clock import askers
from streams.instants import SECOND

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from agents.engine.clock import Clock
    from agents.notifier.metrics import NotifierMetrics

log = logging.getLogger("slawatch.notifier")

# Seconds.
EVERY = 10.0
PATIENCE = 5.0
RETRY = 1.0


class Timekeeping:
    """Sets a clock by signs of life written to the topic of heartbeats."""

    def __init__(self, clock: Clock, topic: str, metrics: NotifierMetrics) -> None:
        self._clock = clock
        self._topic = topic
        self._metrics = metrics
        self.untold: str | None = None
        """Why Kafka did not tell its time when it was last asked."""

    async def learn(self, producer: AIOKafkaProducer) -> None:
        """Go by Kafka's time; waits until it is told."""
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._compare(producer)
            except (KafkaError, TimeoutError) as error:
                log.warning("Kafka does not tell its time: %r", error)
                self.untold = type(error).__name__
                await asyncio.sleep(RETRY)
            else:
                self.untold = None
                break

    async def keep(self, producer: AIOKafkaProducer) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.learn(producer)

    async def _compare(self, producer: AIOKafkaProducer) -> None:
        clock = self._clock

        def sign() -> bytes:
            return json.dumps({"notifier": os.getpid(), "at": clock()}).encode()

        agreed = clock.agrees
        await clock.compare(await askers(producer, self._topic, sign))
        self._metrics.skew.set(clock.skew / SECOND)
        if not clock.agrees:
            log.error("the clock of this host is %+.0f s off Kafka's, which is gone by", -clock.skew / SECOND)
        elif not agreed:
            log.info("the clocks of Kafka and this host agree")
