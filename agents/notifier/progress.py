"""How far a partition of `sla-alerts` is done: what may be committed without losing a message."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from agents.notifier.message import AGAIN, FRESH

if TYPE_CHECKING:
    from agents.notifier.message import Message


class Partition:
    """A partition while it is ours. Offsets are those of `sla-alerts`.

    Done is a record all of whose messages have a durable outcome. A destination whose queue is full skips records
    and remembers the first one (`behind`): they are read again once it has room, and nothing from there on is
    committed before.
    """

    def __init__(self) -> None:
        self.live = True
        self.position: int | None = None  # the next offset to read; None before the first record
        self.behind: dict[str, int] = {}
        self._open: dict[int, int] = {}  # offset -> messages without an outcome
        self._in_hand = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def committable(self) -> int | None:
        """The offset up to which every record is done; None while nothing was read."""
        if self.position is None:
            return None
        return min([self.position, *self._open, *self.behind.values()])

    def opened(self, offset: int) -> None:
        """A message of this record was taken on."""
        self._open[offset] = self._open.get(offset, 0) + 1

    def closed(self, offset: int) -> None:
        """A message of this record has its outcome."""
        left = self._open[offset] - 1
        if left:
            self._open[offset] = left
        else:
            del self._open[offset]

    def taken_in_hand(self) -> None:
        """A message of this partition is being sent or recorded."""
        self._in_hand += 1
        self._settled.clear()

    def out_of_hand(self) -> None:
        """It is so no longer."""
        self._in_hand -= 1
        if not self._in_hand:
            self._settled.set()

    async def settled(self) -> None:
        """Nothing of this partition is in hand."""
        await self._settled.wait()


@dataclass(eq=False)
class Job:
    """A message in a destination's queue, and how it fared so far."""

    message: Message
    partition: Partition
    offset: int
    token: str = field(default_factory=lambda: uuid4().hex)  # holds the claim
    attempts: int = 0
    unknown: bool = False  # an attempt of ours may have arrived
    repeated: bool = False  # some attempt was marked so
    due: float = 0.0  # not before this, by the monotonic clock
    hold: int = 0  # not before this instant, and then summed up with the others that were held; 0: not held
    silence: str = ""  # the id of the silence that its alert falls under: it is told to nobody
    over: str = ""  # a token that may still hold the claim, of which it is known what it came to
    busy: bool = False  # being sent, or in a digest that is
    only_change: bool = False  # nobody is to get a message of it: it changes one that is there, or is nothing
    swept: bool = False  # was looked for among those that have ended
    alone: bool = False  # goes out as a card though few more may: it is the only one there is to sum up

    def done(self) -> None:
        """It has its outcome."""
        self.partition.closed(self.offset)


@dataclass(eq=False)
class Batch:
    """Messages that go out as one digest, and how that fared so far.

    Its id is drawn anew for each: which messages it holds is fixed by their claims, and then by the digest's record.
    An id made from the messages would come again after a restart, and with it the right to send once more unmarked.
    """

    jobs: list[Job]
    again: bool = False  # some of them may have arrived before
    id: str = field(default_factory=lambda: uuid4().hex[:24])
    token: str = field(default_factory=lambda: uuid4().hex)  # holds the claim of the digest itself
    made: Message | None = None
    frozen: bool = False  # its record may be on the topic: it holds these messages and no others from now on
    attempts: int = 0
    unknown: bool = False
    repeated: bool = False
    due: float = 0.0

    @property
    def members_token(self) -> str:
        """Holds the claims of its messages."""
        return (AGAIN if self.again else FRESH) + self.id

    @property
    def message(self) -> Message:
        """The digest, once it was made."""
        assert self.made is not None
        return self.made

    @property
    def live(self) -> bool:
        """Whether all its messages are still ours."""
        return all(job.partition.live for job in self.jobs)
