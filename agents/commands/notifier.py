"""`slawatch notifier`: the alerts of the topic sla-alerts to the chats."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import click
import uvloop
from redis.asyncio import Redis

from agents import logs
from agents.engine import wall_clock
from agents.kafka import Fault, connection, faults
from agents.notifier.claims import MemoryClaims
from agents.notifier.claims_redis import RedisClaims
from agents.notifier.endpoints import endpoints
from agents.notifier.http import open_session
from agents.notifier.notifier import Notifier
from agents.topics import Topics
from agents.web import serving
from config.errors import ConfigError, Problem
from config.routing import Routing, load_routing
from config.settings import Settings, load_settings, split_address, variable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agents.notifier.claims import Claims

log = logging.getLogger("slawatch.notifier")

REDIS_PATIENCE = 2.0
"""Seconds until a Redis that does not answer counts as away."""


@click.command(name="notifier")
def command() -> None:
    """Send the alerts of the topic sla-alerts to the destinations of the routing file (SLAWATCH_ROUTING).

    Each message is claimed before it is sent, in Redis (SLAWATCH_REDIS; several notifiers may run) or, without
    one, in this process (one notifier only). SIGTERM and Ctrl-C let the sends under way finish.
    """
    settings = load_settings()
    logs.set_up(settings.log_format)
    if settings.routing is None:
        reason = "not set: who is to be told? (a routing file; docs/routing.md shows one)"
        raise ConfigError([Problem("environment", None, variable("routing"), reason)])
    routing = load_routing(settings.routing)
    with faults(settings):
        uvloop.run(_run(settings, routing))


async def _run(settings: Settings, routing: Routing) -> None:
    async with open_session() as session, _claims(settings) as claims:
        notifier = Notifier(
            connection=connection(settings),
            topics=Topics(settings.topic_prefix, settings.app),
            group=f"{settings.app}-notifier",
            routes=routing,
            endpoints=endpoints(routing, session, wall_clock),
            claims=claims,
            clock=wall_clock,
            max_age=settings.alert_max_age,
            session_timeout=settings.session_timeout,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, notifier.stop)
        host, port = split_address(settings.notifier_listen)
        async with AsyncExitStack() as stack:
            try:
                served = await stack.enter_async_context(
                    serving(host, port, notifier.metrics.registry, lambda: notifier.problems)
                )
            except OSError as error:
                raise Fault(f"{variable('notifier_listen')}={settings.notifier_listen}: {error.strerror}") from error
            log.info("metrics on port %d of %s", served, host)
            await notifier.run()
    log.info("stopped: what was under way is recorded")


@asynccontextmanager
async def _claims(settings: Settings) -> AsyncIterator[Claims]:
    if not settings.redis:
        yield MemoryClaims(wall_clock)
        return
    async with Redis.from_url(
        settings.redis, socket_timeout=REDIS_PATIENCE, socket_connect_timeout=REDIS_PATIENCE
    ) as redis:
        yield RedisClaims(redis, settings.app)
