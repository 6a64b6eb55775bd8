"""How an explanation looks to a person: attributes, then each clock with its verdict, times and stretches."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from streams.instants import SECOND, format_duration, format_instant, from_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, tzinfo

    from rich.console import RenderableType

    from streams.explain import ExplainedClock, Explanation

_COLOURS = {"met": "bold green", "breached": "bold red", "pending": "bold yellow", "void": "bold dim"}
_LABEL = 9


def pictured(explained: Explanation) -> Iterator[RenderableType]:
    """The parts to print one after the other; readable at 80 columns."""
    yield Text.assemble(
        ("Ticket ", "bold"), (_plain(explained.ticket_id), "bold"), f" as of {_utc(explained.as_of)}: ",
        (explained.status, "bold"),
    )  # fmt: skip
    attributes = [f"{name} {_plain(_listed(value))}" for name, value in explained.attributes.items()]
    if attributes:
        yield Text(", ".join(attributes))
    older = f", and {explained.summarised:,} older ones as a summary" if explained.summarised else ""
    yield Text(f"{explained.events:,} events in full{older}", style="dim")
    for note in explained.notes:
        yield Text(f"Note: {note}.")
    for clock in explained.clocks:
        yield Text()
        yield from _clock(clock)


def _clock(clock: ExplainedClock) -> Iterator[RenderableType]:
    verdict = clock.verdict or "not promised"
    yield Text.assemble(
        (verdict.upper(), _COLOURS.get(verdict, "dim")), "  ",
        (f"{clock.target.replace('_', ' ')} {clock.cycle}", "bold"), f": {_plain(clock.why)}.",
    )  # fmt: skip
    zone = ZoneInfo(clock.zone) if clock.zone is not None else UTC
    yield _facts(clock)
    yield _times(clock, zone)
    if len(clock.stretches) > 1 or clock.earlier_seconds or any(not stretch.runs for stretch in clock.stretches):
        yield _stretches(clock, zone)


def _facts(clock: ExplainedClock) -> Table:
    grid = _grid()
    if clock.policy is not None:
        grid.add_row("policy", Text(f"{_plain(clock.policy)} ({_plain(clock.matched)})"))
    if clock.limit_seconds is not None:
        warns = f", warns at {', '.join(clock.warns)}" if clock.warns else ""
        zone = f" ({clock.zone})" if clock.zone != "UTC" else ""
        grid.add_row("limit", Text(f"{_duration(clock.limit_seconds)} in calendar {clock.calendar}{zone}{warns}"))
    if clock.announced:
        grid.add_row("announced", Text(_plain("; ".join(clock.announced))))
    return grid


def _times(clock: ExplainedClock, zone: tzinfo) -> Table:
    """The clock's instants: on the wall where its calendar is, and in UTC."""
    on_the_wall = clock.zone not in (None, "UTC")
    grid = _grid()
    for _ in range(1 + on_the_wall):
        grid.add_column(no_wrap=True)
    for name, instant, event in (
        ("started", clock.started_at, clock.started_by),
        ("deadline", clock.deadline, ""),
        ("breached", clock.breached_at, ""),
        ("stopped", clock.stopped_at, clock.stopped_by),
    ):
        if instant is not None:
            wall = [_wall(instant, zone)] if on_the_wall else []
            grid.add_row(name, *wall, Text(_utc(instant), style="dim" if wall else ""), Text(_plain(event)))
    if clock.elapsed_seconds is not None:
        grid.add_row("elapsed", Text(_duration(clock.elapsed_seconds)))
    return grid


def _stretches(clock: ExplainedClock, zone: tzinfo) -> RenderableType:
    """What the clock did in each status, and what that counted; to the second."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("", "in status", "from", "lasted", "counted"):
        table.add_column(column, justify="right" if column in ("lasted", "counted") else "left", no_wrap=True)
    if clock.earlier_seconds:
        table.add_row("before", "", "", "", _rounded(clock.earlier_seconds))
    for stretch in clock.stretches:
        lasted = _rounded((stretch.ends - stretch.begins).total_seconds()) if stretch.ends is not None else "so far"
        counted = _rounded(stretch.counted_seconds) if stretch.runs else "-"
        state = Text("runs") if stretch.runs else Text("rests", style="dim")
        table.add_row(state, stretch.status, _wall(stretch.begins, zone), lasted, counted)
    return Padding(table, (0, 0, 0, 2))


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=_LABEL, style="dim", no_wrap=True)
    return grid


def _wall(instant: datetime, zone: tzinfo) -> str:
    """`Mon 2026-03-02 09:00:00` on the clocks of that zone; no fractions, UTC beside it has them."""
    return f"{instant.astimezone(zone):%a %Y-%m-%d %H:%M:%S}"


def _utc(instant: datetime) -> str:
    return format_instant(from_datetime(instant))


def _duration(seconds: float) -> str:
    return format_duration(round(seconds * SECOND))


def _rounded(seconds: float) -> str:
    return _duration(round(seconds) if seconds >= 1 else seconds)


def _listed(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "/".join(value)


def _plain(text: str) -> str:
    """Ticket text is data: what would steer a terminal is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
