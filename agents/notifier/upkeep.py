"""What a notifier does beside delivering: follows silences and rotas, watches over the house, shows it is alive."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from agents.endings import endings_of_routing
from agents.engine import wall_clock
from agents.notifier.deadman import DeadMan, caller
from agents.notifier.monitor import Monitor, Teller, told_before
from agents.notifier.rota_feeds import RotaFeeds, fetcher
from agents.notifier.signs import SignReader, Signs
from agents.notifier.silence_store import RedisCopy, SilenceSource
from agents.notifier.watch import LASTS, ROUTING, Health, Trouble, Watch
from agents.one_partition import OnePartition
from agents.redis import client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    import aiohttp

    from agents.engine.connection import Connection
    from agents.notifier.metrics import NotifierMetrics
    from agents.topics import Topics
    from config.people import Person
    from config.routes import Routing
    from config.settings import Settings
    from streams.alert_record import Subject

AGAIN = 5.0
"""Seconds until a part that failed begins anew."""

log = logging.getLogger("slawatch.notifier")


class Lasting:
    """What outlives a change of the routing file: what was told of, and how the destinations fare."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.health = Health(wall_clock)
        self.refused: Trouble | None = None
        """That a changed routing file was refused, while it is."""

    def routing_refused(self, reason: str) -> None:
        """The file that was loaded again is wrong."""
        since = self.refused.since if self.refused is not None else wall_clock()
        message = f"the changed routing file is refused, the one before stays in force: {reason}"
        self.refused = Trouble("config", ROUTING, since, message)


class Upkeep:
    """What the lanes ask while it runs. `problems`: why the notifier is not ready, by part."""

    def __init__(
        self,
        routing: Routing,
        silences: SilenceSource,
        feeds: RotaFeeds,
        signs: Signs,
        lasting: Lasting,
        problems: Callable[[], Mapping[str, str]],
    ) -> None:
        self.silencing = silences.silencing
        """The silence that an alert record falls under, decided at an instant."""
        self._routing = routing
        self._feeds = feeds
        self._signs = signs
        self._lasting = lasting
        self._problems = problems

    def on_call(self, alert: Mapping[str, Any], decided_at: int) -> Person | None:
        """Who is named in a message of this alert record that is sent now."""
        return self._routing.on_call(alert, decided_at, wall_clock(), self._feeds.rotas)

    def troubles(self) -> Iterator[Trouble]:
        """All that is wrong now."""
        yield from self._lasting.health.failing()
        yield from self._signs.missing()
        if self._lasting.refused is not None:
            yield self._lasting.refused

    def unknown(self) -> list[Subject]:
        """What cannot be said now: whether workers are missing, while their signs are not read."""
        return [] if self._signs.up_to_date else ["workers"]

    async def recall(self, connection: Connection, topic: str) -> None:
        """Go by what was told before: by this notifier, or by one that has ended."""
        troubles = self._lasting.watch.recall(await told_before(connection, topic))
        self._lasting.health.recall(troubles, self._routing.destinations)

    def unwell(self) -> Iterator[str]:
        """Why the dead man's heartbeat is silent."""
        yield from (f"{part} {problem}" for part, problem in self._problems().items())
        if not self._signs.up_to_date:
            yield "the workers' signs are not read yet"
        yield from (trouble.message for trouble in self._signs.missing())
        yield from (trouble.message for trouble in self._lasting.health.failing(LASTS))


@asynccontextmanager
async def upkeep(
    settings: Settings,
    connection: Connection,
    topics: Topics,
    routing: Routing,
    session: aiohttp.ClientSession,
    metrics: NotifierMetrics,
    lasting: Lasting,
    problems: Callable[[], Mapping[str, str]],
) -> AsyncIterator[Upkeep]:
    """Runs inside it; silences are known when it begins. Raises KafkaError where they cannot be read."""
    async with AsyncExitStack() as stack:
        copy = None
        if settings.redis:
            copy = RedisCopy(await stack.enter_async_context(client(settings)), settings.app)
        topic = await stack.enter_async_context(OnePartition(connection, topics.silences))
        silences = SilenceSource(topic, settings.silence_limit, copy)
        metrics.silences.set_function(lambda: sum(each.holds(wall_clock()) for each in silences.silences))
        await stack.enter_async_context(silences.following())
        kept = settings.data_dir / "rotas"
        feeds = RotaFeeds(routing.rotas, routing.people, fetcher(session), wall_clock, metrics, kept)
        signs = Signs(wall_clock)
        house = Upkeep(routing, silences, feeds, signs, lasting, problems)
        parts = [
            feeds.run,
            SignReader(connection, topics.heartbeats, signs, wall_clock).run,
            Monitor(
                lasting.watch,
                house.troubles,
                lambda: endings_of_routing(routing, feeds.rotas.values(), wall_clock()),
                Teller(connection, topics.alerts),
                wall_clock,
                house.unknown,
                partial(house.recall, connection, topics.alerts),
            ).run,
        ]
        if settings.heartbeat_url is not None:
            call = caller(session, settings.heartbeat_url.get_secret_value())
            parts.append(DeadMan(call, house.unwell, wall_clock).run)
        tasks = [asyncio.create_task(kept_up(part)) for part in parts]
        try:
            yield house
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def kept_up(part: Callable[[], Awaitable[None]], again: float = AGAIN) -> None:
    """What goes wrong beside the deliveries must not be silent, nor end them, nor leave them alone: it begins anew."""
    while True:
        try:
            await part()
        except Exception:
            log.exception("a part of the notifier's upkeep failed; it begins anew in %g s", again)
            await asyncio.sleep(again)
        else:
            return
