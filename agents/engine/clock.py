"""The time that a process goes by: the brokers', carried on by ticks that nobody sets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import LeaderNotAvailableError

from agents.engine.lease import ticks
from streams.instants import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    Ask = Callable[[], Awaitable[Any]]

MAX_SKEW = MINUTE
"""How far clocks may be apart and still count as agreeing."""

_APPEND_TIME = 1  # aiokafka's timestamp_type
_LONG_AGO = 365 * DAY


class Clock:
    """Gives microseconds since the epoch.

    Where the system's clock and the brokers' agree it is theirs, carried on by ticks: whoever sets a clock, here or on
    a broker, moves it only once all agree again. So there is no moment between a jump and its discovery in which a
    deadline could seem past, an event early, or a window over.
    """

    def __init__(self, system: Callable[[], int], max_skew: int, seconds: Callable[[], float] = ticks) -> None:
        self._system = system
        self._max_skew = max_skew
        self._seconds = seconds
        self._at_zero: int | None = None  # our time when the ticks were 0; None: no broker has told its time
        self.agrees = False  # the system's clock with those of all brokers, when they were last asked
        self.skew = 0  # microseconds that the broker's clock which is furthest off is ahead of the system's, at least

    def __call__(self) -> int:
        return self._system() if self._at_zero is None else self._at_zero + self._ticks()

    async def compare(self, brokers: Iterable[Ask]) -> None:
        """Sends each broker a record and takes its append time, which lies between the sending and the acknowledgement.

        A broker that gives no time (a topic without LogAppendTime) or a made-up one (the mock cluster: a second
        after the epoch) is not counted; where none gives any we go by the system's clock.
        """
        at_zero = self._system() - self._ticks()  # a process stopped between the two is behind, till the next time
        skews = [skew for ask in brokers if (skew := await self._skew(at_zero, ask)) is not None]
        self.skew = max(skews, key=abs, default=0)
        self.agrees = abs(self.skew) <= self._max_skew
        if not skews:
            self._at_zero = None
        elif self.agrees or self._at_zero is None:
            self._at_zero = at_zero + min(skews, key=abs)

    async def _skew(self, at_zero: int, ask: Ask) -> int | None:
        """How far the broker's clock is ahead of one that showed `at_zero` at ticks 0; None where it tells no time."""
        sent = at_zero + self._ticks()
        acknowledged = await ask()
        received = at_zero + self._ticks()
        appended: int = acknowledged.timestamp * 1000  # the broker cuts to milliseconds
        if acknowledged.timestamp_type != _APPEND_TIME or appended <= _LONG_AGO:
            return None
        return max(0, appended - received) or min(0, appended + 999 - sent)

    def _ticks(self) -> int:
        return int(self._seconds() * SECOND)


async def askers(producer: Any, topic: str, sign: Callable[[], bytes]) -> list[Ask]:
    """For `Clock.compare`: what asks each broker that leads a partition of a topic, with a record of `sign`.

    With one asked at random, the alarms would hold and ring by turns where a single broker's clock is off. Raises
    KafkaError.
    """
    leader = producer.client.cluster.leader_for_partition
    leaders = {leader(TopicPartition(topic, n)): n for n in await producer.partitions_for(topic)}
    asks: list[Ask] = [
        partial(_append, producer, topic, number, sign) for node, number in leaders.items() if node not in (None, -1)
    ]
    if not asks:
        raise LeaderNotAvailableError(topic)
    return asks


async def _append(producer: Any, topic: str, partition: int, sign: Callable[[], bytes]) -> Any:
    return await producer.send_and_wait(topic, sign(), partition=partition)
