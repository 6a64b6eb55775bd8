"""A line over days as points on paper: where it goes, where it has gaps, and what its axis says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reports.pages.document import Panel, Table

WIDTH: Final = 720
HEIGHT: Final = 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 64, 14, 26
_STEPS: Final = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_LINES: Final = 4  # of the grid, at most one more
_DATES: Final = 6  # on the axis, at most one more


@dataclass(frozen=True)
class Mark:
    """A place on an axis, in the picture's units, with what is written there."""

    at: float
    text: str


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Picture:
    """A panel ready to be drawn. A day without a figure is a gap, never a zero."""

    title: str
    summary: str
    """What the picture shows, for those who do not see it."""
    lines: tuple[str, ...]
    """Points of each unbroken stretch, as SVG's `polyline` has them."""
    points: tuple[Point, ...]
    dates: tuple[Mark, ...]
    values: tuple[Mark, ...]
    goal: Mark | None
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM


def picture(table: Table, panel: Panel, summary: str) -> Picture | None:
    """The panel of a table whose first column are days; None where no day has a figure.

    `summary` has places for {first}, {last}, {lowest}, {highest}, {newest}.
    """
    days = [row[0] for row in table.rows]
    values = [row[panel.column] for row in table.rows]
    known = [(index, Decimal(value)) for index, value in enumerate(values) if isinstance(value, (int, Decimal))]
    if not known:
        return None
    figures = [value for _, value in known]
    step, lines = _grid(max([*figures, *([panel.goal] if panel.goal is not None else [])]))
    top = step * lines

    def x(index: int) -> float:
        return round(_LEFT + index * (WIDTH - _LEFT - _RIGHT) / max(1, len(days) - 1), 1)

    def y(value: Decimal) -> float:
        return round(HEIGHT - _BOTTOM - float(value / top) * (HEIGHT - _TOP - _BOTTOM), 1)

    points = {index: Point(x(index), y(value), f"{_day(days[index])}: {value}") for index, value in known}
    every = -(-len(days) // _DATES)
    return Picture(
        table.columns[panel.column],
        summary.format(
            first=_day(days[0]), last=_day(days[-1]), lowest=min(figures), highest=max(figures), newest=figures[-1]
        ),
        tuple(" ".join(f"{point.x},{point.y}" for point in stretch) for stretch in _stretches(points)),
        tuple(points.values()),
        tuple(Mark(x(index), _day(days[index])) for index in range(len(days) - 1, -1, -every))[::-1],
        tuple(Mark(y(step * line), f"{step * line:,f}") for line in range(lines + 1)),
        None if panel.goal is None else Mark(y(panel.goal), f"{panel.goal.normalize():f}"),
    )


def _grid(highest: Decimal) -> tuple[Decimal, int]:
    """The distance of the grid's lines, a round number, and how many there are above zero."""
    if highest <= 0:
        return Decimal(1), 1
    rough = highest / _LINES
    unit = Decimal(1).scaleb(rough.adjusted())
    step = next(factor * unit for factor in _STEPS if factor * unit >= rough)
    step = step.quantize(Decimal(1)) if step == step.to_integral() else step.normalize()
    return step, int((highest / step).to_integral_value(ROUND_CEILING))


def _stretches(points: dict[int, Point]) -> list[list[Point]]:
    """Points of days that follow each other."""
    found: list[list[Point]] = []
    before = None
    for index, point in points.items():
        if before is None or index != before + 1:
            found.append([])
        found[-1].append(point)
        before = index
    return found


def _day(value: object) -> str:
    return f"{value:%m-%d}" if isinstance(value, date) else str(value)
