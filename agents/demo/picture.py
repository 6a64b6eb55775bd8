"""The screen as an SVG file for documents, drawn in whatever fixed-width font its reader has."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import MONOKAI

from agents.demo.screen import draw

if TYPE_CHECKING:
    from pathlib import Path

    from agents.demo.screen import View

WIDTH, HEIGHT = 120, 32
_FONT = re.compile(r"@font-face \{.*?\n    \}\s*", re.DOTALL)


def save(view: View, path: Path) -> None:
    """Write the picture. Raises OSError."""
    console = Console(width=WIDTH, height=HEIGHT, record=True, file=io.StringIO(), force_terminal=True)
    console.print(draw(view, WIDTH, HEIGHT))
    svg = console.export_svg(title="slawatch demo", theme=MONOKAI, unique_id="demo")
    # The fonts that rich names would be fetched from elsewhere, and a document fetches nothing. Without the attribute
    # some readers drop the spaces that align the columns.
    svg = _FONT.sub("", svg).replace("<svg ", '<svg xml:space="preserve" ', 1)
    path.write_text(svg, encoding="utf-8")
