"""`slawatch simulate`: the events of a simulated support centre as a file."""

from __future__ import annotations

import click
import msgspec

from agents.commands.parameters import INSTANT, to_file
from agents.events_io import write_lines
from agents.progress import progress
from agents.simulator import simulate

_BUSY_DAY = 5_000  # tickets: what sixty agents get done
_START = "2026-03-02T00:00:00+08:00"  # a Monday


@click.command(name="simulate")
@click.option("--tickets", type=click.IntRange(min=1), required=True, help="How many tickets customers open.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same events.")
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True, max=3650),
    help=f"Days in which they come. Default: a week, more where a day would get over {_BUSY_DAY:,} tickets.",
)
@click.option("--start", type=INSTANT, default=_START, show_default=True, help="When the days begin.")
@click.option("--out", default="-", help="The file to write, gzip if it ends in .gz. Default: standard output.")
def command(tickets: int, seed: int, days: float | None, start: int, out: str) -> None:
    """Write the events of a simulated support centre, a JSON object a line, in the order in which they occur.

    The file is what an export at the end of those days would be: the last tickets are still open.
    """
    encode = msgspec.json.Encoder().encode
    written = begun = 0
    events = simulate(tickets, seed, days or max(7.0, tickets / _BUSY_DAY), start)
    try:
        with to_file(out), write_lines(out) as write, progress("simulating", tickets) as come_to:
            for event in events:
                write(encode(event))
                written += 1
                if event["type"] == "ticket_created":
                    begun += 1
                    come_to(begun)
    except OSError as error:
        if out == "-":
            raise  # a closed pipe ends the command quietly
        raise click.FileError(out, error.strerror or str(error)) from error
    click.echo(f"{written:,} events of {begun:,} tickets", err=True)
