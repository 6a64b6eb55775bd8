"""The topics: created once, looked at in every respect, and each problem named."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from services import free_ports
from waiting import eventually

from agents.engine.connection import Connection, partition_counts
from agents.errors import Refused
from agents.topics import Topics, present

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

INPUTS = 11
OTHERS = 8


@pytest.fixture
def topics(unique: str) -> Topics:
    return Topics(f"{unique}-", "centre")


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    yield client
    await client.close()


def test_every_topic_has_a_name_of_its_own_a_key_and_a_meaning() -> None:
    topics = Topics()
    assert len(topics.inputs) == INPUTS
    assert len({topic.name for topic in topics.all}) == len(topics.all) == INPUTS + OTHERS
    assert all(topic.key and topic.meaning for topic in topics.all)
    assert topics.changelog == "slawatch-tickets-changelog"


async def test_creating_twice_creates_once_and_all_is_well(kafka: str, topics: Topics) -> None:
    connection = Connection(kafka)
    assert await topics.create(connection, 3, None) == [topic.name for topic in topics.all]
    assert await topics.create(connection, 3, None) == []
    assert await topics.problems(connection, 3, None) == []


async def test_each_problem_is_named(kafka: str, topics: Topics, admin: AIOKafkaAdminClient) -> None:
    """Partition counts, cleanup policies, time stamps, replicas, retention, absence: all in one answer."""
    created, replied, *_ = topics.inputs
    await admin.create_topics(
        [
            NewTopic(topics.changelog, 3, 1, topic_configs={"cleanup.policy": "compact,delete"}),
            NewTopic(topics.alerts, 3, 1),
            NewTopic(created, 6, 1),
            NewTopic(replied, 3, 1, topic_configs={"cleanup.policy": "compact"}),
            NewTopic(
                topics.deliveries,
                3,
                1,
                topic_configs={
                    "cleanup.policy": "compact",
                    "min.insync.replicas": "2",
                    "message.timestamp.type": "LogAppendTime",
                },
            ),
            NewTopic(topics.dead_letters, 3, 1, topic_configs={"retention.ms": "3600000"}),
        ]
    )
    await topics.create(Connection(kafka), 3, None)
    await admin.delete_topics([topics.ledger])

    async def deleted() -> bool:
        return not (await partition_counts(Connection(kafka), [topics.ledger]))[topics.ledger]

    await eventually(deleted)
    problems = await topics.problems(Connection(kafka), 3, None)
    assert sorted(problems) == sorted(
        [
            f"topic {topics.changelog} has cleanup.policy=compact,delete, it must be compact",
            f"topic {topics.alerts} has message.timestamp.type=CreateTime, it must be LogAppendTime",
            f"topic {created} has 6 partitions, not 3",
            f"topic {replied} has cleanup.policy=compact, it must be delete",
            f"topic {topics.deliveries} has 1 replicas and min.insync.replicas=2: nothing can be written to it",
            f"topic {topics.dead_letters} keeps records for 1h only, at least half of 720h is needed",
            f"topic {topics.ledger} does not exist",
        ]
    )
    with pytest.raises(Refused, match="slawatch topics create"):
        await topics.refuse_problems(Connection(kafka), 3, None)
    with pytest.raises(Refused, match=topics.ledger):
        await present(Connection(kafka), [topics.ledger, topics.alerts])


async def test_more_replicas_than_brokers_are_refused(kafka: str, topics: Topics) -> None:
    with pytest.raises(Refused, match="replication factor of 3 cannot be reached"):
        await topics.create(Connection(kafka), 3, 3)
    problems = await topics.problems(Connection(kafka), 3, 3)
    assert "3 replicas are configured, and there are 1 brokers" in problems


def _slawatch(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from agents.cli import main; main()", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_creates_checks_and_refuses(kafka: str, unique: str) -> None:
    settings = {"SLAWATCH_KAFKA": kafka, "SLAWATCH_TOPIC_PREFIX": unique, "SLAWATCH_PARTITIONS": "2"}
    checked = _slawatch("topics", "check", **settings)
    assert checked.returncode == 3
    assert f"topic {unique}ticket-created does not exist" in checked.stderr
    created = _slawatch("topics", "create", **settings)
    assert created.returncode == 0, created.stderr
    assert f"created {unique}sla-alerts" in created.stdout
    assert _slawatch("topics", "check", **settings).returncode == 0
    unequal = _slawatch("topics", "check", **settings | {"SLAWATCH_PARTITIONS": "4"})
    assert unequal.returncode == 3
    assert unequal.stderr.count("has 2 partitions, not 4") == INPUTS + OTHERS
    assert _slawatch("topics", "check").returncode == 2


def test_a_kafka_that_is_not_there_is_waited_for_with_one_line() -> None:
    (port,) = free_ports(1)
    command = [sys.executable, "-c", "from agents.cli import main; main()", "topics", "check"]
    environment = {"SLAWATCH_KAFKA": f"127.0.0.1:{port}"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        line = waiting.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(4)  # long enough for a second attempt, which says nothing more
        waiting.terminate()
        rest = waiting.stderr.read()
    assert "does not answer; waiting for it" in line
    assert rest == ""
