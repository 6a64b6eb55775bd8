"""A plan for people: a summary by team, the half-hours, and as CSV."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from streams.instants import MINUTE, SECOND, format_duration, format_instant, to_datetime
from streams.planning.slots import SLOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from streams.planning.estimates import Estimate
    from streams.planning.needs import Terms
    from streams.planning.plan import TeamPlan

CSV_COLUMNS = (
    "from", "team", "contacts", "load_erlangs", "needed", "needed_on_roster", "at_work", "gap", "occupancy",
    "answered_in_time", "give", "waiting", "waiting_least", "waiting_most", "oldest_seconds",
)  # fmt: skip
_SHORT = "bold red"
_NEARLY = 0.999  # from here on a decimal place more tells it from all


def share(value: Estimate | None) -> str:
    """`93.1% ±0.4`, of a single simulation `93.1%`, or a dash."""
    if value is None:
        return "-"
    digits = 2 if _NEARLY <= value.mean < 1 else 1
    give = "" if value.give is None else f" ±{100 * value.give:.1f}"
    return f"{value.mean:.{digits}%}{give}"


def summary(plans: Sequence[TeamPlan], terms: Terms, zone: ZoneInfo) -> Table:
    """A column a team: what is needed, what is there, and what becomes of the promises."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    for plan in plans:
        table.add_column(escape(plan.team), justify="right", no_wrap=True)
    for name, cells in _measures(plans, terms, zone).items():
        table.add_row(name, *cells)
    table.add_section()
    found = {target: None for plan in plans for target in plan.compliance}
    for target in found:
        cells = [share(plan.compliance.get(target)) for plan in plans]
        table.add_row(f"{target.replace('_', ' ')} kept", *cells)
    return table


def _measures(plans: Sequence[TeamPlan], terms: Terms, zone: ZoneInfo) -> dict[str, list[Text | str]]:
    peaks = [_place_of_most([need.agents for need in plan.needs]) for plan in plans]
    worst = [_place_of_most(plan.waiting) for plan in plans]
    at_peak = list(zip(plans, peaks, strict=True))
    at_worst = list(zip(plans, worst, strict=True))
    return {
        "contacts": [f"{plan.contacts:,.0f}" for plan in plans],
        "agents needed at most": [
            f"{plan.needs[n].agents} at {_clock(plan.slots.starts[n], zone)}" for plan, n in at_peak
        ],
        "  on the roster for that": [str(terms.rostered(plan.needs[n].agents)) for plan, n in at_peak],
        "  there then": [str(plan.staff[n]) for plan, n in at_peak],
        "agent hours short": [Text(f"{plan.short:,.1f}", _SHORT if plan.short else "") for plan in plans],
        "most contacts waiting": [
            f"{plan.waiting[n]:,.0f} at {_clock(plan.slots.starts[n] + SLOT, zone)}" for plan, n in at_worst
        ],
        "  the oldest for": [duration(plan.oldest[n]) for plan, n in at_worst],
        "customers who hang up": [f"{plan.left:,.0f}" for plan in plans],
        "not done at the end": [f"{plan.unfinished:,.0f}" for plan in plans],
    }


def _place_of_most(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def half_hours(plans: Sequence[TeamPlan], zone: ZoneInfo) -> Table:
    """A line a half-hour; of each team the agents needed and there, and the contacts that wait at its end."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("from", no_wrap=True)
    for plan in plans:
        table.add_column(f"{escape(plan.team)}\nneeded/there", justify="right", no_wrap=True)
        table.add_column("\nwaiting", justify="right", no_wrap=True)
    waiting = [plan.waiting for plan in plans]
    slots = plans[0].slots
    day = None
    for number, start in enumerate(slots.starts):
        local = to_datetime(start).astimezone(zone)
        if local.date() != day:
            day = local.date()
            table.add_section()
            table.add_row(f"[bold]{day:%a %Y-%m-%d}[/]")
        cells: list[Text | str] = [f"{local:%H:%M}"]
        for plan, of_plan in zip(plans, waiting, strict=True):
            wanted, there = plan.needs[number].agents, plan.staff[number]
            cells.append(Text(f"{wanted}/{there}", _SHORT if there < wanted else ""))
            cells.append(f"{of_plan[number]:,.0f}")
        table.add_row(*cells)
    return table


def duration(microseconds: float) -> str:
    """For people: seconds under a minute, whole minutes above."""
    step = MINUTE if microseconds >= MINUTE else SECOND
    return format_duration(round(microseconds / step) * step)


def write_csv(path: Path, plans: Sequence[TeamPlan], terms: Terms) -> None:
    """A line for each half-hour and team, by `CSV_COLUMNS`; shares from 0 to 1. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        write(CSV_COLUMNS)
        for plan in plans:
            for row in _rows(plan, terms):
                write(row)


def _rows(plan: TeamPlan, terms: Terms) -> list[tuple[object, ...]]:
    waiting, ranges, oldest = plan.waiting, plan.waiting_range, plan.oldest
    occupancy, answered = plan.occupancy, plan.answered
    rows: list[tuple[object, ...]] = []
    for number, start in enumerate(plan.slots.starts):
        need, there, answers, busy = plan.needs[number], plan.staff[number], answered[number], occupancy[number]
        rows.append(
            (
                format_instant(start),
                inert(plan.team),
                f"{need.arrivals:.2f}",
                f"{need.load:.3f}",
                need.agents,
                terms.rostered(need.agents),
                there,
                there - need.agents,
                "" if busy is None else f"{busy:.3f}",
                "" if answers is None else f"{answers.mean:.4f}",
                "" if answers is None or answers.give is None else f"{answers.give:.4f}",
                f"{waiting[number]:.1f}",
                *ranges[number],
                f"{oldest[number] / SECOND:.0f}",
            )
        )
    return rows


def inert(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _clock(instant: int, zone: ZoneInfo) -> str:
    return f"{to_datetime(instant).astimezone(zone):%H:%M}"


def printed(console: Console, plans: Sequence[TeamPlan], table: Callable[[Sequence[TeamPlan]], Table]) -> None:
    """Print the table of some teams after the other, each with as many as fit; of all where no terminal limits it."""
    left = list(plans)
    while left:
        some = len(left)
        while some > 1 and console.is_terminal and _width(console, table(left[:some])) > console.width:
            some -= 1
        if not console.is_terminal:
            console.width = max(console.width, _width(console, table(left)))
        console.print(table(left[:some]))
        console.print()
        left = left[some:]


def _width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=10_000)).maximum
