"""`slawatch notifier`: the alerts of the topic sla-alerts to the chats."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from agents import logs
from agents.engine import wall_clock
from agents.engine.lease import ticks
from agents.engine.rights import Rights, refuse_missing_rights
from agents.kafka import Fault, connection, faults
from agents.loop import run
from agents.notifier.claims import MemoryClaims
from agents.notifier.claims_redis import RedisClaims
from agents.notifier.endpoints import endpoints
from agents.notifier.http import open_session
from agents.notifier.notifier import Notifier
from agents.notifier.upkeep import Lasting, upkeep
from agents.notifier.watched import WatchedSender
from agents.redis import client
from agents.topics import Topics
from agents.web import serving
from config.errors import ConfigError, Problem
from config.routing import load_routing
from config.settings import Settings, load_settings, split_address, variable
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp

    from agents.notifier.claims import Claims
    from agents.notifier.silences import Silence
    from agents.notifier.upkeep import Upkeep
    from config.routes import Routing

log = logging.getLogger("slawatch.notifier")


@click.command(name="notifier")
def command() -> None:
    """Send the alerts of the topic sla-alerts to the destinations of the routing file (SLAWATCH_ROUTING).

    Each message is claimed before it is sent, in Redis (SLAWATCH_REDIS; several notifiers may run) or, without
    one, in this process (one notifier only). SIGTERM and Ctrl-C let the sends under way finish. SIGHUP loads the
    routing file again; a wrong one changes nothing.
    """
    settings = load_settings()
    logs.set_up(settings.log_format)
    if settings.routing is None:
        reason = "not set: who is to be told? (a routing file; docs/routing.md shows one)"
        raise ConfigError([Problem("environment", None, variable("routing"), reason)])
    routing = load_routing(settings.routing)
    with faults(settings):
        run(_run(settings, routing))


async def _run(settings: Settings, routing: Routing) -> None:
    following: Routing | None = routing
    lasting = Lasting()
    async with open_session() as session, _claims(settings) as claims:
        while following is not None:
            following = await _deliver(settings, following, session, claims, lasting)
    log.info("stopped: what was under way is recorded")


async def _deliver(
    settings: Settings, routing: Routing, session: aiohttp.ClientSession, claims: Claims, lasting: Lasting
) -> Routing | None:
    """Deliver until told to end, or until the routing file is loaded again: then gives what it says now.

    What is under way ends first; then another notifier goes on in this process, as after a restart.
    """
    reached, topics, group = (
        connection(settings),
        Topics(settings.topic_prefix, settings.app),
        f"{settings.app}-notifier",
    )

    house: list[Upkeep] = []  # from `fit` on

    def silencing(alert: Mapping[str, Any], decided_at: int) -> Silence | None:
        return house[0].silencing(alert, decided_at)

    async def fit() -> None:
        """Once Kafka is reached, and before the first alert is read."""
        read = (topics.alerts, topics.deliveries, topics.heartbeats, topics.silences)
        written = (topics.alerts, topics.deliveries, topics.heartbeats)
        await refuse_missing_rights(reached, Rights(reads=read, writes=written, group=group))
        await topics.refuse_problems(reached, None, None, read)
        beside = upkeep(settings, reached, topics, routing, session, notifier.metrics, lasting, problems)
        house.append(await stack.enter_async_context(beside))

    def problems() -> Mapping[str, str]:
        return notifier.problems

    notifier = Notifier(
        connection=reached,
        topics=topics,
        group=group,
        routes=routing,
        endpoints=[
            replace(endpoint, sender=WatchedSender(endpoint.name, endpoint.sender, lasting.health))
            for endpoint in endpoints(routing, session, wall_clock)
        ],
        claims=claims,
        clock=wall_clock,
        max_age=settings.alert_max_age,
        session_timeout=settings.session_timeout,
        fit=fit,
        silencing=silencing,
    )
    orders: list[Routing | None] = []

    def end() -> None:
        orders.append(None)
        notifier.stop()

    def reload() -> None:
        assert settings.routing is not None
        try:
            orders.append(load_routing(settings.routing))
        except ConfigError as error:
            lasting.routing_refused(str(error.problems[0]))
            notifier.metrics.routing_right.set(0)
            log.error("the changed routing is refused; the one loaded before stays in force:\n%s", error)
        else:
            lasting.refused = None
            log.warning("the routing of %s takes effect", settings.routing)
            notifier.stop()

    loop = asyncio.get_running_loop()
    for number, order in ((signal.SIGTERM, end), (signal.SIGINT, end), (signal.SIGHUP, reload)):
        loop.add_signal_handler(number, order)
    host, port = split_address(settings.notifier_listen)
    async with AsyncExitStack() as stack:
        try:
            served = await stack.enter_async_context(serving(host, port, notifier.metrics.registry, problems))
        except OSError as error:
            raise Fault(f"{variable('notifier_listen')}={settings.notifier_listen}: {error.strerror}") from error
        log.info("metrics on port %d of %s", served, host)
        await notifier.run()
    return orders[-1] if orders and None not in orders else None


@asynccontextmanager
async def _claims(settings: Settings) -> AsyncIterator[Claims]:
    if not settings.redis:
        yield MemoryClaims(lambda: int(ticks() * SECOND))  # nobody sets it: leases end when they should
        return
    async with client(settings) as redis:
        yield RedisClaims(redis, settings.app)
