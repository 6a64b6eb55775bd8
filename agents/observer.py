"""What the engine tells, as metrics and log lines."""

from __future__ import annotations

import logging
import socket
from itertools import islice
from typing import TYPE_CHECKING

from agents.engine import Observer
from streams.alert_record import Alert, operations
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.meters import Meters

NAMED = 20
"""Refused records that the log names; the others are counted."""

log = logging.getLogger("slawatch.worker")


class WorkerObserver(Observer):
    """Counts for the gauges, and a line for people where something changes."""

    def __init__(self, meters: Meters, tell: Callable[[Alert], None], clock: Callable[[], int]) -> None:
        self._meters = meters
        self._tell = tell
        self._clock = clock
        self.blind_since: int | None = None
        self.skewed_since: int | None = None
        self.held: str | None = None  # why alarms hold

    def chunk(self, partition: int, records: int, seconds: float) -> None:
        self._meters.chunk_seconds.inc(seconds)

    def recovered(self, partition: int, replayed: int, tickets_on_disk: bool, seconds: float) -> None:
        source = "its local store" if tickets_on_disk else "an empty disk"
        log.info("partition %d taken from %s, %d changelog records replayed", partition, source, replayed)
        self._meters.recovery_seconds.set(seconds)

    def revoked(self, partitions: frozenset[int]) -> None:
        log.info("partitions given up: %s", ", ".join(map(str, sorted(partitions))))

    def rebuilt(self, partition: int, reason: str) -> None:
        log.warning(
            "partition %d: the local store is thrown away and rebuilt from the changelog: %s", partition, reason
        )
        self._meters.stores_rebuilt.inc()

    def foreign_write(self, partition: int, records: int) -> None:
        message = f"partition {partition}: another process wrote {records} changelog records; ours were written again"
        log.error("%s", message)
        self._meters.foreign_writes.inc(records)
        self._tell_of_changelog(message)

    def refused(self, topic: str, partition: int, records: Mapping[bytes, int], *, anew: bool) -> None:
        for key, offset in islice(records.items(), NAMED):
            log.error("%s/%d: the record of %r at offset %d was not written by a worker", topic, partition, key, offset)
        remedy = "the input is read again from its beginning" if anew else "what workers wrote stands"
        message = (
            f"{topic}/{partition}: {len(records)} records were not written by a worker, or were changed; they are not "
            f"applied: {remedy}. Find out who writes to this topic (its ACLs should let workers alone)"
        )
        log.error("%s", message)
        self._meters.changelog_refused.inc(len(records))
        self._tell_of_changelog(message)

    def held_back(self) -> None:
        self._meters.held_back.inc()

    def input_lost(self, topic: str, partition: int, records: int) -> None:
        message = (
            f"{topic}/{partition}: {records} records were gone before they were read: the topic's retention is too "
            "short for how far the workers are behind"
        )
        log.error("%s", message)
        self._meters.input_lost.inc(records)
        now = self._clock()
        self._tell(operations("retention", message, now, now))

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
        if skew is not None and self.skewed_since is None:
            self.skewed_since = now
            message = (
                f"the broker's clock is {skew / SECOND:+.0f} s off that of the worker on {socket.gethostname()}: its "
                "alarms hold, and none that starts takes partitions, until they agree; set the wrong one (NTP)"
            )
            log.error("%s", message)
            self._tell(operations("clock", message, now, now))
        elif skew is None and self.skewed_since is not None:
            message = "the clocks of broker and worker agree again: alarms ring"
            log.warning("%s", message)
            self._tell(operations("clock", message, self.skewed_since, now, over=True))
            self.skewed_since = None
        self._show_holding()

    def misfit(self, reason: str) -> None:
        now = self._clock()
        self._tell(operations("partitions", f"{reason}: a worker ends, its log says what to do", now, now))

    def holding(self, reason: str | None) -> None:
        self.held = reason
        self._show_holding()
        if reason is not None:
            log.warning("alarms hold for a moment: %s", reason)

    def _tell_of_changelog(self, message: str) -> None:
        now = self._clock()
        self._tell(operations("changelog", message, now, now))

    def _show_holding(self) -> None:
        self._meters.holding.set(self.held is not None or self.skewed_since is not None)
