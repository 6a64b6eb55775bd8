"""The gauges of what a worker holds, taken at a scrape: windows and queue summed over its partitions, and the engine's.

Nothing of a partition that may have another owner is shown: a scrape of all workers shows each partition once at most.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from prometheus_client.registry import Collector

from agents.exposition import Family, Lines
from agents.gauge_rows import rows_of
from agents.labels import names
from agents.lookout import Lookout
from agents.traffic import traffic_of
from streams.instants import MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.core import Metric

    from agents.engine import Engine
    from agents.exposition import Rows
    from agents.labels import Names
    from agents.partition import Rules, TicketPartition
    from agents.seen import Whole
    from streams.demand import Staffing

Made = TypeVar("Made")

MAX_SERIES = 10_000
"""Of one worker. Teams beyond what fits are `other`, the busiest keep their names."""
NAMED_FOR = MINUTE
_ELSEWHERE = 500  # series left to the counters and the engine's gauges


LIVE = Family("sla_partitions_live", "Partitions of this worker whose alarms ring.", ())
HELD_BY_ALL = Family(
    "sla_partitions", "Partitions of every topic: so many are to be live over all workers. These do not add up.", ()
)
LAG = Family(
    "sla_input_lag_seconds", "How long ago the input was last known to be read up to the present.", ("partition",)
)
SKEW = Family(
    "sla_clock_skew_seconds",
    "The broker's clock less this worker's; of several brokers that which is furthest off.",
    (),
)

ENGINE_FAMILIES = (LIVE, HELD_BY_ALL, LAG, SKEW)


class EngineGauges(Collector):
    """What an engine holds, and how far it has read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        engine = self._engine
        live = sorted(engine.live)
        yield LIVE.of({(): len(live)})
        yield HELD_BY_ALL.of({(): engine.config.partitions})
        yield LAG.of({(str(number),): engine.lag(number) for number in live})
        yield SKEW.of({(): engine.skew / SECOND})


class TicketGauges(Collector):
    """Collects from the partitions that a function gives, `of` so many; nothing of a partition that is not held."""

    def __init__(
        self,
        partitions: Callable[[], Iterable[TicketPartition]],
        rules: Rules,
        now: Callable[[], int],
        staffing: Staffing,
        of: int,
    ) -> None:
        self.lookout = Lookout(partitions)
        """Sees them; also for others to look through."""
        self._partitions = partitions
        self._rules = rules
        self._now = now
        self._staffing = staffing
        self._of = of
        self._lines = Lines()
        self._shown: Names | None = None
        self._shown_since = 0

    def collect(self) -> Iterable[Metric]:
        """All families, at once."""
        now = self._now()
        return [family.of(rows) for family, rows in self._families(self.lookout.look(now), now)]

    async def collected(self) -> Iterable[Metric]:
        """The same, with turns for others: a partition is looked at in one turn, adding up is another thread's."""
        return await self._in_turns(lambda gauges: [family.of(rows) for family, rows in gauges])

    async def text(self) -> bytes:
        """The same as Prometheus reads it; written off the loop too."""
        return await self._in_turns(self._lines.text)

    async def _in_turns(self, made: Callable[[list[Rows]], Made]) -> Made:
        while True:
            now = self._now()
            held = list(self._partitions())
            async with self.lookout.looking(now) as whole:
                found = await asyncio.to_thread(lambda whole, now: made(self._families(whole, now)), whole, now)
            if list(self._partitions()) == held:  # else they changed hands meanwhile, or the process was stopped
                return found

    def _families(self, whole: Whole, now: int) -> list[Rows]:
        """The names are looked at anew once a minute: so long a busy team does not become `other` and back."""
        room = MAX_SERIES - _ELSEWHERE - len(whole.parts)
        if self._shown is not None and now < self._shown_since + NAMED_FOR:
            with suppress(KeyError):  # a name that is new
                found = self._shown_as(self._shown, whole, now)
                if sum(len(rows) for _, rows in found) <= room:
                    return found
        self._shown, self._shown_since = names(whole, room), now
        return self._shown_as(self._shown, whole, now)

    def _shown_as(self, shown: Names, whole: Whole, now: int) -> list[Rows]:
        traffic = traffic_of(whole, self._rules.policies, now, shown)
        return rows_of(whole, shown, traffic, self._staffing, now, len(whole.parts) / self._of)
