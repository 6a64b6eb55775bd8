"""How what other limits would have meant is shown to people, and written for programs."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from reports.limits import COUNTS, total

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from reports.limits import Shift


def show(console: Console, shifts: Iterable[Shift]) -> None:
    """Every target, and of it each team and priority that is judged otherwise."""
    shifts = list(shifts)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for heading in ("target, team", "priority"):
        table.add_column(heading, no_wrap=True)
    unsure = any(shift.undecided for shift in shifts)
    for heading in (
        "judged",
        "kept",
        "judged\nthen",
        "kept\nthen",
        "now\noverdue",
        "now\nkept",
        *["unde-\ncided"] * unsure,
    ):
        table.add_column(heading, justify="right")
    for target, group in groupby(shifts, key=lambda shift: shift.target):
        of = list(group)
        table.add_row(f"[bold]{target.replace('_', ' ')}", "", *_cells(total(target, of), unsure=unsure))
        for shift in of:
            if shift.differs:
                table.add_row(
                    f"  {escape(shift.team or '-')}", escape(shift.priority or "-"), *_cells(shift, unsure=unsure)
                )
    console.print(table)


def _cells(shift: Shift, *, unsure: bool) -> list[str]:
    return [
        f"{shift.judged:,}",
        _share(shift.compliance),
        f"{shift.judged_then:,}",
        _share(shift.compliance_then),
        f"{shift.now_breached:,}",
        f"{shift.now_met:,}",
        *[f"{shift.undecided:,}"] * unsure,
    ]


def as_json(shift: Shift) -> dict[str, Any]:
    """Counts, and compliance not rounded."""
    return {
        **{name: getattr(shift, name) for name in ("target", "team", "priority", *COUNTS)},
        "compliance": shift.compliance,
        "compliance_then": shift.compliance_then,
    }


def _share(compliance: float | None) -> str:
    return "-" if compliance is None else f"{compliance:.1%}"
