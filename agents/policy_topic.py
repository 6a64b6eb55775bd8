"""The topic sla-policies: the promises that people applied, one record each, and who put them there when.

All records lie in one partition and each has a key of its own, so compaction removes none: what is in force is decided
by the records up to an offset and by nothing else. Whoever has read further knows better, and a worker that starts
today comes to the same as one that has been running since the first of them, whatever unreadable lies between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import msgspec

from agents.one_partition import OnePartition, append, whoami
from config.errors import ConfigError, Problem
from config.policies import PolicyFile, read_policy_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.engine import Connection

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


class PolicyTopic(OnePartition):
    """Reads the topic from its beginning. An async context manager; raises KafkaError."""

    async def new(self) -> list[Version]:
        """All versions that came since the last call, waiting about a second for the first of them."""
        return [Version(entry.offset + 1, self.name, entry.value) for entry in await self.entries()]

    async def all(self) -> list[Version]:
        """All versions that there are at the call; to be called first and alone."""
        return [Version(entry.offset + 1, self.name, entry.value) for entry in await self.whole()]


async def put(connection: Connection, topic: str, text: str | None, fingerprint: str | None, at: str) -> Version:
    """Append a document by whoever runs this process. `at`: now, RFC 3339. Raises KafkaError."""
    value = _encode(Document(text=text, fingerprint=fingerprint, by=await whoami(), at=at))
    return Version(await append(connection, topic, uuid4().hex, value) + 1, topic, value)
