"""The consumer group at any size, with the product's own assignor: who gets what, what moves, what Kafka has to keep.

Members are assignors as workers have them (`agents.engine.app`), their messages are encoded as aiokafka sends them, and
the leader's work is timed. Nothing is sent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.protocol.metadata import MetadataResponse_v5
from faust.assignor.partition_assignor import PartitionAssignor
from yarl import URL

from agents.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOPICS = Topics()
READ = (*TOPICS.inputs, TOPICS.changelog)
"""The topics of the group; a partition of one and the same of the others have one owner."""
MEMBER = 150
"""Bytes of a member in the group's record beside its two messages: id, client, host, timeouts."""


class Lean(PartitionAssignor):  # type: ignore[misc]  # Faust publishes no types
    """Tells each member its own partitions only. Faust tells all of them everybody's, for its router of HTTP requests
    to whoever has a key, which a worker does not run."""

    def _get_changelog_distribution(self, assignments: Any) -> dict[str, Any]:
        return {}

    def _get_external_topic_distribution(self, assignments: Any) -> dict[str, Any]:
        return {}


class _App:
    """What an assignor asks of its app."""

    tracer = None

    def __init__(self, number: int) -> None:
        # As long as the names that workers have: host and a UUID.
        self.conf = SimpleNamespace(canonical_url=URL(f"http://slawatch-worker-{number:04d}/{number:036d}"))
        self.tables = SimpleNamespace(changelog_topics={TOPICS.changelog}, data={})
        self.sensors = self

    def on_assignment_start(self, assignor: object) -> None:
        """Faust's sensors hear of it."""

    def on_assignment_completed(self, assignor: object, state: object) -> None:
        """The same."""

    def on_assignment_error(self, assignor: object, state: object, error: object) -> None:
        """The same; the error is raised too."""


@dataclass(frozen=True)
class Rebalance:
    """What came of one."""

    owned: Mapping[int, frozenset[int]]
    """The partitions of each worker."""
    moved: int
    """Partitions that have another owner than before; those without one before count."""
    from_disk: int
    """Of those: the new owner had it once, and its disk still has the state of then."""
    leader: float
    """CPU seconds of the member that assigns, in which its thread sends no heartbeat."""
    joining: int
    """Bytes that the leader is sent: the words of all members."""
    kept: int
    """Bytes of the record in which the coordinator keeps the group: words and assignments of all members."""


class Group:
    """Workers that join, leave and are started again; each change is a rebalance of all."""

    def __init__(self, partitions: int, assignor: type[PartitionAssignor] = PartitionAssignor) -> None:
        self.partitions = partitions
        self.owner: dict[int, int] = {}
        """By partition: its worker."""
        self._assignor = assignor
        self._members: dict[int, PartitionAssignor] = {}
        self._disks: dict[int, set[int]] = {}
        self._given: dict[int, Any] = {}
        """By worker: its last assignment, which it reads when it is asked for its words."""
        self._started = 0

    @property
    def workers(self) -> list[int]:
        """Those in the group."""
        return list(self._members)

    def join(self, workers: Iterable[int]) -> Rebalance:
        """Workers start, with what their disks hold of before."""
        for worker in workers:
            self._started += 1
            self._members[worker] = self._assignor(_App(self._started))
        return self._rebalance()

    def leave(self, workers: Iterable[int]) -> Rebalance:
        """Workers stop, or die."""
        for worker in workers:
            del self._members[worker]
        return self._rebalance()

    def _rebalance(self) -> Rebalance:
        cluster = SimpleNamespace(partitions_for_topic=lambda _: range(self.partitions))
        for worker, assignment in self._given.items():
            if worker in self._members:
                self._members[worker].on_assignment(assignment)
        words = {str(worker): member.metadata(READ).encode() for worker, member in self._members.items()}
        leader = next(iter(self._members.values()))
        began = time.process_time()
        read = {member: ConsumerProtocol.METADATA.decode(word) for member, word in words.items()}
        given = {member: one.encode() for member, one in leader.assign(cluster, read).items()}
        took = time.process_time() - began
        self._given = {worker: ConsumerProtocol.ASSIGNMENT.decode(given[str(worker)]) for worker in self._members}
        owned = {worker: _partitions(assignment) for worker, assignment in self._given.items()}
        owner = {partition: worker for worker, partitions in owned.items() for partition in partitions}
        moved = [partition for partition, worker in owner.items() if self.owner.get(partition) != worker]
        from_disk = sum(partition in self._disks.get(owner[partition], ()) for partition in moved)
        self.owner = owner
        for worker, partitions in owned.items():
            self._disks.setdefault(worker, set()).update(partitions)
        joining = sum(map(len, words.values()))
        kept = joining + sum(map(len, given.values())) + MEMBER * len(words)
        return Rebalance(owned, len(moved), from_disk, took, joining, kept)


def _partitions(assignment: Any) -> frozenset[int]:
    """Those of a member: the same of every topic. Raises ValueError where they are not."""
    by_topic = {topic: frozenset(partitions) for topic, partitions in assignment.assignment}
    if by_topic.keys() != set(READ) or len(set(by_topic.values())) != 1:
        raise ValueError(f"the topics are assigned apart: {by_topic}")
    return by_topic[TOPICS.changelog]


@dataclass(frozen=True)
class Rolling:
    """A restart of workers one after the other."""

    moved: float
    """Partitions that moved for a worker's restart, as a multiple of those that it had."""
    from_disk: float
    """The share of those that their new owner found on its disk, of whatever age."""


def rolling(group: Group, most: int) -> Rolling:
    """Each worker leaves and comes back before the next one leaves; the first so many of them."""
    moved = from_disk = had = 0
    for worker in group.workers[:most]:
        had += sum(owner == worker for owner in group.owner.values())
        for one in (group.leave([worker]), group.join([worker])):
            moved, from_disk = moved + one.moved, from_disk + one.from_disk
    return Rolling(moved / had, from_disk / moved)


def metadata_cost(partitions: int, brokers: int) -> tuple[float, float]:
    """Of an answer about the group's topics with so many partitions each: bytes, and CPU seconds to read it, both a
    partition of a topic. A worker asks for one twice a second (`agents.engine.placement.LOOK`)."""
    nodes = [(number, f"kafka-{number}.example.internal", 9092, None) for number in range(brokers)]
    of_a_topic = []
    for number in range(partitions):
        replicas = [(number + place) % brokers for place in range(3)]
        of_a_topic.append((0, number, replicas[0], replicas, replicas, []))
    topics = [(0, topic, False, of_a_topic) for topic in READ]
    answer = MetadataResponse_v5(0, nodes, "x" * 22, 0, topics).encode()
    known = ClusterMetadata()
    took = []
    for _ in range(5):
        began = time.process_time()
        known.update_metadata(MetadataResponse_v5.decode(answer))
        took.append(time.process_time() - began)
    count = partitions * len(READ)
    return len(answer) / count, min(took) / count
