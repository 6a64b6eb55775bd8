"""`slawatch board`: the wallboard in the browser, and its API, out of Redis."""

from __future__ import annotations

import asyncio
import logging
import signal

import click

from agents import logs
from agents.board.server import serve
from agents.kafka import faults
from agents.loop import run
from config.settings import Settings, load_settings

log = logging.getLogger("slawatch.board")


@click.command(name="board")
def command() -> None:
    """Serve the wallboard on SLAWATCH_BOARD_LISTEN until SIGTERM or Ctrl-C: docs/board.md has the rest.

    It reads what the workers write to Redis (SLAWATCH_REDIS) and nothing else. With SLAWATCH_KAFKA supervisors may
    acknowledge alerts from it. Anybody at this machine may look; for others SLAWATCH_BOARD_TOKENS or a proxy's header
    (SLAWATCH_BOARD_USER_HEADER) say who may. Metrics and health are on SLAWATCH_BOARD_METRICS_LISTEN.
    """
    settings = load_settings()
    logs.set_up(settings.log_format)
    with faults(settings):
        run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    host = settings.board_listen.rpartition(":")[0]
    await serve(settings, stop, lambda port: log.info("the board is at http://%s:%d", host, port))
    log.info("stopped")
