"""`slawatch worker`: ticket events in, verdicts, alerts, ledger, boards and metrics out."""

from __future__ import annotations

import asyncio
import logging
import signal

import click

from agents import logs
from agents.app import Worker
from agents.engine.connection import reach
from agents.engine.rights import Rights, refuse_missing_rights
from agents.kafka import Fault, connection, faults
from agents.loop import run
from agents.topics import Topics
from config.settings import Settings, load_settings

log = logging.getLogger("slawatch.worker")


@click.command(name="worker")
def command() -> None:
    """Read the ticket events of the partitions that the group gives it, until SIGTERM or Ctrl-C.

    Several workers share the partitions. Serves /metrics, /healthz, /readyz and /tickets/ID on
    SLAWATCH_METRICS_LISTEN. SIGHUP loads the policy file again; a wrong one changes nothing. Ends with 3 where the
    topics or the local state are not as they must be, with 70 after a fault from which a restart recovers.
    """
    settings = load_settings()
    logs.set_up(settings.log_format)
    with faults(settings):
        run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    reached = connection(settings)
    topics = Topics(settings.topic_prefix, settings.app)
    worker = Worker(settings, reached, topics, settings.data_dir)
    loop.add_signal_handler(signal.SIGHUP, worker.reload)

    async def fit() -> None:
        await reach(reached)
        await refuse_missing_rights(reached, _rights(topics, settings.app))
        await topics.refuse_problems(reached, settings.partitions, settings.replication)
        await topics.refuse_raised(reached, settings.partitions)

    def started(port: int) -> None:
        # Up to here a signal ends the process as it would any: there is nothing to give up yet.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        log.info("at work; metrics on port %d of %s", port, settings.metrics_listen)

    try:
        await worker.run(stop, started, fit)
    except OSError as error:
        raise Fault(str(error)) from error
    log.info("stopped: partitions are given up in order")


def _rights(topics: Topics, group: str) -> Rights:
    """What a worker does; docs/security.md says the same."""
    written = (topics.changelog, topics.alerts, topics.ledger, topics.dead_letters, topics.heartbeats)
    read = (*topics.inputs, topics.changelog, topics.policies, topics.heartbeats)
    return Rights(reads=read, writes=written, group=group)
