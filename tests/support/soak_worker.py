"""`slawatch worker` on given cores, with windows and a retention shorter than settings allow: what the soak runs.

Takes an argument, JSON: `cores`, `retention` (seconds), `windows` (by name: length and step in seconds). All else is
read from SLAWATCH_ settings, as the command does. In half an hour such a worker comes to where another comes in weeks:
as many tickets are forgotten as are created, and as many slots leave the windows as enter them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

from agents import logs
from agents.app import Worker
from agents.engine.connection import reach
from agents.kafka import connection, faults
from agents.loop import run
from agents.topics import Topics
from config.settings import Settings, load_settings
from streams.instants import SECOND
from streams.windows import Window


async def serve(settings: Settings, options: dict[str, Any]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reached = connection(settings)
    topics = Topics(settings.topic_prefix, settings.app)
    worker = Worker(settings, reached, topics, settings.data_dir)
    worker.rules.retention = round(options["retention"] * SECOND)
    worker.rules.windows = [
        Window(name, round(length * SECOND), round(step * SECOND))
        for name, (length, step) in options["windows"].items()
    ]
    await reach(reached)
    await topics.refuse_problems(reached, settings.partitions, settings.replication)
    await worker.run(stop)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    os.sched_setaffinity(0, given["cores"])
    read = load_settings()
    logs.set_up(read.log_format)
    with faults(read):
        run(serve(read, given))
