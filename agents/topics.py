"""Every topic, once: its name, its key, what it means and how Kafka keeps it; creates them and finds what is wrong."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from agents.engine.connection import admin_client, described, partition_counts
from agents.engine.placement import RAISED, misplaced, raised_from, sample
from agents.engine.rights import Rights, refuse_missing_rights
from agents.errors import Refused
from agents.staff import AGENT
from streams.events import TOPIC_OF
from streams.instants import DAY, HOUR, format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from agents.engine.connection import Connection

SPREAD = 150  # looks, a tenth of a second apart, until all brokers know a new topic
LARGEST_RECORD = 8 << 20  # bytes: a ticket holds up to 256 events
SEVERAL = 3  # replicas where there is more than one broker

log = logging.getLogger("slawatch.topics")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `retention` is in microseconds; None for a compacted topic, which keeps the last record of a key.

    One that is `compacted` and has a retention keeps the last record of a key, and that only so long.
    """

    name: str
    key: str
    meaning: str
    retention: int | None
    append_time: bool = False  # the broker stamps the records
    compacted: bool = False
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def cleanup(self) -> str:
        """Kafka's cleanup.policy."""
        if self.retention is None:
            return "compact"
        return "compact,delete" if self.compacted else "delete"

    def works_with(self, cleanup: str) -> bool:
        """Whether nothing that is needed is lost: one that only grows is kept, too."""
        parts = set(cleanup.split(","))
        return parts == set(self.cleanup.split(",")) or (self.compacted and parts == {"compact"})

    def configuration(self, replication: int) -> dict[str, str]:
        """What it is created with. All replicas but one have a record before it is acknowledged."""
        configuration = {"cleanup.policy": self.cleanup, "min.insync.replicas": str(max(1, replication - 1))}
        if self.retention is not None:
            configuration["retention.ms"] = str(self.retention // 1000)
        if self.append_time:
            configuration["message.timestamp.type"] = "LogAppendTime"
        return configuration | dict(self.more)


_REMEDY = (
    "`slawatch topics create` creates what is missing and leaves alone what is there. All topics need the same "
    "number of partitions (SLAWATCH_PARTITIONS): a ticket's records must meet in one."
)
_COMPACTED = {"max.message.bytes": str(LARGEST_RECORD), "segment.bytes": str(64 << 20)}
_OF_PEOPLE = _COMPACTED | {"max.compaction.lag.ms": str(7 * DAY // 1000)}
"""What was erased is gone after this time; a quiet topic would never be compacted by itself."""
_LEDGER = _OF_PEOPLE | {"delete.retention.ms": str(30 * DAY // 1000)}
"""So long may the ledger's sync be away without reading everything anew."""


class Topics:
    """The topics of one installation: `prefix` is put before each name, `app` names the worker's own."""

    def __init__(self, prefix: str = "", app: str = "slawatch") -> None:
        self._prefix = prefix
        self.inputs = tuple(self.name(base) for base in TOPIC_OF.values())
        self.alerts = self.name("sla-alerts")
        self.ledger = self.name("ticket-ledger")
        self.dead_letters = self.name("dead-letters")
        self.deliveries = self.name("sla-deliveries")
        self.changelog = self.name(f"{app}-tickets-changelog")
        self.heartbeats = self.name("worker-heartbeats")
        self.policies = self.name("sla-policies")
        self.silences = self.name("sla-silences")
        self.all = (
            *(
                Topic(
                    self.name(base),
                    key="agent_id" if base == "agent-status-changed" else "ticket_id",
                    meaning=f"input: events of type {kind}",
                    retention=7 * DAY,
                )
                for kind, base in TOPIC_OF.items()
            ),
            Topic(
                self.alerts, "ticket_id", "breaches, warnings, escalations and corrections", 7 * DAY, append_time=True
            ),
            Topic(self.ledger, "ticket_id", "each ticket's clocks and verdicts, for reports", None, more=_LEDGER),
            Topic(self.dead_letters, "as it came", "records that could not be read, with the reason", 30 * DAY),
            Topic(
                self.deliveries,
                "alert_id|kind|destination",
                "what became of each message to a chat",
                9 * DAY,  # a little longer than the notifiers' claims, which are filled from it
                append_time=True,  # claims are filled from the latest, whatever clock their notifiers had
                compacted=True,
            ),
            Topic(
                self.changelog,
                "ticket_id",
                "the state of each ticket; a worker recovers from it",
                None,
                more=_OF_PEOPLE,
            ),
            Topic(self.heartbeats, "none", "workers' signs of life, and their clock check", HOUR, append_time=True),
            Topic(self.policies, "one of its own", "promises that were applied to all workers", None, more=_COMPACTED),
            Topic(self.silences, "id", "alerts that are told to nobody for a while", None, more=_COMPACTED),
        )

    def name(self, base: str) -> str:
        """The full name of a topic."""
        return self._prefix + base

    async def create(self, connection: Connection, partitions: int, replication: int | None) -> list[str]:
        """Creates what is not there and returns its names; what is there stays as it is.

        `replication` None: 1 for a single broker, else 3. Raises Refused where a broker refuses, KafkaError.
        """
        async with admin_client(connection) as admin:
            brokers = len((await admin.describe_cluster())["brokers"])
            copies = replication or (1 if brokers == 1 else SEVERAL)
            there = await partition_counts(connection, [topic.name for topic in self.all])
            wanted = [topic for topic in self.all if not there[topic.name]]
            if not wanted:
                return []
            answer = await admin.create_topics(
                [
                    NewTopic(topic.name, partitions, copies, topic_configs=topic.configuration(copies))
                    for topic in wanted
                ]
            )
        created, refused = [], []
        for name, code, reason in answer.topic_errors:
            error = for_code(code)
            if error is TopicAlreadyExistsError:
                continue
            if code:
                refused.append(f"topic {name} could not be created: {reason or error.__name__}")
            else:
                created.append(name)
        if refused:
            raise Refused("\n".join(refused))
        await self._known(connection, created)
        return created

    @staticmethod
    async def _known(connection: Connection, names: list[str]) -> None:
        # The brokers learn of a topic a moment after the controller has made it.
        for _ in range(SPREAD):
            if all((await partition_counts(connection, names)).values()):
                return
            await asyncio.sleep(0.1)
        raise Refused(f"the brokers do not show the new topics: {', '.join(names)}")

    async def problems(
        self,
        connection: Connection,
        partitions: int | None,
        replication: int | None,
        only: Collection[str] | None = None,
    ) -> list[str]:
        """Every way in which the topics, or some of them, are not as they must be; raises KafkaError.

        `partitions` None: any number will do.
        """
        topics = [topic for topic in self.all if only is None or topic.name in only]
        names = [topic.name for topic in topics]
        async with admin_client(connection) as admin:
            brokers = len((await admin.describe_cluster())["brokers"])
            existing = await described(admin)
            there = [name for name in names if existing.get(name)]
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in there]
            answers = await admin.describe_configs(resources) if resources else []
        configurations = {
            resource["resource_name"]: {
                entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]
            }
            for answer in answers
            for resource in answer.to_object()["resources"]
        }
        problems = []
        if replication is not None and replication > brokers:
            problems.append(f"{replication} replicas are configured, and there are {brokers} brokers")
        for topic in topics:
            state = existing.get(topic.name)
            if not state:
                problems.append(f"topic {topic.name} does not exist")
            else:
                wrong = _wrong(topic, state, configurations[topic.name], partitions, replication)
                problems += [f"topic {topic.name} {what}" for what in wrong]
        return problems

    async def refuse_problems(
        self,
        connection: Connection,
        partitions: int | None,
        replication: int | None,
        only: Collection[str] | None = None,
    ) -> None:
        """Raises Refused, with a line for each of `problems` and what to do; raises KafkaError."""
        # Kafka hides a topic from whoever may not see it, so it would seem to be missing.
        await refuse_missing_rights(connection, Rights(sees=only or [topic.name for topic in self.all]))
        problems = await self.problems(connection, partitions, replication, only)
        if problems:
            counts = await partition_counts(connection, [topic.name for topic in self.all])
            raised = partitions is not None and max(counts.values()) > partitions
            raise Refused("\n".join([*problems, _REMEDY, *([RAISED] if raised else [])]))

    async def refuse_raised(self, connection: Connection, partitions: int) -> None:
        """Raises Refused where all topics have this number of partitions, and once had a smaller one; KafkaError.

        What is kept of the tickets tells it, or, where there is nothing yet, the events that are still to be read.
        """
        looked_at = self.changelog
        places = await sample(connection, [self.changelog], partitions)
        if not places:
            looked_at = "the event topics"
            places = await sample(connection, self.inputs, partitions)
        strays = misplaced({(key.removeprefix(AGENT), partition) for key, partition in places}, partitions)
        before = raised_from(strays, partitions)
        if before is not None:
            raise Refused(
                f"the partitions were raised from {before} to {partitions}: {len(strays)} of {len(places)} keys looked "
                f"at in {looked_at} lie where a number of {before} put them\n{RAISED}"
            )
        if strays:
            log.warning(
                "%d of %d keys looked at in %s lie where the murmur2 partitioner does not put them: a producer uses "
                'another one, and may take tickets apart (docs/events.md, "Keys and partitions")',
                len(strays), len(places), looked_at,
            )  # fmt: skip


async def present(connection: Connection, names: Collection[str], *, to_write: bool = False) -> dict[str, int]:
    """How many partitions each of these topics has.

    Raises Refused naming those that are not there or may not be read (or written to), KafkaError.
    """
    await refuse_missing_rights(connection, Rights(writes=names) if to_write else Rights(reads=names))
    counts = await partition_counts(connection, names)
    missing = [name for name, count in counts.items() if not count]
    if missing:
        raise Refused(f"no such topic: {', '.join(missing)} (`slawatch topics create` creates them)")
    return counts


def _wrong(
    topic: Topic,
    state: list[dict[str, Any]],
    configuration: Mapping[str, str],
    partitions: int | None,
    replication: int | None,
) -> Iterable[str]:
    if partitions is not None and len(state) != partitions:
        yield f"has {len(state)} partitions, not {partitions}"
    policy = configuration["cleanup.policy"]
    if not topic.works_with(policy):
        yield f"has cleanup.policy={policy}, it must be {topic.cleanup}"
    if topic.append_time and configuration["message.timestamp.type"] != "LogAppendTime":
        yield "has message.timestamp.type=CreateTime, it must be LogAppendTime"
    replicas = min(len(partition["replicas"]) for partition in state)
    needed = int(configuration["min.insync.replicas"])
    if needed > replicas:
        yield f"has {replicas} replicas and min.insync.replicas={needed}: nothing can be written to it"
    elif replication is not None and replicas < replication:
        yield f"has {replicas} replicas, {replication} are configured"
    if topic.retention is not None and 0 <= int(configuration["retention.ms"]) < topic.retention // 2000:
        kept = format_duration(int(configuration["retention.ms"]) * 1000)
        yield f"keeps records for {kept} only, at least half of {format_duration(topic.retention)} is needed"
