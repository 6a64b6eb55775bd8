"""`slawatch policies`: the promises of all workers at once, put on Kafka, shown and taken back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.dead_letters import printable
from agents.errors import Refused
from agents.kafka import connection, faults
from agents.policy_topic import PolicyTopic, Version, newest, put
from agents.topics import Topics, present
from config.errors import ConfigError
from config.policies import read_policy_text
from config.settings import load_settings
from config.source import read_content
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from agents.engine.connection import Connection


class _Reach:
    """The topic sla-policies of the Kafka that the settings name."""

    def __init__(self) -> None:
        self.settings = load_settings()
        self.connection: Connection = connection(self.settings)
        self.topic = Topics(self.settings.topic_prefix).policies

    async def versions(self) -> list[Version]:
        """All that was ever put there."""
        await present(self.connection, [self.topic])
        async with PolicyTopic(self.connection, self.topic) as topic:
            return await topic.all()

    async def put(self, text: str | None, fingerprint: str | None) -> Version:
        """Append a version."""
        await present(self.connection, [self.topic], to_write=True)
        return await put(self.connection, self.topic, text, fingerprint, format_instant(int(time.time()) * SECOND))


@click.group(name="policies")
def command() -> None:
    """Change the promises of all workers at once.

    What is applied here wins over the workers' policy files (SLAWATCH_POLICIES) until it is withdrawn. Every worker
    takes over the same version within seconds, and judges its tickets anew.
    """


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
def apply(file: Path) -> None:
    """Check a policy FILE as a whole, and put it in force in all workers.

    Ends with 2 and FILE:LINE: FIELD: REASON where something is wrong with it; then nothing has changed.
    `slawatch check-config --policies FILE --against OLD` shows what a change would mean.
    """
    content = read_content(file)
    fingerprint = read_policy_text(content, str(file)).policies.fingerprint
    reach = _Reach()
    with faults(reach.settings):
        version = asyncio.run(reach.put(content.decode("utf-8-sig"), fingerprint))
    click.echo(f"{version.name} (fingerprint {fingerprint}): the workers take it over")


@command.command()
def withdraw() -> None:
    """Take back what was applied: each worker's own policy file holds again."""
    reach = _Reach()
    with faults(reach.settings):
        version = asyncio.run(reach.put(None, None))
    click.echo(f"{version.name}: the workers' own policy files hold again")


@command.command()
@click.argument("number", type=click.IntRange(min=1), required=False, metavar="[VERSION]")
def show(number: int | None) -> None:
    """Print the policies that are in force, or were in a VERSION, as they were written.

    The version, and who put it there, go to standard error: the output is the file.
    """
    reach = _Reach()
    with faults(reach.settings):
        versions = asyncio.run(reach.versions())
    if number is not None:
        versions = [version for version in versions if version.number == number]
        if not versions:
            raise Refused(f"there is no version {number} on the topic (`slawatch policies history` lists them)")
        shown = versions[0].document()
        name = versions[0].name
    else:
        applied, refused = newest(versions)
        for error in refused:
            click.echo(f"refused by the workers: {printable(str(error))}", err=True)
        if applied is None or applied.file is None:
            click.echo("nothing is applied: the workers' own policy files hold", err=True)
            return
        shown, name = applied.document, applied.version.name
    what = "applied" if shown.text is not None else "withdrawn"
    click.echo(f"{name}, {what} by {printable(shown.by)} at {printable(shown.at)}", err=True)
    click.echo(shown.text or "", nl=False)


@command.command()
def history() -> None:
    """List all versions, the newest first, with who put them there and when."""
    reach = _Reach()
    with faults(reach.settings):
        versions = asyncio.run(reach.versions())
    if not versions:
        click.echo("nothing was ever applied")
    for version in reversed(versions):
        click.echo(f"{version.number:>5}  {_line(version)}")


def _line(version: Version) -> str:
    try:
        _, document, file = version.applied()
    except ConfigError as error:
        return f"refused: {printable(str(error.problems[0]))}"
    what = "withdrawn" if file is None else f"applied {file.policies.fingerprint}"
    return f"{printable(document.at)}  {printable(document.by)}  {what}"
