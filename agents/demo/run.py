"""The demo put together: everything in this process and in memory, until somebody has seen enough."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import click
import uvloop
from rich.console import Console

from agents.app import Worker
from agents.demo import figures
from agents.demo.chat import ScreenChat
from agents.demo.feed import Feed, arrivals
from agents.demo.picture import save
from agents.demo.screen import View
from agents.demo.show import Lines, Screen
from agents.demo.squeeze import SPEED, SqueezedClock
from agents.engine import Connection
from agents.engine.embedded import EmbeddedKafka
from agents.engine.lease import ticks
from agents.notifier.claims import MemoryClaims
from agents.notifier.notifier import Endpoint, Notifier
from agents.simulator import live
from agents.topics import Topics
from config.routes import Stop
from config.settings import Settings
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agents.demo.show import Show

MORNING = parse_instant("2026-03-02T06:00:00+08:00")
OPENING = parse_instant("2026-03-02T10:20:00+08:00")
"""The centre begins on a Monday morning and is shown from the rush hour on, so that there is a queue at once."""
TICKETS_A_DAY = 4_000
STAFFING = 0.85
"""A few agents too few: promises are broken now and then."""

GRACE = SPEED * SECOND
"""A second of ours."""
PARTITIONS = 4
PORT = 9464
_HOST = "127.0.0.1"
_NAP = 0.05
_SESSION = 5 * MINUTE  # of ours; the embedded Kafka lets nobody in who asks for an hour
_CHAT = "screen"
_NEWS = 30.0
"""Seconds that a warning of the log is shown."""
_PATIENCE = 4.0
"""Seconds that an orderly end may take; as all is in memory, any other one loses nothing either."""


def run(seed: int, minutes: float | None, picture: Path | None) -> None:
    """Show it until SIGINT, SIGTERM or the end of the minutes. `picture`: where to keep the last screen, as SVG.

    Raises Refused where the installed confluent-kafka brings no Kafka to embed, click.FileError where the picture
    cannot be written.
    """
    console = Console()
    show: Show = Screen(console) if console.is_terminal and not console.is_dumb_terminal else Lines()
    logging.basicConfig(level=logging.WARNING, handlers=[notes := _Notes(show)], force=True)
    demo = _Demo(seed, show, notes)
    try:
        uvloop.run(demo.run(minutes))
    finally:
        show.close()
    demo.guard.cancel()
    if picture is not None:
        try:
            save(demo.view(), picture)
        except OSError as error:
            raise click.FileError(str(picture), error.strerror) from error
    if not demo.seen:
        os._exit(0)  # Python would complain that it cannot flush its output
    click.echo(demo.summary())


class _Notes(logging.Handler):
    """Keeps the newest warning for the screen; the last words of a process that ends itself go to standard error."""

    def __init__(self, show: Show) -> None:
        super().__init__(logging.WARNING)
        self._show = show
        self._newest = ""
        self._at = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Take note."""
        self._newest, self._at = record.getMessage(), ticks()
        if record.levelno >= logging.CRITICAL:
            self._show.close()
            click.echo(self._newest, err=True)

    @property
    def trouble(self) -> str:
        """The newest warning, while it is new."""
        return self._newest if ticks() - self._at < _NEWS else ""


class _Opened:
    """Implements the notifier's `Routes`: what was decided before time went is in the figures, not in the chat."""

    def stops(self, alert: Mapping[str, Any], now: int) -> list[Stop]:
        """See the port."""
        return [Stop(_CHAT)] if now > OPENING else []


