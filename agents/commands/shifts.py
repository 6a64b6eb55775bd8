"""How what other limits would have meant is shown to people, and written for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from reports.limits import Shift


def show(console: Console, shifts: Iterable[Shift]) -> None:
    """A line for each target, team and priority."""
    shifts = list(shifts)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("target", "team", "priority"):
        table.add_column(heading, no_wrap=True)
    unsure = any(shift.undecided for shift in shifts)
    headings = ("judged", "kept", "judged then", "kept then", "now overdue", "now kept", *["undecided"] * unsure)
    for heading in headings:
        table.add_column(heading, justify="right")
    for shift in shifts:
        table.add_row(
            shift.target.replace("_", " "),
            shift.team or "-",
            shift.priority or "-",
            f"{shift.judged:,}",
            _share(shift.compliance),
            f"{shift.judged_then:,}",
            _share(shift.compliance_then),
            f"{shift.now_breached:,}",
            f"{shift.now_met:,}",
            *[f"{shift.undecided:,}"] * unsure,
        )
    console.print(table)


def as_json(shift: Shift) -> dict[str, Any]:
    """Counts, and compliance not rounded."""
    names = (
        "target",
        "team",
        "priority",
        "judged",
        "met",
        "judged_then",
        "met_then",
        "now_breached",
        "now_met",
        "undecided",
    )
    return {
        **{name: getattr(shift, name) for name in names},
        "compliance": shift.compliance,
        "compliance_then": shift.compliance_then,
    }


def _share(compliance: float | None) -> str:
    return "-" if compliance is None else f"{compliance:.1%}"
