"""The board process put together: settings in, one reader of Redis and what is served of it out."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

from aiohttp import web

from agents.ack.events import Acknowledgements
from agents.ack.taking import Taking
from agents.ack.uses import RedisUses
from agents.board.access import Access, Trust
from agents.board.feed import Feed
from agents.board.meters import BoardMetrics
from agents.board.site import Site
from agents.engine import wall_clock
from agents.kafka import Fault, connection
from agents.redis import client
from agents.topics import Topics
from agents.web import serving
from config.board_access import read_proxies, read_roles, read_tokens
from config.errors import ConfigError, Problem
from config.settings import split_address, variable
from config.staffing import staffing_of
from streams.events import TOPIC_OF

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from redis.asyncio import Redis

    from config.settings import Settings

log = logging.getLogger("slawatch.board")


def trust(settings: Settings) -> Trust:
    """Who is believed to be who; raises ConfigError where others reach the board and nobody is told from anybody."""
    tokens = settings.board_tokens
    found = Trust(
        read_tokens(tokens.get_secret_value()) if tokens is not None else (),
        read_proxies(settings.board_proxies),
        settings.board_user_header,
        settings.board_groups_header,
        read_roles(settings.board_roles),
    )
    if not found.configured and not _is_loopback(split_address(settings.board_listen)[0]):
        reason = (
            f"{settings.board_listen} is reached by others, and nothing says who may look: set "
            f"{variable('board_tokens')}, or {variable('board_user_header')} and {variable('board_proxies')}; or "
            "listen on 127.0.0.1"
        )
        raise ConfigError([Problem("environment", None, variable("board_listen"), reason)])
    return found


async def serve(settings: Settings, stop: asyncio.Event, started: Callable[[int], None] = lambda _: None) -> None:
    """Serve until told to stop; `started` is told the port of the page. Raises ConfigError and Fault."""
    believed = trust(settings)
    if not settings.redis:
        reason = "not set: where do the workers write their boards? (redis://host:6379/0)"
        raise ConfigError([Problem("environment", None, variable("redis"), reason)])
    metrics = BoardMetrics()
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(client(settings))
        feed = Feed(redis, settings.app, settings.partitions, staffing_of(settings.staffing), wall_clock, metrics)
        taking = await stack.enter_async_context(_taking(settings, redis))
        site = Site(feed, Access(believed, wall_clock), metrics, wall_clock, taking)

        def problems() -> dict[str, str]:
            return {"redis": feed.away} if feed.away is not None else {} if feed.shot else {"redis": "not read yet"}

        try:
            host, port = split_address(settings.board_metrics_listen)
            await stack.enter_async_context(serving(host, port, metrics.registry, problems))
        except OSError as error:
            raise Fault(
                f"{variable('board_metrics_listen')}={settings.board_metrics_listen}: {error.strerror}"
            ) from error
        runner = web.AppRunner(site.app(), access_log=None, handle_signals=False, shutdown_timeout=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        host, port = split_address(settings.board_listen)
        with _bound(settings, "board_listen"):
            await web.TCPSite(runner, host, port).start()
        reading = asyncio.create_task(feed.run())
        started(runner.addresses[0][1])
        ended = asyncio.create_task(stop.wait())
        await asyncio.wait([reading, ended], return_when=asyncio.FIRST_COMPLETED)
        feed.stop()
        await reading  # raises what ended it


@asynccontextmanager
async def _taking(settings: Settings, redis: Redis) -> AsyncIterator[Taking | None]:
    """Where Kafka is known alerts can be taken; it is reached when somebody does."""
    if settings.kafka is None:
        yield None
        return
    topic = Topics(settings.topic_prefix, settings.app).name(TOPIC_OF["alert_acknowledged"])
    onto = Acknowledgements(connection(settings), topic)
    try:
        yield Taking(RedisUses(redis, settings.app), onto.write, wall_clock)
    finally:
        await onto.close()


@contextmanager
def _bound(settings: Settings, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Fault(f"{variable(name)}={getattr(settings, name)}: {error.strerror}") from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