class _Demo:
    """The parts of one run."""

    def __init__(self, seed: int, show: Show, notes: _Notes) -> None:
        self.guard = threading.Timer(_PATIENCE, self._end_at_once)
        self.guard.daemon = True
        self.seen = True
        """Whether there is still somebody to tell."""
        self._seed = seed
        self._show = show
        self._notes = notes
        self._stop = asyncio.Event()
        self._clock = SqueezedClock(OPENING)
        self._chat = ScreenChat(self._clock, show.card)
        self._topics = Topics()
        self._figures = figures.Figures()
        self._url = ""
        self._worker: Worker
        self._feed: Feed

    async def run(self, minutes: float | None) -> None:
        """Start the parts, wait for the end, stop them. Raises what one of them raised."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled)
        if minutes is not None:
            loop.call_later(minutes * 60, self._stop.set)
        with EmbeddedKafka((topic.name for topic in self._topics.all), PARTITIONS) as kafka:
            await self._run(Connection(kafka.bootstrap))

    async def _run(self, connection: Connection) -> None:
        self._feed = Feed(connection, self._topics, self._clock)
        self._worker = Worker(self._settings(connection), connection, self._topics, None, self._clock)
        notifier = self._notifier(connection)
        events = live(TICKETS_A_DAY, self._seed, MORNING, STAFFING)
        working = asyncio.create_task(self._worker.run(self._stop, self._listening))
        notifying = asyncio.create_task(notifier.run())
        feeding = asyncio.create_task(self._feed.run(arrivals(events, OPENING)))
        showing = asyncio.create_task(self._look())
        opening = asyncio.create_task(self._open(notifier))
        parts = [working, notifying, feeding, showing]
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stopping, *parts], return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        self.guard.start()
        notifier.stop()
        for task in (opening, feeding, showing):
            task.cancel()
        for ended in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _open(self, notifier: Notifier) -> None:
        """Time stands still until all is in place: what happens in the show is then told when it happens."""
        await self._feed.caught_up.wait()
        while self._worker.problems() or notifier.problems or not self._past_is_judged():  # noqa: ASYNC110 - none tells
            await asyncio.sleep(_NAP)
        self._clock.go()

    def _past_is_judged(self) -> bool:
        """Every event sent is read, and every alarm of the morning has rung."""
        counted = (sample for family in self._worker.meters.events.collect() for sample in family.samples)
        read = sum(sample.value for sample in counted if sample.name.endswith("_total"))
        wakes = [partition.wake_at() for partition in self._worker.partitions()]
        return read >= self._feed.sent and all(wake is None or wake + GRACE > OPENING for wake in wakes)

    def _settings(self, connection: Connection) -> Settings:
        return Settings(
            kafka=connection.bootstrap,
            partitions=PARTITIONS,
            grace=GRACE,
            input_stall=HOUR,
            retention=7 * DAY,
            # Nobody else wants the partitions: a process that was stopped for a while may go on.
            session_timeout=_SESSION,
            metrics_listen=f"{_HOST}:{_free(PORT)}",
        )

    def _notifier(self, connection: Connection) -> Notifier:
        return Notifier(
            connection=connection,
            topics=self._topics,
            group="demo-notifier",
            routes=_Opened(),
            endpoints=[Endpoint(_CHAT, self._chat, SECOND)],
            claims=MemoryClaims(self._clock),
            clock=self._clock,
            max_age=DAY,
            session_timeout=_SESSION,
        )

    # Seeing

    async def _look(self) -> None:
        try:
            while True:
                self._figures = figures.read(self._worker.partitions(), self._clock())
                await self._show.update(self.view())
                await asyncio.sleep(self._show.every)
        except OSError:
            self.seen = False

    def view(self) -> View:
        """How things stand."""
        return View(
            now=self._clock(),
            figures=self._figures,
            cards=list(self._chat.cards),
            counts=self._chat.counts,
            sent=self._feed.sent,
            rate=self._feed.rate(),
            url=self._url,
            state="" if self._clock.runs else "starting: the morning's events are read",
            trouble=self._notes.trouble,
        )

    def summary(self) -> str:
        """The last words."""
        counts = ", ".join(f"{count} {tone}" for tone, count in sorted(self._chat.counts.items())) or "none"
        return (
            f"{self._feed.sent:,} events; cards: {counts}\n"
            "With a Kafka of your own: slawatch topics create, slawatch worker, slawatch notifier."
        )

    def _listening(self, port: int) -> None:
        self._url = f"http://{_HOST}:{port}"

    # Ending

    def _signalled(self) -> None:
        """The second time is an order."""
        if self._stop.is_set():
            self._end_at_once()
        self._stop.set()

    def _end_at_once(self) -> None:
        # A terminal that takes nothing (Ctrl-S) would hold up whoever writes to it.
        closing = threading.Thread(target=self._show.close, daemon=True)
        closing.start()
        closing.join(0.5)
        os._exit(0)


def _free(port: int) -> int:
    """The port, or 0 (any) where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return 0
    return port
