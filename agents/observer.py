"""What the engine tells, as metrics and log lines."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agents.engine import Observer
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from agents.meters import Meters

log = logging.getLogger("slawatch.worker")


class WorkerObserver(Observer):
    """Counts for the gauges, and a line for people where something changes."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self.blind_since: int | None = None

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
        self.blind_since = since
        self._meters.blind.set(since is not None)
        if since is None:
            log.warning("the input is read up to the present again: alarms ring")
        else:
            log.error("the monitor is blind: input was last read up to the present at %s", format_instant(since))

    def skewed(self, skew: int | None) -> None:
        if skew is None:
            log.warning("the clocks of broker and worker agree again: alarms ring")
        else:
            log.error("the broker's clock is %.0f s off this worker's: alarms hold", skew / SECOND)

    def holding(self, reason: str | None) -> None:
        self._meters.holding.set(reason is not None)
        if reason is not None:
            log.warning("alarms hold for a moment: %s", reason)
