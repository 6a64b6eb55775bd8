"""Which alerts there are to acknowledge: found on `sla-alerts`, where the ticket of each is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.alert_record import STANDING, Alert, read

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable

    from agents.engine.connection import Connection


class Found:
    """Reads alerts in the order of their partition, and knows which of them are asked for and still hold."""

    def __init__(self, *, alert_id: str | None = None, ticket_id: str | None = None) -> None:
        self._alert_id = alert_id
        self._ticket_id = ticket_id
        self._open: dict[str, Alert] = {}

    def read(self, values: Iterable[bytes | None]) -> None:
        """More of them."""
        for value in values:
            try:
                alert = read(value or b"")
            except msgspec.MsgspecError:
                continue
            if not alert.ticket_id or (alert.alert_id != self._alert_id and alert.ticket_id != self._ticket_id):
                continue
            if alert.kind in ("corrected", "recovered"):
                self._open.pop(alert.alert_id, None)
            elif alert.kind == "acknowledged":
                if alert.alert_id in self._open:
                    self._open[alert.alert_id] = alert
            elif self._alert_id is not None or alert.level in STANDING:
                self._open[alert.alert_id] = alert

    @property
    def alerts(self) -> list[Alert]:
        """Those that were raised and still hold; of kind `acknowledged` where that was told by whom."""
        return list(self._open.values())


Values = list[bytes | None]


async def alerts_on(reach: Connection, topic: str, numbers: Collection[int]) -> AsyncGenerator[Values, None]:
    """The values of a topic's partitions, as far as they go at the call. Raises KafkaError."""
    async with AIOKafkaConsumer(**reach.aiokafka(), group_id=None, enable_auto_commit=False) as consumer:
        places = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(places)
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, begins[place])
        while places := [place for place in places if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(*places, timeout_ms=1_000)).values():
                yield [record.value for record in records]
