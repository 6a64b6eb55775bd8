"""Where the demo is seen: a screen drawn again and again in a terminal, lines one after the other anywhere else."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from typing import TYPE_CHECKING, Protocol

import click
from rich.live import Live

from agents.demo.figures import AT_RISK
from agents.demo.screen import draw, share, time_of_day, wait
from agents.notifier.words import ENGLISH

if TYPE_CHECKING:
    from rich.console import Console

    from agents.demo.chat import Card
    from agents.demo.screen import View


class Show(Protocol):
    """A place to be seen in."""

    every: float
    """Seconds between two calls of `update`."""

    def card(self, card: Card) -> None:
        """A message arrived."""

    async def update(self, view: View) -> None:
        """How things stand. Raises OSError where nobody looks any more."""

    def close(self) -> None:
        """Give the terminal back; may be called more than once."""


class Screen:
    """Takes the whole terminal, and gives it back as it was."""

    every = 0.25

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._live.start()

    def card(self, card: Card) -> None:
        """See the port; the next view shows it."""

    async def update(self, view: View) -> None:
        """See the port. A terminal that takes nothing for a while (Ctrl-S) must not stop the worker."""
        console = self._live.console
        if not console.is_terminal:
            raise OSError(errno.EIO, "the terminal is gone")
        self._live.update(draw(view, *console.size))
        await asyncio.to_thread(self._live.refresh)

    def close(self) -> None:
        """See the port."""
        with contextlib.suppress(OSError):  # there may be no terminal any more
            self._live.stop()


class Lines:
    """For pipes, files and simple terminals: a line for each card, and one about the queue now and then."""

    every = 5.0

    def __init__(self) -> None:
        self._place = ""

    def card(self, card: Card) -> None:
        """See the port. What cannot be written now is found out by the next `update`."""
        with contextlib.suppress(OSError):
            click.echo(f"{time_of_day(card.arrived)} {card.text}")

    async def update(self, view: View) -> None:
        """See the port."""
        if view.url and view.url != self._place:
            self._place = view.url
            click.echo(f"metrics: {view.url}/metrics")
        if view.state:
            click.echo(view.state)
        else:
            click.echo(f"{time_of_day(view.now)} {_queue(view)}")

    def close(self) -> None:
        """See the port."""


def _queue(view: View) -> str:
    total = view.figures.total
    line = (
        f"queue: {total.open} open, {total.unanswered} unanswered, {total.waiting} waiting, {total.at_risk} due within "
        f"{AT_RISK}, {total.overdue} overdue, oldest {wait(total.since, view.now)}"
    )
    first = view.figures.promises.get("first_response")
    if first is not None:
        line += f"; {ENGLISH['first_response']} kept {share(first.hour)} of {first.hour.judged} in the last hour"
    return f"{line}; {view.rate:.0f} events/s"
