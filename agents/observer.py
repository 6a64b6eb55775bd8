"""What the engine tells, as metrics and log lines."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agents.engine import Observer
from streams.alerts import Alert, operations
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.meters import Meters

log = logging.getLogger("slawatch.worker")


class WorkerObserver(Observer):
    """Counts for the gauges, and a line for people where something changes."""

    def __init__(self, meters: Meters, tell: Callable[[Alert], None], clock: Callable[[], int]) -> None:
        self._meters = meters
        self._tell = tell
        self._clock = clock
        self.blind_since: int | None = None
        self._skewed_since: int | None = None

    def chunk(self, partition: int, records: int, seconds: float) -> None:
        self._meters.chunk_seconds.inc(seconds)

    def recovered(self, partition: int, replayed: int, tickets_on_disk: bool, seconds: float) -> None:
        source = "its local store" if tickets_on_disk else "an empty disk"
        log.info("partition %d taken from %s, %d changelog records replayed", partition, source, replayed)
        self._meters.recovery_seconds.set(seconds)

    def revoked(self, partitions: frozenset[int]) -> None:
        log.info("partitions given up: %s", ", ".join(map(str, sorted(partitions))))
        for partition in partitions:
            self._meters.forget_partition(partition)

    def rebuilt(self, partition: int, reason: str) -> None:
        log.warning(
            "partition %d: the local store is thrown away and rebuilt from the changelog: %s", partition, reason
        )

    def foreign_write(self, partition: int, records: int) -> None:
        log.error(
            "partition %d: another process wrote %d changelog records; ours were written again", partition, records
        )
        self._meters.foreign_writes.inc(records)

    def input_lost(self, topic: str, partition: int, records: int) -> None:
        log.error(
            "%s/%d: %d records were gone before they were read; the topic's retention is too short",
            topic, partition, records,
        )  # fmt: skip
        self._meters.input_lost.inc(records)

    def blind(self, since: int | None) -> None:
        told, self.blind_since = self.blind_since, since
        self._meters.blind.set(since is not None)
        if since is not None:
            message = f"the monitor is blind: input was last read up to the present at {format_instant(since)}"
            log.error("%s", message)
            self._tell(operations("input", message, since, self._clock()))
        elif told is not None:
            message = "input is read up to the present again: alarms ring"
            log.warning("%s", message)
            self._tell(operations("input", message, told, self._clock(), over=True))

    def skewed(self, skew: int | None) -> None:
        now = self._clock()
        if skew is not None and self._skewed_since is None:
            self._skewed_since = now
            message = f"the broker's clock is {skew / SECOND:+.0f} s off a worker's: its alarms hold"
            log.error("%s", message)
            self._tell(operations("clock", message, now, now))
        elif skew is None and self._skewed_since is not None:
            message = "the clocks of broker and worker agree again: alarms ring"
            log.warning("%s", message)
            self._tell(operations("clock", message, self._skewed_since, now, over=True))
            self._skewed_since = None

    def holding(self, reason: str | None) -> None:
        self._meters.holding.set(reason is not None)
        if reason is not None:
            log.warning("alarms hold for a moment: %s", reason)
