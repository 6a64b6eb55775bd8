"""The plots of the documents, as SVG: bars, and a flame graph of call stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from zlib import crc32

_WIDTH = 860  # of a plot, in pixels
_LABELS = 230
_BAR, _GAP, _TITLE = 20, 8, 30
_FRAME = 17
_CHARACTER = 6.2
_OURS, _OTHERS = "#2b6cb0", "#b8c4d0"

Values = Sequence[tuple[str, float]]


def bars(charts: Sequence[tuple[str, Values]]) -> str:
    """Charts one below the other, each with a bar for every label and value; the first bar is ours."""
    parts = []
    top = 0
    for title, values in charts:
        most = max(value for _, value in values) or 1
        parts.append(f'<text x="{_LABELS}" y="{top + 18}" font-weight="bold">{escape(title)}</text>\n')
        top += _TITLE
        for number, (label, value) in enumerate(values):
            length = value / most * (_WIDTH - _LABELS - 80)
            parts.append(
                f'<text x="{_LABELS - 8}" y="{top + 14}" text-anchor="end">{escape(label)}</text>\n'
                f'<rect x="{_LABELS}" y="{top}" width="{length:.1f}" height="{_BAR}" '
                f'fill="{_OTHERS if number else _OURS}"/>\n'
                f'<text x="{_LABELS + length + 6:.1f}" y="{top + 14}">{value:,.0f}</text>\n'
            )
            top += _BAR + _GAP
        top += _GAP
    return _page(top, parts)


@dataclass
class _Node:
    """A frame of the flame graph: how many samples had it on the stack there."""

    samples: int = 0
    above: dict[str, _Node] = field(default_factory=dict)


def flame(stacks: Mapping[str, int], least: float = 0.004) -> str:
    """A flame graph of stacks (frames from the outermost, parted by `;`); what is below `least` of all is left out."""
    root = _Node()
    for stack, samples in sorted(stacks.items()):
        node = root
        node.samples += samples
        for frame in stack.split(";"):
            node = node.above.setdefault(frame, _Node())
            node.samples += samples
    all_samples = root.samples or 1
    boxes: list[tuple[int, float, float, str, float]] = []

    def place(node: _Node, depth: int, left: float) -> None:
        for frame, child in sorted(node.above.items()):
            share = child.samples / all_samples
            if share >= least:
                boxes.append((depth, left * _WIDTH, share * _WIDTH, frame, share))
                place(child, depth + 1, left)
            left += share

    place(root, 0, 0.0)
    height = _FRAME * (1 + max((box[0] for box in boxes), default=0))
    parts = []
    for depth, left, width, frame, share in boxes:
        top = height - (depth + 1) * _FRAME
        fits = int(width / _CHARACTER)
        name = frame.partition(" ")[0]
        name = name if len(name) <= fits else name.rpartition(".")[2]
        shown = name if len(name) <= fits else f"{name[: fits - 1]}…" if fits > 3 else ""
        parts.append(
            f'<g><title>{escape(frame)} {share:.1%}</title><rect x="{left:.1f}" y="{top}" width="{width - 0.5:.1f}" '
            f'height="{_FRAME - 1}" fill="{_colour(frame)}"/>'
            f'<text x="{left + 3:.1f}" y="{top + 12}" font-size="11">{escape(shown)}</text></g>\n'
        )
    return _page(height, parts)


def _colour(frame: str) -> str:
    """By file, so that a module is seen at a glance."""
    return f"hsl({crc32(frame.partition(' ')[2].encode()) % 60 + 10},80%,70%)"


def _page(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" fill="#444">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{"".join(parts)}</svg>\n'
    )
