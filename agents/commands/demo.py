"""`slawatch demo`: the whole thing on an embedded Kafka, with a simulated call centre."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from types import FrameType


@click.command(name="demo")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed is another day at the centre.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="End after so long. Default: at Ctrl-C.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="At the end, keep the screen as an SVG file.",
)
def command(seed: int, minutes: float | None, picture: Path | None) -> None:
    """Watch a simulated call centre keep and break its promises, a minute of it in a second.

    Kafka, state and claims are in the memory of this process: no server is needed, and nothing is left behind.
    The worker, the notifier and the shipped promises are the real ones; /metrics is served on 127.0.0.1:9464, or
    on any free port where that one is taken. Ctrl-C and SIGTERM end it with exit code 0.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _nothing_begun)
    click.echo("slawatch demo: starting an embedded Kafka, a worker, a notifier and a call centre")
    sys.stdout.flush()
    from agents.demo.run import run  # noqa: PLC0415 - takes a second, in which Ctrl-C must do already

    run(seed, minutes, picture)


def _nothing_begun(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)
