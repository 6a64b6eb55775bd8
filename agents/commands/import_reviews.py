"""`slawatch import-reviews`: a filled sheet as events on their topic, whole or not at all."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.commands.parameters import to_file
from agents.commands.send import send
from agents.events_io import EventFile, write_lines
from agents.kafka import Fault, faults
from agents.loop import run
from config.errors import ConfigError
from config.quality import load_quality
from config.settings import load_settings
from reports.sampling.filled import read_filled
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="import-reviews")
@click.argument("sheet", type=_FILE)
@click.option("--reviewer", help="Who reviewed the rows that name nobody.")
@click.option(
    "--quality", "quality_file", type=_FILE, help="Quality file; else SLAWATCH_QUALITY, else the shipped one."
)
@click.option("--out", metavar="FILE", help="Write the events here (JSON Lines; - for standard output), to no topic.")
def command(sheet: Path, reviewer: str | None, quality_file: Path | None, out: str | None) -> None:
    """Put the reviews of SHEET, which `slawatch sample` wrote and reviewers filled in, on the topic quality-reviewed.

    Rows that nobody filled in are passed over. Where any row is wrong each is named with its line, nothing is sent, and
    the exit code is 2. Importing a sheet again changes nothing; to correct a review that was imported, write a later
    `reviewed at` into its row: of a reviewer's reviews of a ticket the newest counts.
    """
    settings = load_settings()
    filled = read_filled(sheet, load_quality(quality_file or settings.quality), int(time.time()) * SECOND, reviewer)
    if filled.problems:
        click.echo(f"{sheet}: nothing was imported", err=True)
        raise ConfigError(filled.problems)
    if out is not None:
        with to_file(out), write_lines(out) as write:
            for line in filled.events:
                write(line)
    elif filled.events:
        with faults(settings):
            sending = run(send(_as_file(str(sheet), filled.events), settings, None))
        if sending.failed is not None:
            raise Fault(f"{sheet}: not acknowledged: {sending.failed[1]}; import it again, what was sent counts once")
    click.echo(f"{len(filled.events)} reviews imported, {filled.empty} rows not filled in", err=out == "-")


def _as_file(name: str, lines: Sequence[bytes]) -> EventFile:
    content = b"".join(line + b"\n" for line in lines)
    return EventFile(name, io.BufferedReader(io.BytesIO(content)), len(content))
