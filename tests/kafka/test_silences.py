"""`slawatch silence` and who follows it on a real Kafka, also once the topic was compacted; and the workers' signs."""

import asyncio
import contextlib
import json
import time

import pytest
from command_line import slawatch
from topic_records import create_topics, read_records, write_records
from waiting import eventually

from agents.engine import wall_clock
from agents.engine.connection import Connection
from agents.notifier.monitor import Teller, told_before
from agents.notifier.signs import SignReader, Signs
from agents.notifier.silence_store import SilenceSource
from agents.one_partition import OnePartition, append
from streams.alert_record import operations, read
from streams.instants import DAY

ALERT = {"level": "breach", "team": "billing"}


class Desk:
    """The topic of one test, and the command on it."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.topic = f"{prefix}sla-silences"

    def run(self, *arguments: str, expected: int = 0) -> str:
        """What `slawatch silence` prints, which must end with the exit code expected."""
        done = slawatch("silence", *arguments, kafka=self.bootstrap, topic_prefix=self.prefix)
        assert done.returncode == expected, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def desk(kafka: str, unique: str) -> Desk:
    desk = Desk(kafka, f"{unique}.")
    asyncio.run(create_topics(kafka, [desk.topic]))
    return desk


def test_a_silence_is_added_listed_and_ended(desk: Desk) -> None:
    assert desk.run("list") == "nothing is silenced\n"
    added = desk.run("add", "--team", "billing", "--for", "2h", "--reason", "maintenance")
    silence = added.split()[0]
    assert "team billing  (maintenance; " in added
    asyncio.run(append(Connection(desk.bootstrap), desk.topic, "x", b"nonsense"))
    listed = desk.run("list")
    assert added in listed
    assert "a record that has no effect: not written by `slawatch silence`" in listed
    (line,) = slawatch("silence", "list", "--json", kafka=desk.bootstrap, topic_prefix=desk.prefix).stdout.splitlines()
    assert json.loads(line)["id"] == silence
    assert f"{silence}  over since " in desk.run("end", silence)
    assert "nothing is silenced\n" in desk.run("list")
    assert "ended by" in desk.run("list", "--all")
    assert "is over already" in desk.run("end", silence, expected=3)
    assert "there is no silence 000000" in desk.run("end", "000000", expected=3)


def test_without_the_topic_it_is_said_what_to_do(kafka: str, unique: str) -> None:
    done = slawatch("silence", "list", kafka=kafka, topic_prefix=f"{unique}.")
    assert done.returncode == 3
    assert "slawatch topics create" in done.stderr


def test_followers_know_of_it_within_a_second_and_after_a_restart(desk: Desk) -> None:
    desk.run("add", "--team", "tech", "--for", "2h", "--reason", "r")

    async def follow() -> None:
        async with OnePartition(Connection(desk.bootstrap), desk.topic) as topic:
            source = SilenceSource(topic, DAY)
            async with source.following():
                assert len(list(source.silences)) == 1
                await asyncio.to_thread(desk.run, "add", "--team", "billing", "--for", "2h", "--reason", "r")
                written = time.monotonic()
                await eventually(lambda: source.silencing(ALERT, wall_clock()) is not None)
                assert time.monotonic() - written < 3
        async with OnePartition(Connection(desk.bootstrap), desk.topic) as topic:
            again = SilenceSource(topic, DAY)
            async with again.following():
                assert list(again.silences) == list(source.silences)

    asyncio.run(follow())


async def test_the_workers_signs_are_read_from_a_minute_ago_on(kafka: str, unique: str) -> None:
    topic = f"{unique}.worker-heartbeats"
    await create_topics(kafka, [topic])
    sign = json.dumps({"worker": 1, "at": 0, "partitions": [0]}).encode()
    await asyncio.to_thread(write_records, kafka, [(topic, None, sign, [])])
    signs = Signs(wall_clock)
    reading = asyncio.create_task(SignReader(Connection(kafka), topic, signs, wall_clock).run())
    try:
        await eventually(lambda: signs.up_to_date and signs.at_work() == {0})
        await asyncio.to_thread(write_records, kafka, [(topic, None, sign.replace(b"[0]", b"[0, 1]"), [])])
        await eventually(lambda: signs.at_work() == {0, 1})
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


async def test_what_the_monitor_tells_is_an_alert_that_is_read(kafka: str, unique: str) -> None:
    topic = f"{unique}.sla-alerts"
    await create_topics(kafka, [topic])
    alert = operations("delivery", "the destination desk takes no messages", 0, 1, destination="desk")
    await Teller(Connection(kafka), topic)(alert)
    (record,) = await read_records(kafka, [topic])
    assert read(record.value or b"") == alert
    assert record.partition == 0
    assert await told_before(Connection(kafka), topic) == [alert], "and is recalled after a restart"
