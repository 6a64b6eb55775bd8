"""The records that no worker could use: what is known of each, and how they are put back on their topics."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.engine import Out
from agents.topic_reading import records
from streams.events import MAX_BYTES
from streams.instants import format_instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from aiokafka import ConsumerRecord

    from agents.engine import Record
    from agents.engine.connection import Connection

_UNACKNOWLEDGED = 2_000  # records sent before all of them must be acknowledged

PUT_BACK = "put back"
REPEATED = "the same record as another one, put back once"
CUT = "too long: only its beginning was kept"
FOREIGN = "not from one of the event topics"
EMPTY = "neither key nor value"


Cause = Literal["unreadable", "key", "ahead", "too_old", "orphaned_too_many", "forgotten", "error"]
"""Why a record could not be used, in a word."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record of the topic dead-letters; what its headers do not say is empty."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    topic: str
    """Where it came from, with its place there."""
    origin: str
    cause: str
    reason: str
    field: str
    at: str
    bytes_before: str
    """Its length before it was cut; empty where it is whole."""

    @classmethod
    def of(cls, record: ConsumerRecord) -> DeadLetter:
        """Reads a record; never fails: anybody may have written it."""
        headers = {name: (value or b"").decode(errors="backslashreplace") for name, value in record.headers}
        return cls(
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            topic=headers.get("topic", ""),
            origin=f"{headers.get('partition', '')}:{headers.get('offset', '')}",
            cause=headers.get("cause", ""),
            reason=headers.get("reason", ""),
            field=headers.get("field", ""),
            at=headers.get("at", ""),
            bytes_before=headers.get("cut_from_bytes", ""),
        )

    @property
    def id(self) -> str:
        """PARTITION:OFFSET on the topic dead-letters: its name on the command line."""
        return f"{self.partition}:{self.offset}"

    def has_reason(self, text: str) -> bool:
        """Whether `text` is its cause, or is found in its reason."""
        return text == self.cause or text in self.reason


def dead_letter(topic: str, record: Record, cause: Cause, reason: str, at_field: str, now: int) -> Out:
    """The dead letter of an input record: key and value as they came, cut where they are long, and why."""
    headers = [
        ("topic", record.topic.encode()),
        ("partition", b"%d" % record.partition),
        ("offset", b"%d" % record.offset),
        ("cause", cause.encode()),
        ("reason", reason.encode(errors="replace")),
        ("field", at_field.encode(errors="replace")),
        ("at", format_instant(now).encode()),
    ]
    value = record.value
    if value is not None and len(value) > MAX_BYTES:
        headers.append(("cut_from_bytes", b"%d" % len(value)))
        value = value[:MAX_BYTES]
    key = record.key[:MAX_BYTES] if record.key is not None else None
    return Out(topic, key, value, headers)


async def read_all(reach: Connection, topic: str, numbers: Collection[int]) -> AsyncIterator[DeadLetter]:
    """Every dead letter that there is at the call, those of a partition in their order. Raises KafkaError."""
    async for record in records(reach, topic, numbers):
        yield DeadLetter.of(record)


async def read_one(reach: Connection, topic: str, number: int, offset: int) -> DeadLetter | None:
    """The dead letter at one place; None where there is none, or none any more. Raises KafkaError."""
    place = TopicPartition(topic, number)
    async with AIOKafkaConsumer(**reach.aiokafka(), enable_auto_commit=False, auto_offset_reset="earliest") as consumer:
        consumer.assign([place])
        begins, ends = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
        if not begins[place] <= offset < ends[place]:
            return None
        consumer.seek(place, offset)
        while await consumer.position(place) == offset:
            for record in (await consumer.getmany(place, timeout_ms=1_000, max_records=1)).get(place, ()):
                return DeadLetter.of(record) if record.offset == offset else None
    return None


async def put_back(reach: Connection, letters: AsyncIterator[DeadLetter], inputs: Collection[str]) -> Counter[str]:
    """Send dead letters to the topics they came from, with the keys they had; counts by what became of them.

    A letter that comes back dead can be put back again without multiplying: of equal ones a single one is sent.
    Raises KafkaError where one is not acknowledged; putting back once more does no harm.
    """
    outcomes: Counter[str] = Counter()
    seen: set[bytes] = set()
    waiting: list[asyncio.Future[Any]] = []
    async with AIOKafkaProducer(**reach.aiokafka(), enable_idempotence=True, linger_ms=5) as producer:
        async for letter in letters:
            outcome = _obstacle(letter, inputs, seen) or PUT_BACK
            outcomes[outcome] += 1
            if outcome is PUT_BACK:
                waiting.append(await producer.send(letter.topic, letter.value, letter.key))
                if len(waiting) == _UNACKNOWLEDGED:
                    await asyncio.gather(*waiting)
                    waiting.clear()
        await asyncio.gather(*waiting)
    return outcomes


def _obstacle(letter: DeadLetter, inputs: Collection[str], seen: set[bytes]) -> str | None:
    """Why a letter is not put back, if it is not; remembers it in `seen`."""
    if letter.bytes_before:
        return CUT
    if letter.topic not in inputs:
        return FOREIGN
    if letter.key is None and letter.value is None:
        return EMPTY
    identity = hashlib.blake2b(repr((letter.topic, letter.key, letter.value)).encode(), digest_size=16).digest()
    if identity in seen:
        return REPEATED
    seen.add(identity)
    return None


def printable(data: bytes | str | None) -> str:
    """What others wrote, safe for a terminal: all that is no plain character is escaped, null is `null`."""
    if data is None:
        return "null"
    text = data if isinstance(data, str) else data.decode(errors="backslashreplace")
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
