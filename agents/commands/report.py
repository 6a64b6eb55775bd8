"""`slawatch report`: what managers read, as HTML, a workbook and CSV files."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from agents.commands.parameters import DAY, INSTANT, to_file
from agents.report_source import judged, known, stored
from config.calendars import parse_zone
from config.goals import load_goals
from config.quality import load_quality
from config.settings import load_settings
from config.staffing import staffing_of
from reports.measures.ground import Scope
from reports.measures.standing import day_begins
from reports.pages.audience import ROLES, Audience, Role
from reports.pages.page import page_of
from reports.pages.periods import KINDS, Days, Kind, days_of, last_whole
from reports.pages.pseudonyms import hidden_goals, hidden_levels, hide_names
from reports.pages.report import Order, read_range, report
from reports.pages.sheets import csv_of, workbook_of
from reports.pseudonyms import Pseudonyms
from streams.instants import SECOND, to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from config.quality import Quality
    from reports.pages.document import Document

FORMATS = ("html", "xlsx", "csv")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MODES = {"manager": 0o644, "supervisor": 0o600, "agent": 0o600}
"""Of the files: what names agents is its maker's to hand on."""


@click.command(name="report")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--date", "day", type=DAY, help="A day of the period. Default: the newest period that is over.")
@click.option("--team", help="Of this team alone.")
@click.option("--lang", "language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=".", help="The folder to write to.")
@click.option("--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Only these; default: all three.")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="manager",
    show_default=True,
    help="Who reads it: a manager (no figure of a single agent), a supervisor (all), an agent (their own: --agent).",
)
@click.option("--agent", help="With --role agent: whose own figures.")
@click.option(
    "--pseudonyms", type=_FILE, metavar="KEYFILE", help="Agents under pseudonyms by the key in a file that you keep."
)
@click.option(
    "--ledger",
    "ledger_path",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of `slawatch ledger sync`, or a file of the topic's records (JSON Lines). Default: SLAWATCH_LEDGER.",
)
@click.option("--events", type=_FILE, help="In place of a ledger: a file of events, judged by --policies.")
@click.option("--policies", type=_FILE, help="With --events: the promises.")
@click.option(
    "--quality", "quality_file", type=_FILE, help="How quality is measured; default: SLAWATCH_QUALITY, else as shipped."
)
@click.option("--staffing", type=_FILE, help="The goals of promises; default: SLAWATCH_STAFFING, else as shipped.")
@click.option("--goals", "goals_file", type=_FILE, help="Goals that were set; default: SLAWATCH_GOALS.")
@click.option("--zone", help="By whose clock days begin, such as Asia/Shanghai. Default: as the quality file says.")
@click.option("--rows", type=click.IntRange(1, 100_000), default=2_000, show_default=True, help="Tickets in a table.")
@click.option("--as-of", type=INSTANT, help="When the report is made. Default: now.")
def command(
    kind: Kind,
    day: date | None,
    team: str | None,
    language: str,
    out: Path,
    formats: tuple[str, ...],
    role: Role,
    agent: str | None,
    pseudonyms: Path | None,
    ledger_path: Path | None,
    events: Path | None,
    policies: Path | None,
    quality_file: Path | None,
    staffing: Path | None,
    goals_file: Path | None,
    zone: str | None,
    rows: int,
    as_of: int | None,
) -> None:
    """Write the report of a day, week, month or quarter from the ledger.

    It holds what the ledger holds when it is asked for and waits for no sync. The same ledger, files and --as-of give
    the same bytes.
    """
    if (agent is not None) != (role == "agent"):
        raise click.UsageError("--role agent and --agent ID go together")
    if role != "supervisor" and pseudonyms is not None:
        raise click.UsageError("--pseudonyms go with --role supervisor: no other report compares agents")
    if (events is None) != (policies is None) or None not in (events, ledger_path):
        raise click.UsageError("--events FILE and --policies FILE go together, and in place of --ledger")
    settings = load_settings()
    quality = load_quality(quality_file or settings.quality, staffing_of(staffing or settings.staffing))
    if zone is not None:
        quality = _in_zone(quality, zone)
    goals_file = goals_file or settings.goals
    goals = load_goals(goals_file) if goals_file is not None else ()
    made_at = as_of if as_of is not None else int(time.time()) * SECOND
    today = to_datetime(made_at).astimezone(ZoneInfo(quality.timezone)).date()
    days = days_of(kind, day) if day is not None else last_whole(kind, today)
    audience = Audience(role, pseudonyms is not None)
    order = Order(kind, days, language, Scope(team=team, agent=agent), audience, made_at, rows)
    if events is not None and policies is not None:
        views = judged(events, policies, made_at)
    else:
        views = stored(ledger_path or settings.ledger_folder, *read_range(order, quality, goals))
    with views as connection:
        known(connection, "team", team)
        known(connection, "agent", agent)
        if pseudonyms is not None:
            names = _pseudonyms(pseudonyms)
            hide_names(connection, names)
            quality, goals = hidden_levels(quality, names), hidden_goals(goals, names)
        document = report(connection, order, quality, goals)
        _tell_if_empty(connection, days, quality)
    with to_file(out):
        for path in _write(document, out, _stem(order), formats or FORMATS, _MODES[role]):
            click.echo(path)


def _in_zone(quality: Quality, zone: str) -> Quality:
    try:
        return replace(quality, timezone=parse_zone(zone))
    except ValueError as error:
        raise click.UsageError(f"--zone: {error}") from None


def _pseudonyms(path: Path) -> Pseudonyms:
    try:
        return Pseudonyms.of_file(path)
    except ValueError as error:
        raise click.UsageError(f"--pseudonyms: {error}") from None


def _tell_if_empty(connection: duckdb.DuckDBPyConnection, days: Days, quality: Quality) -> None:
    """Say so where no ticket was created in the period: more often another one was meant."""
    ends = [to_datetime(day_begins(day, quality)) for day in (days.first, days.last + timedelta(days=1))]
    query = "SELECT count(*) FILTER (created_at >= ? AND created_at < ?), max(created_at) FROM tickets"
    found = connection.execute(query, ends).fetchone()
    assert found is not None
    created, newest = found
    if not created:
        known = f"; the newest ticket is of {newest.astimezone(ZoneInfo(quality.timezone)).date()}" if newest else ""
        click.echo(f"no ticket was created in {days}{known} (--date DAY chooses another period)", err=True)


def _stem(order: Order) -> str:
    """The file's name without its ending: period, whose, for whom, language."""
    whose = [name for name in (order.scope.team, order.scope.agent) if name is not None]
    parts = [order.kind, str(order.days), *whose, order.audience.role, order.language]
    return "-".join("".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in part) for part in parts)


def _write(document: Document, out: Path, stem: str, formats: tuple[str, ...], mode: int) -> Iterator[Path]:
    """Write the files, each whole or not at all; gives their paths."""
    out.mkdir(parents=True, exist_ok=True)
    if "html" in formats:
        yield _put(out / f"{stem}.html", page_of(document).encode(), mode)
    if "xlsx" in formats:
        yield _put(out / f"{stem}.xlsx", workbook_of(document), mode)
    if "csv" in formats:
        folder = out / stem
        folder.mkdir(exist_ok=True)
        for table in document.tables:
            _put(folder / f"{table.name}.csv", csv_of(table), mode)
        yield folder


def _put(path: Path, content: bytes, mode: int) -> Path:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode, exist_ok=False)
    new.write_bytes(content)
    return new.replace(path)
