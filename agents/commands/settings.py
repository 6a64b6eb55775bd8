"""`slawatch settings`: every setting with its meaning, the value in force and where it comes from."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.settings import describe_settings, unknown_variables

_WIDTH_OF_A_PIPE = 200


@click.command(name="settings")
def command() -> None:
    """Print every setting; secrets are masked."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("setting", "value", "from", "meaning"):
        table.add_column(column, overflow="fold")
    for line in describe_settings():
        # Text, not markup: a value may hold brackets.
        table.add_row(line.variable, Text(line.value or "-"), Text(line.origin), Text(line.meaning))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_PIPE)
    console.print(table)
    for name in unknown_variables():
        console.print(Text(f"warning: {name}: there is no such setting"))
