"""Lines of a card as a picture: SVG, written as text, that any browser shows."""

from __future__ import annotations

import unicodedata
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WIDTH = 720
_MARGIN = 20
_LEADING = 1.5  # of the size, from line to line
_FONT = "-apple-system, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
_MONO = "ui-monospace, Consolas, 'Noto Sans Mono CJK SC', monospace"


class Row(NamedTuple):
    """A line of a card, which is wrapped where it is too long."""

    text: str
    size: int = 14
    color: str = "#1d1c1d"
    bold: bool = False
    mono: bool = False
    bar: str = ""  # the colour of a bar before it


def title(text: str, color: str = "#1d1c1d") -> Row:
    """The first line."""
    return Row(text, 17, color, bold=True)


def link(text: str) -> Row:
    """What leads somewhere."""
    return Row(text, color="#1264a3", bold=True)


def small(text: str) -> Row:
    """What matters least."""
    return Row(text, 12, "#616061")


def drawn(heading: str, rows: Iterable[Row]) -> str:
    """The picture of these rows, with a heading above the card and none of a service's own looks."""
    parts: list[str] = []
    y = 34.0
    for row in rows:
        for line in _wrapped(row):
            y += row.size * _LEADING
            parts += _line(row, line, y)
        y += 4
    height = round(y + 2 * _MARGIN)
    frame = f'<rect x="8" y="34" width="{WIDTH - 16}" height="{height - 42}" rx="8" fill="#ffffff" stroke="#d0d0d0"/>'
    head = f'<text x="{_MARGIN}" y="22" font-size="12" fill="#616061">{escape(heading)}</text>'
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}">'
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#f6f6f6"/>'
    return "\n".join([opening, ground, head, frame, *parts, "</svg>"]) + "\n"


def _line(row: Row, line: str, y: float) -> Iterator[str]:
    x = _MARGIN + (14 if row.bar else 0)
    if row.bar:
        top, height = y - row.size * 1.1, row.size * _LEADING
        yield f'<rect x="{_MARGIN}" y="{top:.1f}" width="4" height="{height:.1f}" fill="{row.bar}"/>'
    style = f'font-size="{row.size}" fill="{row.color}"'
    if row.bold:
        style += ' font-weight="600"'
    if row.mono:
        style += f' font-family="{_MONO}" xml:space="preserve"'
    yield f'<text x="{x}" y="{y:.1f}" {style}>{escape(line)}</text>'


def _wrapped(row: Row) -> Iterator[str]:
    """Lines that fit, broken at spaces, and anywhere between characters of full width."""
    room = (WIDTH - 2 * _MARGIN - 14) / row.size
    line, width, gap = "", 0.0, 0
    for char in row.text:
        wide = unicodedata.east_asian_width(char) in "WF"
        width += 1.0 if wide else 0.62 if row.mono else 0.56
        line += char
        if char == " " or wide:
            gap = len(line)
        if width > room:
            cut = gap or len(line)
            yield line[:cut].rstrip()
            line = line[cut:]
            width, gap = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.56 for c in line), 0
    if line:
        yield line
