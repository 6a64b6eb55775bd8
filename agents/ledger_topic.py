"""The topic `ticket-ledger` as the ledger's sync reads it, and writes to it where a record must not stay as it is."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.engine.connection import keeps_deletions
from agents.ledger_sync import Batch
from agents.topics import LARGEST_RECORD, present
from reports.store.writing import Copy, Line
from streams import ledger_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord

    from agents.engine.connection import Connection

COPY_OF = "copy_of"
"""Header of a record that the sync wrote in the place of another: that one's offset."""

_BATCH_BYTES = 128 << 20
_WAIT = 1_000  # milliseconds
_LARGEST = 2**31 - 1  # of the columns
_LONG_NUMBER = re.compile(rb"\d{10}")
_UNACKNOWLEDGED = 2_000


class LedgerTopic:
    """An async context manager; all raises KafkaError, and entering it Refused where the topic may not be read."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self._connection = connection
        self._consumer: AIOKafkaConsumer
        self._places: list[TopicPartition]

    async def __aenter__(self) -> Self:
        partitions = (await present(self._connection, [self.name]))[self.name]
        self._places = [TopicPartition(self.name, number) for number in range(partitions)]
        self._consumer = AIOKafkaConsumer(
            **self._connection.aiokafka(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=LARGEST_RECORD,
        )
        await self._consumer.start()
        self._consumer.assign(self._places)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def ends(self) -> dict[int, int]:
        """The offset after the newest record of each partition."""
        ends = await self._consumer.end_offsets(self._places)
        return {place.partition: offset for place, offset in ends.items()}

    async def keeps_deletions(self) -> timedelta:
        """How long tombstones stay."""
        return timedelta(microseconds=await keeps_deletions(self._connection, self.name))

    async def read(self, offsets: dict[int, int], ends: dict[int, int], limit: int) -> Batch:
        """Some records from `offsets` on, about `limit` at most, none of them after `ends`."""
        batch, size = Batch([], dict(offsets), []), 0
        for place in self._places:
            if await self._consumer.position(place) != offsets[place.partition]:
                self._consumer.seek(place, offsets[place.partition])
        while len(batch.lines) < limit and size < _BATCH_BYTES:
            places = [place for place in self._places if batch.offsets[place.partition] < ends[place.partition]]
            if not places:
                break
            fetched = await self._consumer.getmany(*places, timeout_ms=_WAIT, max_records=limit)
            for place, records in fetched.items():
                for record in records:
                    if record.offset < ends[place.partition]:
                        size += len(record.value or b"")
                        _add(batch, record)
            for place in places:  # past what compaction took, too
                position = await self._consumer.position(place)
                batch.offsets[place.partition] = min(position, ends[place.partition])
        return batch

    async def put(self, copies: Sequence[Copy]) -> None:
        """Write these, acknowledged on return. Raises Refused where that is not allowed."""
        if not copies:
            return
        await present(self._connection, [self.name], to_write=True)
        async with AIOKafkaProducer(
            **self._connection.aiokafka(), acks="all", enable_idempotence=True, max_request_size=LARGEST_RECORD
        ) as producer:
            waiting: list[asyncio.Future[Any]] = []
            for copy in copies:
                value = ledger_record.encode(copy.record) if copy.record is not None else None
                headers = [(COPY_OF, b"%d" % copy.position)]
                key = copy.ticket_id.encode()
                waiting.append(await producer.send(self.name, value, key, partition=copy.partition, headers=headers))
                if len(waiting) == _UNACKNOWLEDGED:
                    await asyncio.gather(*waiting)
                    waiting.clear()
            await asyncio.gather(*waiting)


def _add(batch: Batch, record: ConsumerRecord) -> None:
    line = line_of(record)
    if isinstance(line, Line):
        batch.lines.append(line)
    else:
        batch.unreadable.append(f"{record.partition}:{record.offset}: {line}")


def line_of(record: ConsumerRecord) -> Line | str:
    """A record for the ledger, or why it is none: anybody may have written it."""
    try:
        key = (record.key or b"").decode()
    except UnicodeDecodeError:
        return "its key is no text"
    if not key:
        return "it has no key"
    original = dict(record.headers).get(COPY_OF)
    if original is not None and not (original.isdigit() and int(original) < record.offset):
        return f"its header {COPY_OF} is no earlier offset"
    value = record.value
    if value is not None:
        try:
            of = ledger_record.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return f"no record of a ticket: {error}"
        if of.ticket_id != key:
            return "its key is not its ticket_id"
        value = ledger_record.encode(of)  # as the database takes it: on one line, no name twice, instants in one form
        if _LONG_NUMBER.search(value) and _too_large(msgspec.to_builtins(of)):
            return "it holds a number that no count is"
    position = int(original) if original is not None else record.offset
    return Line(key, record.partition, position, value, original is not None)


def _too_large(value: Any) -> bool:
    match value:
        case dict():
            return any(map(_too_large, value.values()))
        case list():
            return any(map(_too_large, value))
        case int():
            return abs(value) > _LARGEST
        case _:
            return False
