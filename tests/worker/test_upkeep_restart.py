"""A notifier's upkeep ends and begins anew, on the Kafka inside the process: what it tells of the house, and when."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from waiting import eventually

from agents.engine.connection import Connection
from agents.engine.embedded import EmbeddedKafka
from agents.notifier.http import Outcome, Result, open_session
from agents.notifier.metrics import NotifierMetrics
from agents.notifier.monitor import told_before
from agents.notifier.upkeep import Lasting, upkeep
from agents.notifier.watch import LASTS, Health
from agents.topics import Topics
from config.destination_types import Slack
from config.routes import Route, Routing
from config.settings import Settings
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from streams.alert_record import Alert

DESK = Slack("desk", None, 10 * SECOND, url="https://chat.example.com/desk")
ROUTING = Routing({"desk": DESK}, (Route({}, (), ("desk",)),))
TOPICS = Topics()


async def test_a_restart_tells_no_trouble_twice_and_that_it_is_over_under_its_id(tmp_path: Path) -> None:
    with EmbeddedKafka([TOPICS.alerts, TOPICS.silences, TOPICS.heartbeats], partitions=1) as kafka:
        connection = Connection(kafka.bootstrap)

        async def told() -> list[Alert]:
            return [alert for alert in await told_before(connection, TOPICS.alerts) if alert.target == "delivery"]

        async def process(lasting: Lasting, until: Callable[[], Awaitable[bool] | bool]) -> None:
            settings = Settings(kafka=connection.bootstrap, data_dir=tmp_path)
            async with open_session() as session:
                beside = upkeep(settings, connection, TOPICS, ROUTING, session, NotifierMetrics(), lasting, dict)
                async with beside:
                    await eventually(until)

        async def has_told(number: int) -> bool:
            return len(await told()) == number

        first = Lasting()
        first.health = Health(lambda: time.time_ns() // 1000 - 2 * LASTS)
        first.health.attempted("desk", Result(Outcome.FAILED, "HTTP 503"))
        await process(first, lambda: has_told(1))

        second = Lasting()

        await process(second, lambda: bool(second.health.failing()))
        assert second.health.failing()[0].message == "the destination desk takes no messages: HTTP 503"

        third = Lasting()
        third.health.attempted("desk", Result(Outcome.SENT))
        await process(third, lambda: has_told(2))
        raised, over = await told()
        assert (raised.kind, over.kind) == ("raised", "recovered")
        assert raised.alert_id == over.alert_id
        assert over.message == f"over: {raised.message}"
