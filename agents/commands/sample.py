"""`slawatch sample`: draw tickets for checking, and write the sheet that reviewers fill in."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from agents.commands.parameters import DAY, to_file
from agents.report_source import known, stored
from config.figures import parse_share
from config.quality import LANGUAGES, load_quality
from config.settings import load_settings
from reports.measures.ground import Ground, Period, Scope
from reports.measures.standing import day_begins
from reports.sampling.draw import draw
from reports.sampling.filled import written_before
from reports.sampling.sheet import csv_sheet, survives, workbook_sheet
from streams.instants import SECOND, to_datetime

if TYPE_CHECKING:
    from config.quality import Quality
    from reports.sampling.draw import Draw

_PATH = click.Path(path_type=Path)
_OLD = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Share(click.ParamType):
    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else parse_share(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(name="sample")
@click.option("--from", "first", type=DAY, metavar="DAY", help="The first day, 2026-01-31. Default: yesterday.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="The last day. Default: the first one.")
@click.option("--daily", is_flag=True, help="A share of each day (20 % by the shipped quality file), not of all.")
@click.option("--share", type=_Share(), metavar="SHARE", help="In place of the quality file's, such as 10%.")
@click.option("--team", help="Of this team alone.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed draws the same tickets.")
@click.option("--without", multiple=True, type=_OLD, metavar="SHEET", help="Not what this earlier sheet holds.")
@click.option("--lang", "language", type=click.Choice(LANGUAGES), default="en", show_default=True)
@click.option("--quality", "quality_file", type=_OLD, help="Quality file; else SLAWATCH_QUALITY, else the shipped one.")
@click.option(
    "--ledger", type=_PATH, help="Folder of `slawatch ledger sync`, or a file of its records; else SLAWATCH_LEDGER."
)
@click.option("--out", type=_PATH, required=True, help="The sheet to write: a workbook (.xlsx), or CSV (.csv).")
def command(
    first: date | None,
    last: date | None,
    daily: bool,
    share: float | None,
    team: str | None,
    seed: int,
    without: tuple[Path, ...],
    language: str,
    quality_file: Path | None,
    ledger: Path | None,
    out: Path,
) -> None:
    """Draw tickets for checking from those that were resolved on some days, and write the sheet to fill in.

    The overdue and the low-rated come first, others by lot. What was reviewed is not drawn again; what lies on a
    sheet that is being filled in is left out with --without.
    """
    if out.suffix.lower() not in (".xlsx", ".csv"):
        raise click.UsageError(f"--out {out}: not a sheet's name (end it in .xlsx or .csv)")
    if out.exists():
        raise click.UsageError(f"--out {out}: is there, and reviewers may have written into it (choose another name)")
    now = int(time.time()) * SECOND
    settings = load_settings()
    quality = load_quality(quality_file or settings.quality)
    period = _period(first, last, quality, now)
    share = share if share is not None else quality.sample_daily if daily else quality.sample_share
    drawn_before = [ticket_id for sheet in without for ticket_id in _written(sheet, quality)]
    views = stored(ledger or settings.ledger_folder, to_datetime(period.since), to_datetime(period.until))
    with views as connection, Ground(connection, period, Scope(team=team), quality) as ground:
        known(connection, "team", team)
        found = draw(ground, share, seed, daily=daily, without=drawn_before)
    kept = [each for each in found.drawn if survives(each.ticket_id)]
    write = workbook_sheet if out.suffix.lower() == ".xlsx" else csv_sheet
    with to_file(out), out.open("xb") as file:
        file.write(write(quality, kept, language, now))
    click.echo(f"{_said(found)}\n{out}")
    if left := len(found.drawn) - len(kept):
        click.echo(f"{left} more have ids with unseen characters, which no sheet gives back: left out", err=True)


def _period(first: date | None, last: date | None, quality: Quality, now: int) -> Period:
    """Whole days by the quality file's zone, both included, as far as they are over."""
    yesterday = to_datetime(now).astimezone(ZoneInfo(quality.timezone)).date() - timedelta(days=1)
    begins = first or last or yesterday
    ends = last or begins
    if ends < begins:
        raise click.UsageError(f"--to {ends} is before --from {begins} (swap them)")
    return Period(day_begins(begins, quality), day_begins(ends + timedelta(days=1), quality))


def _written(sheet: Path, quality: Quality) -> frozenset[str]:
    try:
        return written_before(sheet, quality)
    except ValueError as error:
        raise click.UsageError(f"--without: {error}") from None


def _said(found: Draw) -> str:
    overdue = sum(bool(each.overdue) for each in found.drawn)
    low = sum(each.rating is not None and not each.overdue for each in found.drawn)
    lot = len(found.drawn) - overdue - low
    return (
        f"{len(found.drawn)} of {found.tickets} resolved tickets drawn: {overdue} overdue, {low} rated low, {lot} by "
        f"lot; {found.taken} were reviewed or drawn before"
    )
