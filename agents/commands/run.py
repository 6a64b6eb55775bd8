"""`slawatch run`: worker, notifier and board of a small site as one process tree."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING, cast

import click

from agents import logs
from agents.kafka import Fault
from agents.loop import run
from agents.tree.health import Health
from agents.tree.log import Lines, MergedLog
from agents.tree.members import ALL, members
from agents.tree.metrics import TreeMetrics
from agents.tree.tree import PROGRAM, Tree
from agents.web import serving
from config.settings import load_settings, split_address, variable

if TYPE_CHECKING:
    from typing import TextIO

    from config.settings import Settings

log = logging.getLogger("slawatch.run")


@click.command(name="run")
def command() -> None:
    """Run a whole site: the worker, the notifier and, with Redis, the board, each a process of its own.

    What dies is started again, after a second at first, later up to half a minute. One that leaves with 2 (usage or
    configuration) or 3 (refused) ends them all, with that exit code. SIGTERM and Ctrl-C stop them in order, within 25
    seconds; a second one at once. SIGHUP loads policies and routing again. No process outlives this one. The log is
    one, each line with its process; /healthz, /readyz and /metrics of the whole are on SLAWATCH_RUN_LISTEN.
    """
    settings = load_settings()
    names = ("run", *(member.command for member in members(settings)))
    merged = MergedLog(_to_stderr, settings.log_format, names)
    logs.set_up(settings.log_format, cast("TextIO", Lines(merged, "run")))
    sys.exit(run(_run(settings, merged)))


def _to_stderr(line: bytes) -> None:
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()


async def _run(settings: Settings, merged: MergedLog) -> int:
    metrics = TreeMetrics(member.command for member in members(settings))
    tree = Tree(members(settings), merged, metrics, PROGRAM)
    health = Health(tree, members(settings), settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tree.stop)
    loop.add_signal_handler(signal.SIGHUP, tree.pass_on, signal.SIGHUP)
    host, port = split_address(settings.run_listen)
    asking = asyncio.create_task(health.ask())
    try:
        async with serving(host, port, metrics.registry, health.problems) as served:
            log.info("health of the whole on port %d of %s", served, host)
            for member in ALL:
                if member not in members(settings) and member.of_use_with is not None:
                    log.info("no %s: %s is not set", member.command, variable(member.of_use_with))
            code = await tree.run()
    except OSError as error:
        raise Fault(f"{variable('run_listen')}={settings.run_listen}: {error.strerror}") from error
    finally:
        asking.cancel()
    log.info("stopped: no process is left")
    return code
