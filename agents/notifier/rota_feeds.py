"""Rotas that a calendar feed keeps: fetched now and then, the last good one held for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import aiohttp

from config.ical import BadFeed, read_shifts
from config.rota import LOOK_AHEAD, Feed, gaps
from streams.instants import DAY, MINUTE, SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from agents.notifier.metrics import NotifierMetrics
    from config.people import Person
    from config.rota import Rota

FETCH_EVERY = 5 * MINUTE
"""Microseconds between fetches of a feed."""
LARGEST = 1 << 20
"""Bytes of a feed."""
PATIENCE = 10.0
"""Seconds for the whole of a fetch."""
_LOOK_BACK = 8 * DAY  # an alert that is read again names whoever is on call when it is sent, so little is needed
_CHUNK = 1 << 16

log = logging.getLogger("slawatch.notifier")


class Unfetched(Exception):
    """A feed was not got; the text says why, and holds no address."""


class _Content(NamedTuple):
    text: bytes
    fetched_at: int


def fetcher(session: aiohttp.ClientSession) -> Callable[[str], Awaitable[bytes]]:
    """Gets the content at a URL; raises Unfetched. Redirects are not followed: the address is what the file says."""

    async def fetch(url: str) -> bytes:
        try:
            limits = aiohttp.ClientTimeout(total=PATIENCE)
            async with session.get(url, allow_redirects=False, timeout=limits) as response:
                if response.status != 200:
                    raise Unfetched(f"HTTP {response.status}")
                content = b""
                async for chunk in response.content.iter_chunked(_CHUNK):
                    content += chunk
                    if len(content) > LARGEST:
                        raise Unfetched(f"over {LARGEST >> 20} MB")
                return content
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unfetched(_why(error)) from None

    return fetch


def _why(error: BaseException) -> str:
    """In a few words. Its text is not used: aiohttp puts addresses in some."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return "no connection" if isinstance(error, aiohttp.ClientConnectorError) else type(error).__name__


class RotaFeeds:
    """The rotas of a routing file as they are now. `clock` gives microseconds since the epoch; `folder` is where the
    last good content of each feed outlives this process, None: nowhere.
    """

    def __init__(
        self,
        rotas: Mapping[str, Rota],
        people: Mapping[str, Person],
        fetch: Callable[[str], Awaitable[bytes]],
        clock: Callable[[], int],
        metrics: NotifierMetrics,
        folder: Path | None = None,
    ) -> None:
        self.rotas = dict(rotas)
        self._people = people
        self._fetch = fetch
        self._clock = clock
        self._metrics = metrics
        self._folder = folder
        self._kept: dict[str, _Content] = {}
        self._told: dict[str, str] = {}
        for name, rota in rotas.items():
            if isinstance(rota.turns, Feed):
                metrics.rota_failures.labels(name)
                metrics.rota_age.labels(name).set_function(partial(self._age, name))
                self._recall(name, rota.turns)

    async def run(self) -> None:
        """Keep them up to date until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(FETCH_EVERY / SECOND)

    async def refresh(self) -> None:
        """Fetch every feed once; one that cannot be fetched or read stays what it was."""
        feeds = [(name, rota.turns) for name, rota in self.rotas.items() if isinstance(rota.turns, Feed)]
        await asyncio.gather(*(self._renew(name, feed) for name, feed in feeds))

    async def _renew(self, name: str, feed: Feed) -> None:
        try:
            fetched = _Content(await self._fetch(feed.url), self._clock())
            await asyncio.to_thread(self._take, name, feed, fetched)
        except (Unfetched, BadFeed) as error:
            self._failed(name, str(error))
            if name in self._kept:  # time goes on: what lay ahead is at hand now
                await asyncio.to_thread(self._take, name, feed, self._kept[name])
        else:
            self._told.pop(name, None)
            await asyncio.to_thread(self._remember, feed, fetched)
            self._warn_of_gaps(name)

    def _take(self, name: str, feed: Feed, content: _Content) -> None:
        now = self._clock()
        shifts = read_shifts(content.text, self._people, feed.zone, feed.at, now - _LOOK_BACK, now + LOOK_AHEAD)
        self.rotas[name] = replace(self.rotas[name], turns=replace(feed, shifts=shifts))
        self._kept[name] = content

    def _failed(self, name: str, reason: str) -> None:
        self._metrics.rota_failures.labels(name).inc()
        if self._told.get(name) != reason:
            kept = self._kept.get(name)
            held = f"that of {format_instant(kept.fetched_at)} holds" if kept is not None else "nobody is on call by it"
            log.warning("the calendar of the rota %s cannot be had: %s; %s", name, reason, held)
        self._told[name] = reason

    def _warn_of_gaps(self, name: str) -> None:
        now = self._clock()
        holes = gaps(self.rotas[name], now, now + 7 * DAY)
        if holes:
            log.warning("the rota %s has nobody on call from %s on, for a while", name, format_instant(holes[0][0]))

    def _age(self, name: str) -> float:
        kept = self._kept.get(name)
        return float("inf") if kept is None else (self._clock() - kept.fetched_at) / SECOND

    # What outlives the process

    def _file(self, feed: Feed) -> Path | None:
        """By the address, which is secret itself and in no name."""
        mark = blake2b(feed.url.encode(), digest_size=12).hexdigest()
        return None if self._folder is None else self._folder / f"rota-{mark}.ics"

    def _remember(self, feed: Feed, content: _Content) -> None:
        file = self._file(feed)
        if file is None:
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh = file.with_suffix(".new")
            fresh.write_bytes(content.text)
            fresh.chmod(0o600)
            fresh.replace(file)
        except OSError as error:
            log.warning("a rota's calendar is not kept for the next start: %s", error.strerror)

    def _recall(self, name: str, feed: Feed) -> None:
        file = self._file(feed)
        try:
            if file is not None and file.exists():
                fetched_at = file.stat().st_mtime_ns // 1000
                self._take(name, feed, _Content(file.read_bytes(), fetched_at))
        except (OSError, BadFeed) as error:
            log.warning("the kept calendar of the rota %s cannot be used: %s", name, error)
