"""Whether a key lies in the partition where every producer puts it, and what a raised number of partitions leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from aiokafka.partitioner import murmur2

from agents.engine.tail import reading
from agents.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from aiokafka import AIOKafkaConsumer

    from agents.engine.connection import Connection

LOOK = 0.5  # seconds between looks at the numbers of partitions: less than the grace, so that no alarm is quicker
SAMPLE = 200
"""Records looked at in a partition: from its beginning, where what lay there before a change lies."""
PATIENCE = 20.0  # seconds in which all samples must be there
ENOUGH = 4
"""Misplaced keys from which a number of partitions is read: fewer may fit one by chance."""
MOST = 0.9
"""The share of the misplaced keys that must fit it: a stray producer must not hide the rest."""

RAISED = (
    "Where partitions were raised, Kafka puts a ticket's new events elsewhere than its history, and cannot take "
    "partitions back; SLAWATCH_PARTITIONS alone brings nothing together. Start anew beside it: a new SLAWATCH_APP and "
    "SLAWATCH_TOPIC_PREFIX, `slawatch topics create`, the old topics' events by `slawatch send`, then the producers "
    '(docs/events.md, "If partitions were raised")'
)

Place = tuple[bytes, int]
"""A key and the partition in which it lies."""


def refuse_unequal(counts: Mapping[str, int], wanted: int) -> None:
    """Raises Refused, with what to do, where a topic has another number of partitions; 0: it is not there."""
    for topic, count in counts.items():
        if count != wanted:
            remedy = RAISED if count > wanted else "`slawatch topics check` lists all that is wrong"
            raise Refused(
                f"topic {topic} has {count or 'no'} partitions, {wanted} are configured: all input topics and the "
                f"changelog need the same number\n{remedy}"
            )


async def stay_equal(client: AIOKafkaConsumer, topics: Collection[str], wanted: int) -> NoReturn:
    """Looks for ever at what a client knows of the topics, which it is to ask for every LOOK seconds.

    Raises Refused as `refuse_unequal` does: what known tickets get after a raise lies in other partitions.
    """
    while True:
        await asyncio.sleep(LOOK)
        known = {topic: client.partitions_for_topic(topic) for topic in topics}
        refuse_unequal({topic: len(there) for topic, there in known.items() if there}, wanted)


async def sample(connection: Connection, topics: Collection[str], count: int) -> set[Place]:
    """Where some keys lie of topics with so many partitions; raises KafkaError."""
    found: set[Place] = set()
    try:
        async with asyncio.timeout(PATIENCE), reading(connection, *topics) as consumer:
            places = [TopicPartition(topic, number) for topic in topics for number in range(count)]
            begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
            left = {place: SAMPLE for place in places if begins[place] < ends[place]}
            consumer.assign(list(left))
            for place in left:
                consumer.seek(place, begins[place])
            while left:
                fetched = await consumer.getmany(*left, timeout_ms=1_000, max_records=SAMPLE)
                for place, records in fetched.items():
                    found |= {(record.key, place.partition) for record in records if record.key}
                    left[place] -= len(records)
                left = {p: n for p, n in left.items() if n > 0 and await consumer.position(p) < ends[p]}
    except TimeoutError:
        raise KafkaTimeoutError(f"no answer within {PATIENCE:.0f} s to what lies in the topics") from None
    return found


def misplaced(places: Iterable[Place], count: int) -> list[Place]:
    """The keys that Kafka's partitioner, murmur2, puts elsewhere among so many partitions."""
    return [(key, partition) for key, partition in places if _hash(key) % count != partition]


def raised_from(strays: Collection[Place], count: int) -> int | None:
    """The number of partitions, smaller than `count`, that put these misplaced keys where they lie; None: no number
    did, so somebody uses another partitioner."""
    if len(strays) < ENOUGH:
        return None
    hashed = [(_hash(key), partition) for key, partition in strays]
    fitting = (
        number
        for number in range(count - 1, 0, -1)
        if sum(value % number == partition for value, partition in hashed) >= MOST * len(hashed)
    )
    return next(fitting, None)


def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF  # as Java makes it positive
