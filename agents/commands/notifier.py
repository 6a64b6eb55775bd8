"""`slawatch notifier`: the alerts of the topic sla-alerts to the chats."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from aiohttp import web

from agents import logs
from agents.ack.events import Acknowledgements
from agents.ack.links import Keys, ack_links
from agents.ack.page import AckPage
from agents.ack.taking import Taking
from agents.ack.uses import MemoryUses, RedisUses
from agents.engine import wall_clock
from agents.engine.lease import ticks
from agents.engine.rights import Rights, refuse_missing_rights
from agents.kafka import Fault, connection, faults
from agents.loop import run
from agents.notifier.claims import MemoryClaims
from agents.notifier.claims_redis import RedisClaims
from agents.notifier.endpoints import Calls, endpoints
from agents.notifier.http import open_session
from agents.notifier.limits import MemoryLimits
from agents.notifier.limits_redis import RedisLimits
from agents.notifier.notifier import Notifier
from agents.notifier.upkeep import Lasting, upkeep
from agents.redis import client
from agents.topics import Topics
from agents.web import serving
from config.errors import ConfigError, Problem
from config.routing import load_routing
from config.settings import Settings, load_settings, split_address, variable
from streams.events import TOPIC_OF
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import aiohttp

    from agents.ack.uses import Uses
    from agents.notifier.claims import Claims
    from agents.notifier.limits import Limits
    from agents.notifier.silences import Silence
    from agents.notifier.upkeep import Upkeep
    from config.people import Person
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
    async with open_session() as session, _shared(settings) as shared, _ack_page(settings, shared.uses):
        while following is not None:
            following = await _deliver(settings, following, session, shared, lasting)
    log.info("stopped: what was under way is recorded")


async def _deliver(
    settings: Settings, routing: Routing, session: aiohttp.ClientSession, shared: Shared, lasting: Lasting
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
        written = [topics.alerts, topics.deliveries, topics.heartbeats]
        if settings.ack_url is not None:
            written.append(topics.name(TOPIC_OF["alert_acknowledged"]))
        await refuse_missing_rights(reached, Rights(reads=read, writes=written, group=group))
        await topics.refuse_problems(reached, None, None, (*read, *written[3:]))
        beside = upkeep(settings, reached, topics, routing, session, notifier.metrics, lasting, problems)
        house.append(await stack.enter_async_context(beside))

    def on_call(alert: Mapping[str, Any], decided_at: int) -> Person | None:
        return house[0].on_call(alert, decided_at)

    def problems() -> Mapping[str, str]:
        return notifier.problems

    notifier = Notifier(
        connection=reached,
        topics=topics,
        group=group,
        routes=routing,
        endpoints=endpoints(routing, session, wall_clock, Calls(_link(settings), on_call, settings.board_url)),
        claims=shared.claims,
        limits=shared.limits,
        attempted=lasting.health.attempted,
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


class Shared(NamedTuple):
    """What notifiers have in common: in Redis, or in this process where there is one alone."""

    claims: Claims
    limits: Limits
    uses: Uses


@asynccontextmanager
async def _shared(settings: Settings) -> AsyncIterator[Shared]:
    def clock() -> int:
        return int(ticks() * SECOND)  # nobody sets it: leases end when they should

    if not settings.redis:
        yield Shared(MemoryClaims(clock), MemoryLimits(clock), MemoryUses(clock))
        return
    async with client(settings) as redis:
        app = settings.app
        yield Shared(RedisClaims(redis, app), RedisLimits(redis, app, clock), RedisUses(redis, app))


@asynccontextmanager
async def _ack_page(settings: Settings, uses: Uses) -> AsyncIterator[None]:
    """Serves the page on which alerts are acknowledged, where the settings name one. Raises Fault."""
    keys = ack_keys(settings)
    if keys is None:
        yield
        return
    topic = Topics(settings.topic_prefix, settings.app).name(TOPIC_OF["alert_acknowledged"])
    onto = Acknowledgements(connection(settings), topic)
    taking = Taking(uses, onto.write, wall_clock)
    page = AckPage(keys, taking, wall_clock, user_header=settings.ack_user_header)
    host, port = split_address(settings.ack_listen)
    runner = web.AppRunner(page.app(), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise Fault(f"{variable('ack_listen')}={settings.ack_listen}: {error.strerror}") from error
        log.info("alerts are acknowledged on port %d of %s", runner.addresses[0][1], host)
        yield
    finally:
        await runner.cleanup()
        await onto.close()


def ack_keys(settings: Settings) -> Keys | None:
    """What links are signed with; None where there is no page for them."""
    if settings.ack_url is None or settings.ack_secret is None:
        return None
    return Keys(settings.ack_secret.get_secret_value().split())


def _link(settings: Settings) -> Callable[[Mapping[str, Any], str], str | None] | None:
    """Makes the links by which alert records are acknowledged at a destination; None where there is no page."""
    keys = ack_keys(settings)
    return None if keys is None or settings.ack_url is None else ack_links(keys, settings.ack_url, wall_clock)
