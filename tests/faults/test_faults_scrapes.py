"""Prometheus asks all workers for ever while partitions change hands: no figure is impossible, none is there twice."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
from fault_site import Site
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from conftest import Figures
    from services import RedisServer

SESSION = 3.0  # seconds, of an Installation's processes
EVERY = 0.02  # seconds between two questions to a worker
PATIENCE = 1.0  # seconds for an answer, as a scraper has its scrape_timeout

_LIVE = re.compile(r"^sla_partitions_live (\S+)$", re.MULTILINE)
_LAG = re.compile(r'^sla_input_lag_seconds\{partition="(\d+)"\} ', re.MULTILINE)
_RATIO = re.compile(r"^sla_window_(judged|met)(\{\S*\}) (\S+)$", re.MULTILINE)


class Scrape(NamedTuple):
    """An answer: when it was asked for and when it was there (seconds), and the partitions that it shows."""

    asked: float
    answered: float
    partitions: frozenset[int]


class Held(NamedTuple):
    """From its first answer that showed a partition to its last question answered so: a process surely showed it."""

    since: float
    until: float
    process: str


@dataclass
class Scraper:
    """Asks every worker of a site, through all its lives, and looks at each answer."""

    site: Site
    scrapes: dict[str, list[Scrape]] = field(default_factory=lambda: defaultdict(list))
    """By worker and process id, in the order of time."""
    ratios: int = 0
    judged: float = 0.0
    """Pairs of met and judged that were looked at, and the most that was judged in one of them."""

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Asks while inside; what it finds wrong is raised."""
        async with asyncio.TaskGroup() as group:
            tasks: dict[str, asyncio.Task[None]] = {}
            watch = group.create_task(self._watch(group, tasks))
            yield
            for task in (watch, *tasks.values()):
                task.cancel()

    async def _watch(self, group: asyncio.TaskGroup, tasks: dict[str, asyncio.Task[None]]) -> None:
        while True:
            for name in self.site.workers.keys() - tasks.keys():
                tasks[name] = group.create_task(self._ask(name))
            await asyncio.sleep(EVERY)

    async def _ask(self, name: str) -> None:
        while True:
            await self._once(name)
            await asyncio.sleep(EVERY)

    async def _once(self, name: str) -> None:
        program, asked = self.site.workers[name].program, time.monotonic()
        timeout = aiohttp.ClientTimeout(PATIENCE)
        try:
            async with aiohttp.request("GET", f"http://127.0.0.1:{program.port}/metrics", timeout=timeout) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return
        self._look(f"{name} ({program.pid})", asked, text)

    def _look(self, process: str, asked: float, text: str) -> None:
        partitions = frozenset(map(int, _LAG.findall(text)))
        self.scrapes[process].append(Scrape(asked, time.monotonic(), partitions))
        live = [float(value) for value in _LIVE.findall(text)]
        assert live == [len(partitions)], (process, live, partitions)
        pairs: dict[str, dict[str, float]] = defaultdict(dict)
        for what, labels, value in _RATIO.findall(text):
            pairs[labels][what] = float(value)
        for labels, pair in pairs.items():
            assert pair.keys() == {"judged", "met"}, (process, labels)
            assert 0 <= pair["met"] <= pair["judged"], (process, labels, pair)
            self.judged = max(self.judged, pair["judged"])
        self.ratios += len(pairs)

    def held(self, partition: int) -> list[Held]:
        """When which process surely showed the partition, in the order of time.

        A process asked every few hundredths of a second that shows it twice in a row showed it in between: giving it
        up and getting it back takes two rebalances. One that was stopped in between did nothing at all.
        """
        return sorted(held for process, scrapes in self.scrapes.items() for held in _runs(process, scrapes, partition))


def _runs(process: str, scrapes: list[Scrape], partition: int) -> Iterator[Held]:
    for shown, run in groupby(scrapes, key=lambda scrape: partition in scrape.partitions):
        answers = list(run)
        if shown and answers[-1].asked > answers[0].answered:
            yield Held(answers[0].answered, answers[-1].asked, process)


async def test_no_partition_is_shown_twice_and_no_ratio_is_impossible_while_partitions_change_hands(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """Workers join, leave, are killed, and are stopped for three sessions and resumed, under load."""
    rate, rounds = (500, 3) if full else (100, 1)
    async with Site(kafka, redis_server, tmp_path, unique, seed, workers=2, limit=4) as site:
        scraper = Scraper(site)
        async with scraper.at_work(), site.load(rate):
            for _ in range(rounds):
                if "w3" not in site.workers:
                    await site.start("w3")
                await site.all_live(within=90, shared=True)
                assert await site.terminate("w2") == 0
                await site.all_live(within=90, shared=True)
                await site.kill("w1")
                await site.all_live(within=90)
                await site.stop("w3")
                stopped = time.monotonic()
                await eventually(lambda stopped=stopped: time.monotonic() > stopped + 3 * SESSION, 30)
                await site.all_live(within=60)
                await site.cont("w3")
                await site.all_live(within=90, shared=True)
        moves = 0
        for partition in range(site.house.partitions):
            held = scraper.held(partition)
            for before, behind in pairwise(held):
                assert before.until < behind.since, f"partition {partition} was shown by two: {before} and {behind}"
            moves += sum(before.process != behind.process for before, behind in pairwise(held))
        assert moves >= 3 * rounds, "the partitions changed hands"
        assert scraper.judged > 0
        if full:
            await site.settled(within=120)
            await site.verdict()
    figures(
        fault="Prometheus scraping while workers join, leave, are killed, stopped and resumed",
        shown="no ratio outside 0-1, and no partition is shown by two workers at a time",
        scrapes=sum(map(len, scraper.scrapes.values())),
        ratios=scraper.ratios,
        hand_overs_seen=moves,
    )
