"""The engine when its surroundings fail: it waits, holds its alarms, refuses or leaves, and says which."""

from __future__ import annotations

import asyncio
import random
from signal import SIGCONT, SIGSTOP
from typing import TYPE_CHECKING

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from counting import Ticket, encode
from counting_run import Run, now
from services import KafkaCluster
from waiting import eventually

from agents.engine.membership import FETCH_MAX_WAIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def own_kafka() -> Iterator[KafkaCluster]:
    """One broker of the test's own, to be broken."""
    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    yield client
    await client.close()


async def test_a_broker_that_comes_and_goes(own_kafka: KafkaCluster, unique: str, tmp_path: Path, seed: int) -> None:
    """Absent at the start: one line, and it waits. Gone for a while: alarms hold, and nothing false rings."""
    async with Run(own_kafka.bootstrap, unique, tmp_path, input_stall=3, limit=4, settle=4) as run:
        own_kafka.kill(1)
        worker = run.start()
        await eventually(lambda: "does not answer" in worker.complaints)
        await asyncio.to_thread(own_kafka.start, 1)
        await run.all_live(worker)
        assert worker.complaints.count("does not answer") == 1

        chance = random.Random(seed)
        loading = asyncio.create_task(run.load(100, 12, chance))
        await eventually(lambda: worker.said("live")[-1]["read"] > 200, 20)
        own_kafka.kill(1)
        await eventually(lambda: worker.said("holding"), 10)
        await eventually(lambda: worker.said("blind"), 10)
        await asyncio.to_thread(own_kafka.start, 1)
        await loading
        if worker.process.poll() is not None:
            assert worker.process.returncode == 70
            worker = run.start()
        await eventually(lambda: worker.said("blind")[-1:] in ([], worker.said("blind")[1:2]), 60)
        await run.all_live(worker)
        await run.assert_exact(60)


async def test_a_worker_whose_clock_is_an_hour_off_leaves_the_partitions_to_the_others(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    async with Run(kafka, unique, tmp_path) as run:
        wrong = run.start("wrong", clock_ahead=3600)
        told = await eventually(lambda: wrong.said("skewed"), 30)
        assert -3602e6 < told[0]["skew"] < -3598e6
        right = run.start("right")
        await run.all_live(right)
        run.send("created", "T1")
        assert set(await run.assert_exact()) == {"T1"}
        assert (wrong.process.poll(), wrong.said("live")) == (None, [])


async def test_topics_that_do_not_fit_are_refused(
    kafka: str, unique: str, tmp_path: Path, admin: AIOKafkaAdminClient
) -> None:
    """Missing ones, and partitions raised under a running worker: exit code 3, and which it is."""
    async with Run(kafka, unique, tmp_path) as run:
        worker = run.start(partitions=5)
        assert await worker.gone(30) == 3
        assert f"topic {run.topic('created')} has 4 partitions, 5 are configured" in worker.complaints
        stray = run.start("stray", prefix=unique + "x")
        assert await stray.gone(30) == 3
        assert "has no partitions" in stray.complaints

        worker = run.start()
        await run.all_live(worker)
        await admin.create_partitions({run.topic("created"): NewPartitions(8)})
        other = run.start("w1")
        assert await other.gone(30) == 3
        assert "has 8 partitions, 4 are configured" in other.complaints


async def test_what_another_process_writes_to_the_changelog_is_written_over(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    async with Run(kafka, unique, tmp_path) as run:
        worker = run.start()
        await run.all_live(worker)
        run.send("created", "T1")
        run.send("replied", "T1")
        await run.assert_exact()
        partition = next(record.partition for record in await run.records("tickets-changelog"))
        forged = encode(Ticket(seen={"x", "y", "z"}))
        for key in (b"T1", b"stranger"):
            run._producer.produce(run.topic("tickets-changelog"), forged, key, partition)
        run.flush()
        while not worker.said("foreign"):
            run.send("noise", "T1")
            await asyncio.sleep(0.2)
        assert worker.said("foreign")[0] | {"t": 0} == {
            "event": "foreign",
            "partition": partition,
            "records": 2,
            "t": 0,
        }
        await run.assert_exact()


async def test_input_that_was_deleted_unread_is_told(
    kafka: str, unique: str, tmp_path: Path, admin: AIOKafkaAdminClient
) -> None:
    async with Run(kafka, unique, tmp_path, partitions=1) as run:
        worker = run.start()
        await run.all_live(worker)
        run.send("created", "T1")
        run.send("replied", "T1")
        await run.assert_exact()
        assert await worker.stop() == 0
        for _ in range(3):
            run._produce("created", "T2", b"lost")
        run.flush()
        await admin.delete_records({TopicPartition(run.topic("created"), 0): RecordsToDelete(before_offset=4)})
        worker = run.start()
        await run.all_live(worker)
        assert [fact["records"] for fact in worker.said("lost")] == [3]
        run.send("created", "T3", now())
        await run.assert_exact()


async def test_input_that_is_deleted_before_a_running_worker_has_read_it_is_told(
    kafka: str, unique: str, tmp_path: Path, admin: AIOKafkaAdminClient
) -> None:
    async with Run(kafka, unique, tmp_path, partitions=1, session=30) as run:
        worker = run.start()
        await run.all_live(worker)
        run.send("created", "T1")
        run.send("replied", "T1")
        await run.assert_exact()
        worker.signal(SIGSTOP)
        await asyncio.sleep(3 * FETCH_MAX_WAIT)  # the answer that the broker still owed it is empty
        for _ in range(3):
            run._produce("created", "T2", b"lost")
        run.flush()
        await admin.delete_records({TopicPartition(run.topic("created"), 0): RecordsToDelete(before_offset=4)})
        worker.signal(SIGCONT)
        run.send("created", "T3", now())
        await eventually(lambda: [fact["records"] for fact in worker.said("lost")] == [3], 20, what="the loss is told")
        await run.assert_exact()


async def test_an_owner_that_raises_ends_the_process_before_anything_is_committed(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    """Faust by itself would skip the chunk and go on."""
    async with Run(kafka, unique, tmp_path, partitions=1) as run:
        worker = run.start()
        await run.all_live(worker)
        run._produce("created", "T1", b"no JSON")
        assert await worker.gone(20) == 70
        assert "could not be applied" in worker.complaints
        run.send("created", "T2")
        again = run.start()
        assert await again.gone(20) == 70, "the record that cannot be applied is read again"


async def test_a_worker_that_is_given_nothing_waits_and_takes_over(kafka: str, unique: str, tmp_path: Path) -> None:
    """More workers than partitions."""
    async with Run(kafka, unique, tmp_path, partitions=1) as run:
        first = run.start("w0")
        await run.all_live(first)
        second = run.start("w1")
        await eventually(lambda: second.said("live"), 30)
        await eventually(lambda: sorted([len(first.live()), len(second.live())]) == [0, 1], 20)
        holder, idle = (first, second) if first.live() else (second, first)
        assert await holder.stop() == 0
        await run.all_live(idle)
        run.send("created", "T1")
        assert set(await run.assert_exact()) == {"T1"}
