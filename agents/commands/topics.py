"""`slawatch topics create|check`: the topics in Kafka, made and looked at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from agents.engine.connection import reach
from agents.kafka import connection, faults
from agents.topics import Topics
from config.settings import load_settings

if TYPE_CHECKING:
    from config.settings import Settings


@click.group(name="topics")
def command() -> None:
    """Create or check the topics."""


@command.command()
def create() -> None:
    """Create the topics that are not there; may be run again. Ends with 3 where one that is there is not right."""
    settings = load_settings()
    with faults(settings):
        asyncio.run(_create(settings))


@command.command()
def check() -> None:
    """Compare the topics with what they must be; ends with 3, a line for each problem."""
    settings = load_settings()
    with faults(settings):
        asyncio.run(_check(settings))


async def _create(settings: Settings) -> None:
    topics = Topics(settings.topic_prefix, settings.app)
    await reach(connection(settings))
    for name in await topics.create(connection(settings), settings.partitions, settings.replication):
        print(f"created {name}")
    await _check(settings)


async def _check(settings: Settings) -> None:
    topics = Topics(settings.topic_prefix, settings.app)
    await reach(connection(settings))
    await topics.refuse_problems(connection(settings), settings.partitions, settings.replication)
    await topics.refuse_raised(connection(settings), settings.partitions)
    print(f"{len(topics.all)} topics, {settings.partitions} partitions each: all is well")
