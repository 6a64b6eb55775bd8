"""A plan as a chart, SVG or PNG: of each team the agents needed and there, and what waits. Needs the extra `plan`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import click
from matplotlib import dates, font_manager, rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from streams.instants import to_datetime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from streams.planning.plan import TeamPlan

FORMATS = ("svg", "png")
_WIDTH, _HEIGHT = 11.0, 2.6  # inches; of a team
_NEEDED, _THERE, _MISSING, _WAITING = "#1f4e79", "#9ecae1", "#d62728", "#8c564b"
_FONT = "DejaVu Sans"
"""The library brings it, so that a chart is the same on every machine."""
_WIDER = ("Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei", "SimHei")
"""For names that it cannot write, Chinese ones above all."""


def draw(path: Path, plans: Sequence[TeamPlan], zone: ZoneInfo, title: str) -> None:
    """Write the chart; the same plan gives the same bytes of SVG. Raises OSError."""
    texts = "".join([title, *(plan.team for plan in plans)])
    style = {
        "svg.hashsalt": "slawatch",  # ids in the file follow from it
        "svg.fonttype": "none",
        "font.family": [_FONT, *_wider(texts)],
        "font.size": 9,
    }
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it was said
        figure = Figure(figsize=(_WIDTH, _HEIGHT * len(plans) + 0.5), layout="constrained")
        figure.suptitle(title)
        axes = figure.subplots(len(plans), 2, squeeze=False, sharex=True)
        for row, plan in zip(axes, plans, strict=True):
            ends = [to_datetime(at).astimezone(zone) for at in (*plan.slots.starts, plan.slots.end)]
            _agents(row[0], plan, ends)
            _waiting(row[1], plan, ends)
        for axis in axes[-1]:
            locator = dates.AutoDateLocator(tz=zone)
            axis.xaxis.set_major_locator(locator)
            axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=zone))
        axes[0][0].legend(loc="upper left", frameon=False, ncols=3)
        axes[0][1].legend(loc="upper left", frameon=False)
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, format=path.suffix[1:], dpi=120, metadata=metadata)


def _wider(texts: str) -> list[str]:
    """Fonts for what the usual one lacks; says so where the machine has none."""
    if texts.isascii():
        return []
    installed = {font.name for font in font_manager.fontManager.ttflist}
    found = [font for font in _WIDER if font in installed]
    if not found:
        click.echo("a PNG may lack characters, for there is no font with them (install Noto Sans CJK)", err=True)
    return found


def _agents(axis: Any, plan: TeamPlan, ends: Sequence[datetime]) -> None:
    needed = [need.agents for need in plan.needs]
    there = list(plan.staff)
    axis.stairs(there, ends, fill=True, color=_THERE, label="agents at work")
    missing = [max(few, many) for few, many in zip(there, needed, strict=True)]
    axis.stairs(missing, ends, baseline=there, fill=True, color=_MISSING, alpha=0.35, label="missing")
    axis.stairs(needed, ends, color=_NEEDED, linewidth=1.4, label="needed")
    _frame(axis, plan.team, max(*needed, *there, 1))


def _waiting(axis: Any, plan: TeamPlan, ends: Sequence[datetime]) -> None:
    ranges = plan.waiting_range
    at_end = ends[1:]
    least, most = [low for low, _ in ranges], [high for _, high in ranges]
    axis.fill_between(at_end, least, most, color=_WAITING, alpha=0.25, linewidth=0)
    axis.plot(at_end, plan.waiting, color=_WAITING, linewidth=1.4, label="contacts waiting")
    kept = plan.compliance.get("first_response")
    said = "" if kept is None else f"answered in time: {kept.mean:.1%}"
    _frame(axis, said, max(*most, 1))


def _frame(axis: Any, title: str, most: int) -> None:
    axis.set_title(title.replace("$", r"\$"), loc="left", fontsize=9, fontweight="bold")
    axis.set_ylim(0, most * 1.3)
    axis.margins(x=0)
    axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.grid(axis="y", color="#e0e0e0", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
