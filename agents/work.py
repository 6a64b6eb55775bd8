"""A ticket while it is changed, and alerts that are made ready before they are due."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

from streams.alert_record import Alert
from streams.alerts import Due
from streams.facts import Fact
from streams.queue import Standing
from streams.ticket import Ticket
from streams.windows import Contribution, Labels


class Work:
    """A ticket while a call changes it, and what it contributed before.

    `known`: it was there before. `anew`: it was judged anew, as the policies had changed.
    """

    __slots__ = ("anew", "counted", "facts", "known", "labels", "standing", "ticket")

    def __init__(
        self, kept: Ticket, labels: Labels | None, counted: list[Contribution], stands: Standing | None
    ) -> None:
        self.ticket = kept
        self.labels = labels
        self.counted = counted
        self.standing = stands
        self.facts: list[Fact] = []
        self.known = kept.count > 0
        self.anew = False


class Ready:
    """What an alarm will announce if no event comes before: all but the instant of the decision.

    `work` None: this alarm is no plain announcement, it takes its time in the ring.
    """

    __slots__ = ("announced", "at", "work")

    def __init__(self, at: int) -> None:
        self.at = at
        self.work: Work | None = None
        self.announced: list[tuple[Due, Alert]] = []


class ReadyLine:
    """What was made ready, by ticket; the earliest alarm first."""

    def __init__(self) -> None:
        self._ready: dict[bytes, Ready] = {}
        self._line: list[tuple[int, bytes]] = []  # a heap, with entries of those that were dropped since

    def __len__(self) -> int:
        return len(self._ready)

    def keys(self) -> Iterable[bytes]:
        """The tickets, in no order."""
        return self._ready.keys()

    def add(self, key: bytes, ready: Ready) -> None:
        """There is none of this ticket."""
        self._ready[key] = ready
        heappush(self._line, (ready.at, key))

    def first(self) -> int | None:
        """The earliest alarm."""
        line = self._line
        while line:
            at, key = line[0]
            ready = self._ready.get(key)
            if ready is not None and ready.at == at:
                return at
            heappop(line)
        return None

    def pop(self) -> tuple[bytes, Ready]:
        """The one of `first`."""
        _, key = heappop(self._line)
        return key, self._ready.pop(key)

    def drop(self, key: bytes) -> None:
        """The ticket has changed, or is gone."""
        self._ready.pop(key, None)

    def drop_all(self) -> list[tuple[bytes, int]]:
        """The keys, and when their alarms are."""
        dropped = [(key, ready.at) for key, ready in self._ready.items()]
        self._ready.clear()
        self._line.clear()
        return dropped
