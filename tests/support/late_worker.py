"""`slawatch worker` that takes over what is applied on the topic sla-policies only after LATE seconds."""

from __future__ import annotations

import asyncio
import signal

import uvloop

from agents import logs
from agents.app import Worker
from agents.kafka import connection, faults
from agents.policy_topic import PolicyTopic, Version
from agents.topics import Topics
from config.settings import Settings, load_settings

LATE = 8.0


class LateTopic(PolicyTopic):
    """As a worker sees it whose way to the one broker that leads the topic is slow."""

    async def new(self) -> list[Version]:
        found = await super().new()
        if found:
            await asyncio.sleep(LATE)
        return found


async def serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reached = connection(settings)
    topics = Topics(settings.topic_prefix, settings.app)
    worker = Worker(settings, reached, topics, settings.data_dir)
    worker.policies.topic = LateTopic(reached, topics.policies)
    await worker.run(stop)


if __name__ == "__main__":
    read = load_settings()
    logs.set_up(read.log_format)
    with faults(read):
        uvloop.run(serve(read))
