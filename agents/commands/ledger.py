"""`slawatch ledger`: the ledger's files synced, shown, asked what other limits mean, and cleared of a person."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from agents.commands.parameters import INSTANT
from agents.commands.shifts import as_json, show
from agents.dead_letters import printable
from agents.errors import Refused
from agents.kafka import connection, faults
from agents.ledger_sync import Sync, Synced
from agents.ledger_topic import LedgerTopic
from agents.progress import progress
from agents.report_source import known
from agents.topics import Topics
from config.policies import load_policies
from config.settings import Settings, load_settings
from reports.limits import shifts_of
from reports.store.folder import OPEN, Busy, Damaged, Folder, NoLedger
from reports.store.reading import opened
from streams.instants import DAY, SECOND, format_duration, parse_duration, to_datetime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from reports.store.rules import How

_SHOWN = 10
_UNREACHED = """\
What it does not reach goes with time: the events on Kafka and the dead letters when their topics' retention ends (7d
and 30d as they are created), the workers' own state {retention} after a ticket is done. Kafka drops the ledger's old
records when it compacts the topic (7d after they were written, as it is created). The help desk, chats, backups and
reports that were made are not slawatch's."""
_LOOK = 1.0  # seconds between looks whether another process still writes


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (Busy, Damaged, NoLedger) as error:
        raise Refused(str(error)) from None


def _with_sync(settings: Settings, use: Callable[[Sync], Awaitable[None]]) -> None:
    async def main() -> None:
        name = Topics(settings.topic_prefix, settings.app).ledger
        kept = timedelta(microseconds=settings.ledger_retention) or None
        async with LedgerTopic(reach, name) as topic:
            await use(Sync(Folder(settings.ledger_folder), topic, kept))

    reach = connection(settings)
    with faults(settings), _refusals():
        asyncio.run(main())


@click.group(name="ledger")
def command() -> None:
    """The ledger of all tickets as Parquet files, which reports are made from."""


@command.command()
@click.option("--follow", is_flag=True, help="Go on, and sync again and again.")
@click.option("--every", default="1m", show_default=True, help="With --follow: the time between two syncs.")
@click.option(
    "--rebuild", is_flag=True, help="Read the topic from its beginning; readers keep what there is meanwhile."
)
def sync(*, follow: bool, every: str, rebuild: bool) -> None:
    """Bring the files up to date with the topic ticket-ledger.

    May be stopped at any moment and started again. Reports read the last ledger that was whole.
    """
    try:
        pause = parse_duration(every) / SECOND
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--every: {error}") from None

    async def use(sync: Sync) -> None:
        with progress(f"reading {sync.topic.name}", 1.0) as come_to:
            first = await replace(sync, come_to=come_to).run(datetime.now(UTC), rebuild=rebuild)
        _tell(first)
        while follow:
            await asyncio.sleep(pause)
            synced = await _patiently(sync)
            if synced.records or synced.anew:
                _tell(synced)

    _with_sync(load_settings(), use)


async def _patiently(sync: Sync, erase: tuple[str, How] | None = None) -> Synced:
    """Wait for another process that writes to the ledger."""
    waited = False
    while True:
        try:
            return await sync.run(datetime.now(UTC), erase=erase)
        except Busy as busy:
            if not waited:
                click.echo(f"{busy}: waiting for it", err=True)
            waited = True
            await asyncio.sleep(_LOOK)


def _tell(synced: Synced) -> None:
    for line in synced.unreadable[:_SHOWN]:
        click.echo(f"passed over {printable(line)}", err=True)
    if len(synced.unreadable) > _SHOWN:
        click.echo(f"passed over {len(synced.unreadable) - _SHOWN:,} more", err=True)
    if synced.anew:
        click.echo(f"read from the beginning: {synced.anew}")
    manifest = synced.manifest
    size = sum(file.bytes for file in manifest.files) + manifest.delta_bytes
    cleared = f", {len(synced.copies):,} cleared of what may not be kept" if synced.copies else ""
    click.echo(f"{synced.records:,} records read{cleared}; files: {len(manifest.names())}, {_size(size)}")


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _days(duration: int) -> str:
    return f"{duration // DAY} days" if duration % DAY == 0 else format_duration(duration)


