"""When the claims are filled from `sla-deliveries`: before the first message of new partitions, and after a loss."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from agents.notifier.claims import ClaimsUnavailable

if TYPE_CHECKING:
    from agents.notifier.deliveries import Refill
    from agents.notifier.metrics import NotifierMetrics

log = logging.getLogger("slawatch.notifier")

RETRY = 1.0
"""Seconds between attempts while Kafka or the claims are away."""


class Filling:
    """One at a time, whoever asks: a partition that is new here, or the lanes that found the claims flushed."""

    def __init__(self, refill: Refill, topic: str, metrics: NotifierMetrics) -> None:
        self._refill = refill
        self._topic = topic
        self._metrics = metrics
        self._lock = asyncio.Lock()
        self._fills = 0

    async def flushed(self) -> None:
        """For a lane that found the claims flushed: the first to come fills them."""
        before = self._fills
        async with self._lock:
            if before == self._fills:
                log.warning("claims were lost: filling them from %s", self._topic)
                await self._fill()

    async def fill(self) -> None:
        """Returns once the claims know every outcome; waits as long as that takes."""
        async with self._lock:
            await self._fill()

    async def _fill(self) -> None:
        told = ""
        while True:
            try:
                count = await self._refill.run()
            except (ClaimsUnavailable, KafkaError) as error:
                why = str(error) if isinstance(error, ClaimsUnavailable) else type(error).__name__
                if why != told:
                    log.warning("alerts wait: the claims cannot be filled (%s)", why)
                told = why
                await asyncio.sleep(RETRY)
            else:
                break
        self._fills += 1
        self._metrics.refilled.inc(count)
