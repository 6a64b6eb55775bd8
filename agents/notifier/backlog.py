"""What waits for a destination: which message may go next as a card, and which may be summed up."""

from __future__ import annotations

from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from streams.alert_record import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.notifier.message import Alert
    from agents.notifier.progress import Job

HELD = 10_000
"""Messages held back until an instant; with more of them they are summed up at once."""


class Backlog:
    """Messages, those decided first in front. `now` is monotonic seconds, an instant microseconds since the epoch.

    Partitions are read one after the other where there is much to read: by the order of arrival one would wait for
    all of another. A ticket's messages go as they came: one that is under way or must wait holds back those after it.
    """

    def __init__(self) -> None:
        self.queue: list[Job] = []
        self._held: list[tuple[int, int, Job]] = []  # a heap, by instant
        self._late: dict[str, Job] = {}  # by alert, what is or was held and is not told yet
        self._numbers = count()

    def __len__(self) -> int:
        return len(self.queue) + len(self._held)

    def put(self, job: Job, instant: int) -> None:
        """Take on a message."""
        if job.hold and job.message.alert.kind == "raised":
            self._late[job.message.alert.alert_id] = job
        if job.hold > instant and not job.silence:
            heappush(self._held, (job.hold, next(self._numbers), job))
        else:
            self._line_up(job)

    def release(self, instant: int) -> None:
        """What was held until now is held no longer."""
        while self._held and (self._held[0][0] <= instant or len(self._held) > HELD):
            self._line_up(heappop(self._held)[2])

    def became(self, alert: Alert) -> None:
        """What became of an alert: where that is held back, people are told this in its place."""
        job = self._late.get(alert.alert_id)
        if job is not None and not job.busy:
            job.message = replace(job.message, became=alert)

    def _line_up(self, job: Job) -> None:
        alert, place = job.message.alert, len(self.queue)
        while place and _passes(alert, self.queue[place - 1].message.alert):
            place -= 1
        self.queue.insert(place, job)

    def next_release(self) -> int | None:
        """The instant until which something is held."""
        return self._held[0][0] if self._held else None

    def remove(self, job: Job) -> None:
        """A partition lost meanwhile has taken its messages out already."""
        if job in self.queue:
            self.queue.remove(job)
        if job.hold and self._late.get(job.message.alert.alert_id) is job:
            del self._late[job.message.alert.alert_id]

    def drop_dead(self) -> None:
        """Forget messages of partitions that are not ours any more."""
        self.queue = [job for job in self.queue if job.partition.live]
        self._held = [item for item in self._held if item[2].partition.live]
        self._late = {alert_id: job for alert_id, job in self._late.items() if job.partition.live}
        heapify(self._held)

    def summable(self, now: float) -> list[Job]:
        """Those that could be summed up now, were it not for their tickets' order."""
        return [job for job in self.queue if not job.busy and job.due <= now and not _apart(job)]

    def card(self, now: float, *, storm: bool) -> tuple[Job | None, float | None]:
        """The first that may go out by itself, of which there are few in a storm; else the seconds until one is due.

        What only changes a message lets the others pass: it calls nobody, and many may come at once.
        """
        change: Job | None = None
        due: float | None = None
        for job, first in self._by_ticket():
            if not first or job.busy:
                continue
            if job.due > now:
                due = job.due - now if due is None else min(due, job.due - now)
            elif job.only_change:
                change = change or job
            elif job.alone or _apart(job) or not (storm or job.hold):
                return job, None
        return change, None if change is not None else due

    def to_sum_up(self, now: float, most: int, *, only_held: bool) -> list[Job]:
        """At most so many for one digest, which all may have arrived before, or none of them."""
        chosen: list[Job] = []
        blocked: set[str] = set()
        for job in self.queue:
            ticket = job.message.alert.ticket
            if len(chosen) == most:
                break
            if (
                ticket in blocked
                or job.busy
                or job.due > now
                or _apart(job)
                or (only_held and not job.hold)
                or (chosen and job.unknown != chosen[0].unknown)
            ):
                blocked.add(ticket)
            else:
                chosen.append(job)
        return chosen

    def _by_ticket(self) -> Iterator[tuple[Job, bool]]:
        """Each message, and whether it is the first of its ticket."""
        seen: set[str] = set()
        for job in self.queue:
            ticket = job.message.alert.ticket
            yield job, ticket not in seen
            seen.add(ticket)


def _passes(alert: Alert, other: Alert) -> bool:
    """Whether it goes before the other, which is there already."""
    return alert.decided_at < other.decided_at and alert.ticket != other.ticket


def _apart(job: Job) -> bool:
    """What the monitor says of itself is never summed up: it is little, and the digest would hide it.

    What is silenced goes nowhere, and waits for nothing; what only changes a message makes no noise.
    """
    return job.message.alert.level == OPERATIONS or bool(job.silence) or job.only_change
