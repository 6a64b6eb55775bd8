"""From a record to queues: read the alert, match it with the routes, put a message into each destination's lane."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from agents.notifier.message import BadAlert, Message, read_alert
from agents.notifier.progress import Job, Partition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agents.notifier.lane import Lane
    from agents.notifier.message import Alert
    from agents.notifier.metrics import NotifierMetrics
    from agents.notifier.silences import Silence
    from config.routes import Stop

log = logging.getLogger("slawatch.notifier")


class Routes(Protocol):
    """What the intake asks of the routing file."""

    def stops(self, alert: Mapping[str, Any], now: int) -> Sequence[Stop]:
        """The destinations an alert goes to, and until when quiet hours hold it there."""


class Silencing(Protocol):
    """Which silence an alert falls under."""

    def __call__(self, alert: Mapping[str, Any], decided_at: int) -> Silence | None:
        """Of an alert record that was decided at this instant."""


def nobody(alert: Mapping[str, Any], decided_at: int) -> Silence | None:
    """Nothing is silenced."""
    return None


class Record(Protocol):
    """What the intake reads of a Kafka record."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def value(self) -> bytes | None:
        """Its bytes."""


class Intake:
    """Holds the partitions that are ours, and never waits: a lane without room is read for again later."""

    def __init__(
        self, routes: Routes, lanes: Mapping[str, Lane], metrics: NotifierMetrics, silencing: Silencing = nobody
    ) -> None:
        self.partitions: dict[int, Partition] = {}
        self.lanes = lanes
        self._routes = routes
        self._metrics = metrics
        self._silencing = silencing

    def take(self, partition: Partition, records: Iterable[Record]) -> None:
        """New records, in their order."""
        for record in records:
            alert = self._read(record)
            if alert is not None:
                self._metrics.alerts.inc()
                jobs = self._jobs(alert, partition, record.offset)
                if not jobs and not alert.follows:
                    self._metrics.unrouted.inc()
                for lane in self.lanes.values():
                    self._follow(alert, lane, jobs)
                for job in jobs:
                    lane = self.lanes[job.message.destination]
                    if lane.name not in partition.behind and lane.room > 0:
                        lane.put(job)
                    else:
                        partition.behind.setdefault(lane.name, record.offset)
            partition.position = record.offset + 1

    def take_again(self, partition: Partition, lane: Lane, records: Iterable[Record]) -> None:
        """Records that the lane had no room for; stops where it has none again, or has caught up."""
        for record in records:
            if not partition.live or partition.position is None or record.offset >= partition.position:
                break
            if lane.room <= 0:
                partition.behind[lane.name] = record.offset
                return
            alert = self._read(record)
            if alert is not None:
                jobs = self._jobs(alert, partition, record.offset)
                self._follow(alert, lane, jobs)
                for job in jobs:
                    if job.message.destination == lane.name:
                        lane.put(job)
            partition.behind[lane.name] = record.offset + 1
        self.caught_up(partition, lane, partition.behind[lane.name])

    def caught_up(self, partition: Partition, lane: Lane, offset: int) -> None:
        """The lane has been read for up to this offset."""
        if partition.position is not None and offset >= partition.position:
            del partition.behind[lane.name]
        else:
            partition.behind[lane.name] = offset

    def forget(self, numbers: Iterable[int]) -> dict[int, Partition]:
        """These partitions are ours no more; returns them, for what is still in hand."""
        lost = {number: self.partitions.pop(number) for number in numbers if number in self.partitions}
        for partition in lost.values():
            partition.live = False
        for lane in self.lanes.values():
            lane.drop_dead()
        return lost

    def _read(self, record: Record) -> Alert | None:
        try:
            return read_alert(record.value)
        except BadAlert as error:
            self._metrics.bad.inc()
            log.error("offset %d is no alert and is passed over: %s", record.offset, error)
            return None

    def _follow(self, alert: Alert, lane: Lane, jobs: Iterable[Job]) -> None:
        """What became of an alert that waits at a lane is told with it, unless the lane gets a message of its own."""
        if alert.follows and not any(job.message.destination == lane.name and not job.only_change for job in jobs):
            lane.became(alert)

    def _jobs(self, alert: Alert, partition: Partition, offset: int) -> list[Job]:
        """By the hour at which it was decided, so that an alert read again goes where it went before.

        What became of an alert changes the messages of it, wherever they are.
        """
        stops = self._routes.stops(alert.record, alert.decided_at)
        silence = self._silencing(alert.record, alert.decided_at)
        silenced = silence.id if silence is not None else ""
        jobs = [
            Job(Message(alert, stop.destination), partition, offset, hold=stop.until or 0, silence=silenced)
            for stop in stops
        ]
        if alert.follows:
            told = {stop.destination for stop in stops}
            others = [name for name, lane in self.lanes.items() if lane.edits and name not in told]
            jobs += [Job(Message(alert, name), partition, offset, only_change=True) for name in others]
        return jobs
