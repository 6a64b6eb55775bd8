"""What the engine asks of a partition's owner, what it offers, and what it tells an observer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from agents.engine.clock import MAX_SKEW
from streams.instants import MINUTE, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from agents.engine.connection import Connection

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """One record of an input topic, as it lies in Kafka (aiokafka's `ConsumerRecord`)."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch: the producer's, or the broker's where the topic says LogAppendTime."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class Out(NamedTuple):
    """A record to write; it goes to the partition number of the input that caused it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = []  # noqa: RUF012 - a NamedTuple's default, never changed


@dataclass(slots=True)
class Changes:
    """What a partition's owner wants written, all of it caused by one call.

    The order is the engine's promise: `alerts` are acknowledged before `tickets` are sent to the changelog,
    RocksDB is written (`tickets` and `derived` in one batch) after the changelog's acknowledgement, and the input
    offset is committed after all of it, `records` included.
    """

    tickets: dict[bytes, bytes | None] = field(default_factory=dict)  # None: a tombstone
    derived: dict[bytes, bytes | None] = field(default_factory=dict)  # local only, never in the changelog
    alerts: list[Out] = field(default_factory=list)
    records: list[Out] = field(default_factory=list)
    cold: set[bytes] = field(default_factory=set)  # of `tickets`: those memory may give up once they are on disk

    def __bool__(self) -> bool:
        return bool(self.tickets or self.derived or self.alerts or self.records)


class Store(Protocol):
    """The state of one partition; what was written is seen at once, before any acknowledgement."""

    @property
    def derived_stale(self) -> bool:
        """True where tickets changed without `derived` (recovery): rebuild it from `items()`."""

    def get(self, key: bytes) -> bytes | None: ...
    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every ticket, in no order; the store must not be written meanwhile."""

    def all_keys(self) -> Iterator[bytes]:
        """The key of every ticket there is now, some of them more than once. The store may be written meanwhile: what
        is deleted by then is left out, what is new may be."""

    def derived_items(self) -> Iterator[tuple[bytes, bytes]]: ...
    def rebuild_derived(self, items: Mapping[bytes, bytes]) -> None:
        """Replaces all of `derived` at once; afterwards it is no longer stale."""


class Partition(Protocol):
    """The owner of one partition's tickets. No call is made while another one runs."""

    def load(self) -> Iterator[None]:
        """Reads the store, a bounded part of it between two steps. Before anything else is called it is gone through
        to its end; where that is not to be, the owner is closed."""

    def chunk(self, records: Sequence[Record], now: int) -> Changes:
        """Applies up to `max_chunk` records of the input topics, each topic's in the order of offsets; some may come a
        second time."""

    def wake_at(self) -> int | None:
        """The earliest instant at which `ring` has something to do."""

    def prepare(self, now: int) -> bool:
        """Does a bounded part of the work ahead for what `ring` will have to do after the grace; whether more is left.
        Nothing of it is seen before."""

    def is_ready(self, read_up_to: int) -> bool:
        """Whether `ring` would announce what was made ready: it does so before anything else."""

    def rest(self, now: int) -> Changes:
        """What `ring` left for later calls of what it announced: the partition is given up."""

    def ring(self, read_up_to: int, now: int) -> Changes:
        """Everything appended before `read_up_to` was applied. Called while `wake_at() + grace <= read_up_to`,
        again and again until that no longer holds: a call may do a bounded part of the work."""

    def recall(self, said: Sequence[Record], now: int) -> Changes:
        """The newest records of the alerts topic, in their order, when the partition is taken: its last owner may have
        died with an alert written and the ticket not. Not called where there are none."""

    def close(self) -> None: ...


PartitionFactory = Callable[[int, Store], Partition]


class Observer:
    """Is told what happens in the engine; a method not overridden does nothing."""

    def chunk(self, partition: int, records: int, seconds: float) -> None:
        """A chunk was applied; `seconds` is the time spent in `Partition.chunk`."""

    def rung(self, partition: int, alerts: int, seconds: float) -> None:
        """A `Partition.ring` was done; `seconds` is the time spent in it."""

    def recovered(self, partition: int, replayed: int, tickets_on_disk: bool, seconds: float) -> None:
        """A partition was taken: whether a local store was found, how many changelog records were replayed on top,
        and the seconds its owner took to load."""

    def revoked(self, partitions: frozenset[int]) -> None:
        """The partitions were given up; whatever is exported about them goes."""

    def rebuilt(self, partition: int, reason: str) -> None:
        """A local store was thrown away; the partition is rebuilt from the changelog."""

    def foreign_write(self, partition: int, records: int) -> None:
        """Another process wrote to the changelog of a partition that is ours; its keys were written again."""

    def refused(self, topic: str, partition: int, records: Mapping[bytes, int], *, anew: bool) -> None:
        """Recovery met records of the changelog (key: offset) that no worker wrote, or that were changed: they are not
        applied, and are written over. `anew`: earlier ones of their keys may be gone, so the partition's input is
        read again from its beginning."""

    def held_back(self) -> None:
        """Writes were kept from leaving: the group session has run out, and the partitions may have another owner."""

    def input_lost(self, topic: str, partition: int, records: int) -> None:
        """Records that were never read are gone from an input topic: its retention is too short."""

    def blind(self, since: int | None) -> None:
        """Input has not been read up to the present for longer than `input_stall`: alarms hold since that
        instant. None: it is over. Told once each time."""

    def skewed(self, skew: int | None) -> None:
        """The broker's clock is this far (microseconds) ahead of ours, more than is allowed: alarms hold.
        None: it is over."""

    def misfit(self, reason: str) -> None:
        """The topics have changed and do not fit any more: the process ends after this."""

    def holding(self, reason: str | None) -> None:
        """Alarms hold for a while after an error on the way to Kafka; None: they ring again."""


MAX_CHUNK = 100_000
"""Records of a portion: several events of a ticket in it cost one write; it takes about a second."""


def wall_clock() -> int:
    """Now, in microseconds since the epoch."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How the engine runs. Durations are microseconds."""

    connection: Connection
    app: str  # consumer group, and the folder of the local state
    inputs: tuple[str, ...]
    changelog: str
    heartbeats: str  # a topic with LogAppendTime: the clock probe
    partitions: int
    data_dir: Path | None  # None: all state in memory
    alerts: str | None = None  # where `Changes.alerts` go, for `recall`; None: nothing is recalled
    session_timeout: int = 10 * SECOND
    grace: int = SECOND
    input_stall: int = MINUTE
    max_skew: int = MAX_SKEW
    settle: int = 10 * SECOND  # how long alarms hold after an error on the way to Kafka: as producers wait to reconnect
    max_chunk: int = MAX_CHUNK