@command.command()
def status() -> None:
    """What the ledger holds, as of when, in which files; needs no Kafka."""
    settings = load_settings()
    folder = settings.ledger_folder
    with _refusals(), opened(folder) as views:
        manifest = Folder(folder).published()
        assert manifest is not None
        assert manifest.read_at is not None
        row = views.execute(
            "SELECT count(*), count(*) FILTER (done_at IS NULL), min(created_at), max(created_at) FROM tickets"
        ).fetchone()
        work = Folder(folder).work()
    assert row is not None
    tickets, still_open, first, last = row
    kept = f"{_days(settings.ledger_retention)} after a ticket was done" if settings.ledger_retention else "for ever"
    lines = {
        "folder": folder,
        "topic": manifest.topic,
        "as of": f"{manifest.read_at:%Y-%m-%d %H:%M:%S} UTC, up to {sum(manifest.offsets.values()):,} records",
        "tickets": f"{tickets:,}, {still_open:,} of them not done"
        + (f"; created {first:%Y-%m-%d} to {last:%Y-%m-%d}" if tickets else ""),
        "kept": kept,
        "erased": f"{len(manifest.erased):,} customers",
        "changed": f"{manifest.delta_rows:,} tickets since the files below were written",
    }
    if manifest.unreadable:
        lines["passed over"] = f"{manifest.unreadable:,} records that are none of a ticket"
    if work is not None and work.number > manifest.number:
        lines["under way"] = f"a sync that has come to {sum(work.offsets.values()):,} records"
    for title, text in lines.items():
        click.echo(f"{title + ':':13}{text}")
    months = sorted({file.month for file in manifest.files})
    if months:
        click.echo(f"\n{'month':10}{'tickets':>12}{'files':>7}{'size':>12}")
    for month in months:
        files = [file for file in manifest.files if file.month == month]
        rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
        click.echo(f"{'not done' if month == OPEN else month:10}{rows:>12,}{len(files):>7}{_size(size):>12}")


@command.command()
@click.option("--customer", prompt="Customer id", help="The customer_id; asked for where it is not given.")
@click.option("--whole-tickets", is_flag=True, help="Take the customer's tickets out whole, and out of all figures.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(customer: str, *, whole_tickets: bool, yes: bool) -> None:
    """Erase a customer from the ledger: from its files, and from the topic ticket-ledger.

    The tickets stay for the figures, without customer_id and without the comments to ratings; with --whole-tickets
    they go as well. It holds for tickets created up to now, also where a worker writes one of them again.
    """
    settings = load_settings()
    what = "every ticket of this customer" if whole_tickets else "this customer's id and comments"
    if not yes:
        click.confirm(f"Erase {what} from the ledger? It cannot be taken back", abort=True)
    how: How = "tickets" if whole_tickets else "person"

    async def use(sync: Sync) -> None:
        first = await _patiently(sync, (customer, how))
        again = await _patiently(sync)  # what a worker wrote meanwhile
        _tell(again)
        tickets = {copy.ticket_id for copy in [*first.copies, *again.copies]}
        click.echo(f"{len(tickets):,} tickets cleared, in the files and on {sync.topic.name}.")
        click.echo(_UNREACHED.format(retention=_days(settings.retention)))

    _with_sync(settings, use)


@command.command()
@click.argument("policies", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--since", type=INSTANT, help="Clocks that started from this instant on; else 90 days ago.")
@click.option("--until", type=INSTANT, help="Clocks that started before this instant; else now.")
@click.option("--team", help="Tickets of this team alone.")
@click.option("--json", "as_lines", is_flag=True, help="JSON, a line for each row.")
def compare(policies: Path, since: int | None, until: int | None, team: str | None, *, as_lines: bool) -> None:
    """What the limits of a policy file would have meant for the clocks in the ledger.

    Exact where it differs from what held in limits alone: the open time that the ledger has of a clock was measured
    with the calendar and the pauses of its day. `slawatch replay --compare` judges the events themselves.
    """
    settings = load_settings()
    rules = load_policies(policies)
    end = to_datetime(until) if until is not None else datetime.now(UTC)
    start = to_datetime(since) if since is not None else end - timedelta(days=90)
    if start >= end:
        raise click.UsageError(f"--since {start:%Y-%m-%d %H:%M} is not before {end:%Y-%m-%d %H:%M} (swap them)")
    with _refusals(), opened(settings.ledger_folder, start, end) as views:
        known(views, "team", team)
        shifts = shifts_of(views, rules, start, end, team)
    if as_lines:
        for shift in shifts:
            click.echo(json.dumps(as_json(shift)))
        return
    click.echo(
        f"Clocks that started from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, as judged and by {policies}:"
    )
    show(Console(), shifts)
    click.echo("\nBy open time in the calendars of their day: exact where the file changes limits alone.")
