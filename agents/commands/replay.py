"""`slawatch replay`: judge a file of events without Kafka."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from agents.commands.parameters import INSTANT, to_file
from agents.commands.shifts import as_json, show
from agents.events_io import take_lines, write_lines
from agents.replay import CLOCK_COLUMNS, Replay, compared
from config.policies import load_policies
from streams.events import Reader
from streams.instants import SECOND, format_duration


@click.command(name="replay")
@click.argument("events", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--policies", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="The promises."
)
@click.option(
    "--compare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Other promises: what would they have meant? Shown beside the first by target, team and priority.",
)
@click.option("--as-of", default="last", show_default=True, help="Judge as of the last event, or of an instant.")
@click.option("--json", "json_out", help="Write the summary as JSON to this file (- for standard output).")
@click.option("--clocks", help="Write every clock's verdict as CSV to this file, gzip if it ends in .gz.")
@click.pass_context
def command(
    ctx: click.Context,
    events: str,
    policies: Path,
    compare: Path | None,
    as_of: str,
    json_out: str | None,
    clocks: str | None,
) -> None:
    """Judge the events of a file (JSON Lines, plain or gzip, in any order) and say what was promised and kept.

    Lines that are no events are named and passed over; the exit code is then 1.
    """
    limit = None if as_of == "last" else INSTANT.convert(as_of, None, ctx)
    replay = Replay(load_policies(policies), as_of=limit)
    other = Replay(load_policies(compare), as_of=limit) if compare is not None else None
    bad = _feed(replay, other, events)
    if replay.last is None:
        raise click.ClickException(f"{events}: holds no event of a ticket up to then")
    instant = replay.last if limit is None else limit
    replay.settle(instant)
    summary = replay.summary(instant)
    shifts = []
    if other is not None:
        other.settle(instant)
        shifts = compared(replay, other)
        summary["compare"] = [as_json(shift) for shift in shifts]
    if clocks is not None:
        with to_file(clocks), write_lines(clocks) as write:
            for row in (CLOCK_COLUMNS, *replay.rows()):
                write(_csv_line(row))
    if json_out is not None:
        with to_file(json_out), write_lines(json_out) as write:
            write(json.dumps(summary, indent=1).encode())
    else:
        _print(summary, replay)
        if compare is not None:
            click.echo(
                f"\nJudged by {policies}, and then by {compare}; of each target the teams and priorities that differ:\n"
            )
            show(Console(), shifts)
    if bad or replay.refused:
        ctx.exit(1)


def _feed(replay: Replay, other: Replay | None, events: str) -> int:
    """Apply every line to both; returns how many were no events."""
    read, feed = Reader().read, replay.feed

    def take(line: bytes) -> None:
        event = read(line)
        feed(event)
        if other is not None:
            other.feed(event)

    _, bad = take_lines(events, "judging", take)
    if bad:
        click.echo(f"{bad} lines are no events and were passed over", err=True)
    if replay.refused:
        click.echo(f"{replay.refused} events are older than what is kept in full of their tickets", err=True)
    return bad


def _csv_line(row: tuple[str, ...]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(row)
    return buffer.getvalue().encode()


def _print(summary: dict[str, Any], replay: Replay) -> None:
    events, tickets = summary["events"], summary["tickets"]
    console = Console()
    console.print(
        f"As of [bold]{summary['as_of']}[/]: {events['read']:,} events ({events['duplicates']:,} repeats), "
        f"{tickets['created']:,} tickets, {tickets['orphans']:,} without a creation."
    )
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("target", no_wrap=True)
    for heading in ("kept", "met", "breached", "pending", "void", "p50", "p90"):
        table.add_column(heading, justify="right", no_wrap=True)
    for target, figures in summary["targets"].items():
        compliance = figures["compliance"]
        took = figures["elapsed_seconds"]
        table.add_row(
            target.replace("_", " "),
            "-" if compliance is None else f"{compliance:.1%}",
            *(f"{figures[name]:,}" for name in ("met", "breached", "pending", "void")),
            *(_duration(took[name]) for name in ("p50", "p90")),
        )
    console.print(table)


def _duration(seconds: float | None) -> str:
    """For people: seconds under a minute, whole minutes above an hour."""
    if seconds is None:
        return "-"
    step = 60 if seconds >= 3600 else 1
    return format_duration(round(seconds / step) * step * SECOND)
