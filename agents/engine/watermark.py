"""Up to which instant a partition's input has been read: the brokers say where it ended when they were asked."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from aiokafka import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PENDING = 32  # answers of a partition that wait to be reached


class Ends(Protocol):
    """What is used of a plain aiokafka consumer, without group and assignment."""

    async def end_offsets(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]: ...


class Watermark:
    """Asks on a connection of its own: on the consuming one the answer waits behind the long poll.

    An answer to a question asked at t says that what was appended before t lies below it. The time of asking counts:
    a process that was stopped and resumed would take an old answer for a new one. "Processed up to the latest
    known end" is no substitute: while input flows faster than it is asked about it never holds.
    """

    def __init__(self, client: Ends, inputs: Iterable[str], clock: Callable[[], int]) -> None:
        self._client = client
        self._inputs = tuple(inputs)
        self._clock = clock
        self._answers: dict[int, deque[tuple[int, dict[str, int]]]] = {}
        self._read_up_to: dict[int, int] = {}

    def forget(self, partition: int) -> None:
        """The partition is not ours any more, or is read anew."""
        self._answers.pop(partition, None)
        self._read_up_to.pop(partition, None)

    async def ask(self, partitions: Iterable[int]) -> None:
        """Asks for the ends of all inputs of the partitions. Raises KafkaError."""
        partitions = list(partitions)
        asked = self._clock()
        ends = await self._client.end_offsets(
            [TopicPartition(topic, number) for number in partitions for topic in self._inputs]
        )
        for number in partitions:
            answers = self._answers.setdefault(number, deque())
            if len(answers) == PENDING:
                answers.pop()  # the oldest is reached first, the newest tells most
            answers.append((asked, {topic: ends[TopicPartition(topic, number)] for topic in self._inputs}))

    def asked_at(self, partition: int) -> int | None:
        """The instant of the newest question about a partition that is still to be reached or was reached."""
        answers = self._answers.get(partition)
        return answers[-1][0] if answers else self._read_up_to.get(partition)

    def read_up_to(self, partition: int, read: Mapping[str, int]) -> int | None:
        """The latest known instant such that all input appended before it was read; None: not known yet."""
        answers = self._answers.get(partition)
        while answers and all(read[topic] >= end for topic, end in answers[0][1].items()):
            self._read_up_to[partition] = answers.popleft()[0]
        return self._read_up_to.get(partition)
