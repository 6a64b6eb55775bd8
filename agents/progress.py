"""A progress bar for work that takes longer than a second."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 1.0  # seconds


@contextmanager
def progress(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Gives the function to call with how far the work has come, in the units of `total` (None: unknown).

    The bar is drawn on standard error once the work has taken a second, and only where that is a terminal.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=total)
    begun = time.monotonic()

    def come_to(done: float) -> None:
        if bar.live.is_started:
            bar.update(task, completed=done)
        elif bar.console.is_terminal and time.monotonic() - begun > _PATIENCE:
            bar.start()

    try:
        yield come_to
    finally:
        if bar.live.is_started:  # stopping another one would print an empty line
            bar.stop()
