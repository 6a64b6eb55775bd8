"""The topic sla-policies: the promises that people applied, one record each, and who put them there when.

All records lie in one partition and each has a key of its own, so compaction removes none: what is in force is decided
by the records up to an offset and by nothing else. Whoever has read further knows better, and a worker that starts
today comes to the same as one that has been running since the first of them, whatever unreadable lies between.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from typing import TYPE_CHECKING, NamedTuple, Self
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.topics import LARGEST_RECORD
from config.errors import ConfigError, Problem
from config.policies import PolicyFile, read_policy_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.engine import Connection

PARTITION = 0
"""All topics have the same number of partitions; of this one a single one is used, for its order."""
_NEWS_WITHIN = 0.25  # seconds: a question asked on the same connection waits so long at most
_LOOK = 1.0  # seconds

_encode = msgspec.json.Encoder().encode


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A record's value, as JSON."""

    text: str | None
    """A policy file as it was written; null takes the documents before it back: the workers' own files hold again."""
    fingerprint: str | None = None
    """What the text means to the machine that applied it."""
    by: str
    """user@host."""
    at: str
    """RFC 3339."""


_decode = msgspec.json.Decoder(Document).decode


class Version(NamedTuple):
    """A record of the topic; `number` counts from 1 in the order of the topic."""

    number: int
    topic: str
    value: bytes | None

    @property
    def name(self) -> str:
        """How messages name it, in the place of a file."""
        return f"{self.topic} version {self.number}"

    def document(self) -> Document:
        """What was written; raises ConfigError where it is nothing that `slawatch policies` writes."""
        try:
            return _decode(self.value or b"")
        except msgspec.MsgspecError as error:
            reason = f"not written by `slawatch policies apply`: {error}"
            raise ConfigError([Problem(self.name, None, "", reason)]) from None

    def applied(self) -> Applied:
        """The version with its promises; raises ConfigError where they may not take effect here.

        Takes a while where the text is long: not for the event loop.
        """
        document = self.document()
        file = None if document.text is None else read_policy_text(document.text.encode(), self.name)
        return Applied(self, document, file)


class Applied(NamedTuple):
    """A version that may take effect; `file` None: the workers' own files hold."""

    version: Version
    document: Document
    file: PolicyFile | None


def newest(versions: Iterable[Version]) -> tuple[Applied | None, list[ConfigError]]:
    """The newest version that may take effect, and what is wrong with those after it, the newest first."""
    refused: list[ConfigError] = []
    for version in sorted(versions, reverse=True):
        try:
            return version.applied(), refused
        except ConfigError as error:
            refused.append(error)
    return None, refused


class PolicyTopic:
    """Reads the topic from its beginning. An async context manager; raises KafkaError."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self._connection = connection
        self._place = TopicPartition(name, PARTITION)
        self._consumer: AIOKafkaConsumer

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            **self._connection.aiokafka(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=round(_NEWS_WITHIN * 1000),
            max_partition_fetch_bytes=LARGEST_RECORD,
        )
        await self._consumer.start()
        self._consumer.assign([self._place])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def new(self) -> list[Version]:
        """All versions that came since the last call, waiting about a second for the first of them."""
        found: list[Version] = []
        while True:
            fetched = await self._consumer.getmany(self._place, timeout_ms=round(_LOOK * 1000))
            records = fetched.get(self._place, ())
            found += [Version(record.offset + 1, self.name, record.value) for record in records]
            if not records or await self.position() >= (self._consumer.highwater(self._place) or 0):
                return found

    async def position(self) -> int:
        """Versions before this offset were returned by `new`."""
        position: int = await self._consumer.position(self._place)
        return position

    async def end(self) -> int:
        """The offset after the newest version."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets([self._place])
        return ends[self._place]

    async def all(self) -> list[Version]:
        """All versions that there are at the call; to be called first and alone."""
        end = await self.end()
        found: list[Version] = []
        while await self.position() < end:
            found += await self.new()
        return found


async def put(connection: Connection, topic: str, text: str | None, fingerprint: str | None, at: str) -> Version:
    """Append a document by whoever runs this process. `at`: now, RFC 3339. Raises KafkaError."""
    value = _encode(Document(text=text, fingerprint=fingerprint, by=await asyncio.to_thread(_whoami), at=at))
    async with AIOKafkaProducer(
        **connection.aiokafka(), acks="all", enable_idempotence=True, max_request_size=LARGEST_RECORD
    ) as producer:
        written = await producer.send_and_wait(topic, value, uuid4().hex.encode(), partition=PARTITION)
    return Version(written.offset + 1, topic, value)


def _whoami() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user needs no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
