"""Promises that are applied to all workers while partitions move, workers die, and garbage lies on the topic."""

from __future__ import annotations

import random
import shutil
import sys
import time
from typing import TYPE_CHECKING

import late_worker
from confluent_kafka import Producer
from kafka_io import created, now, replied
from processes import Installation
from promises import Desk, hang_up, has, in_force, more, policies
from waiting import eventually

from agents import one_partition, policy_topic
from agents.engine import Connection
from streams.instants import HOUR, MINUTE

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Figures
    from processes import Program
    from promises import Event

PARTITIONS = 4

BEFORE, AFTER = policies(urgent="30m", normal="2h", low="30m"), policies(urgent="2h", normal="30m", low="20m")
ENDS = {"urgent": ["raised", "corrected"], "normal": ["raised"], "low": ["raised"]}
"""What is told of an unanswered ticket of an hour when AFTER follows BEFORE, and then nothing else does."""


def mixed(count: int, seed: int) -> tuple[list[Event], dict[str, list[str]]]:
    """Tickets of an hour ago, a third of them answered in time under both promises; and what is to be told of each."""
    chance, start = random.Random(seed), now() - HOUR
    events, tells = [], {}
    for number in range(count):
        ticket, priority = f"T-{number}", chance.choice(list(ENDS))
        events.append(created(ticket, start + number * 1000, priority=priority))
        if chance.random() < 1 / 3:
            events.append(replied(ticket, start + 5 * MINUTE))
        else:
            tells[ticket] = ENDS[priority]
    return events, tells


def no_flip(verdicts: dict[str, list[str]]) -> None:
    """No verdict is given, taken back and given again."""
    back = {ticket: given for ticket, given in verdicts.items() if len(set(given)) != len(given)}
    assert not back, f"{len(back)} flip: {list(back.items())[:3]}"


async def test_all_workers_take_an_applied_version_while_partitions_move(
    kafka: str, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """The version comes while a third worker joins; once another has judged some of its tickets by it, it is killed."""
    async with Installation(kafka, unique, tmp_path, PARTITIONS) as house:
        desk = Desk(house)
        events, tells = mixed(8_000 if full else 3_000, seed)
        desk.put(*events)
        house.events.flush()
        file = house.file("policies.yaml", BEFORE)
        workers = {name: house.worker(name, policies=file) for name in ("w1", "w2")}
        await house.shared(*workers.values())
        first = [event["ticket_id"] for event in events if event.get("priority") in ("urgent", "low")]
        await house.alerted(set(first) & tells.keys(), within=60)
        await house.caught_up()

        at, begun = now(), time.monotonic()
        workers["w3"] = house.worker("w3", policies=file)
        await eventually(lambda: changing_hands(workers["w1"]), timeout=30, every=0.01)
        put = await policy_topic.put(Connection(kafka), house.topics.policies, AFTER, None, "2026-01-05T09:00:00Z")
        version = str(put.number)
        await eventually(lambda: more(workers["w1"], "sla_tickets_judged_anew_total", 0), timeout=30, every=0.01)
        anew = await workers["w1"].metric("sla_tickets_judged_anew_total")
        workers.pop("w1").kill()
        workers["w1"] = house.worker("w1", policies=file)
        for worker in workers.values():
            await worker.ready()
            await eventually(lambda worker=worker: has(worker, "topic", version), timeout=30)
        switched = time.monotonic() - begun
        await house.shared(*workers.values())
        await eventually(lambda: all_told(desk, tells), timeout=60, every=0.5)
        await eventually(lambda: desk.judged_by(AFTER), timeout=30, every=0.5)
        assert await desk.told() == tells
        no_flip(await desk.verdicts(since=at))
        assert len({await in_force(worker) for worker in workers.values()}) == 1
        assert f"{house.topics.policies} version {version}" in workers["w3"].output

        # With nothing on its disk a worker still has the version; and a wrong file on the topic changes nothing.
        code, _, wrong = await desk.run("policies", "apply", house.file("wrong.yaml", AFTER.replace("20m", "0s")))
        assert (code, wrong.count("wrong.yaml:14: policies[2].targets.first_response.limit")) == (2, 1)
        for worker in workers.values():
            worker.kill()
        shutil.rmtree(tmp_path / "w2")
        alone = await house.worker("w2", policies=file).ready()
        await eventually(lambda: has(alone, "topic", version), timeout=10)
        assert await alone.metric("sla_tickets_judged_anew_total") == 0
        assert await alone.stop() == 0
        assert await desk.told() == tells
    figures(
        fault="policies applied while partitions move: a worker joins, another is killed",
        shown="no verdict goes back and forth, all workers end with one version, the ledger is the judge's",
        tickets=len({event["ticket_id"] for event in events}), judged_before_the_kill=f"{anew:.0f}",
        all_on_the_same_version=f"{switched:.1f} s",
    )  # fmt: skip


async def changing_hands(worker: Program) -> bool:
    """Whether partitions are."""
    return (await worker.get("/readyz"))[0] == 503


async def all_told(desk: Desk, tells: dict[str, list[str]]) -> bool:
    told = await desk.told()
    missing = {ticket: told.get(ticket) for ticket in tells if told.get(ticket) != tells[ticket]}
    assert not missing, f"{len(missing)} are told otherwise: {list(missing.items())[:3]}"
    return True


async def test_whoever_takes_a_partition_over_has_the_version_of_whoever_had_it(
    kafka: str, unique: str, tmp_path: Path, seed: int, figures: Figures
) -> None:
    """The worker that stays hears of the version long after the one that leaves has judged by it."""
    async with Installation(kafka, unique, tmp_path, PARTITIONS) as house:
        desk = Desk(house)
        events, tells = mixed(300, seed)
        desk.put(*events)
        house.events.flush()
        file = house.file("policies.yaml", BEFORE)
        leaving = house.worker("w1", policies=file)
        house.program = (sys.executable, late_worker.__file__)
        late = house.worker("w2", policies=file)
        await house.shared(leaving, late)
        first = [event["ticket_id"] for event in events if event.get("priority") in ("urgent", "low")]
        await house.alerted(set(first) & tells.keys(), within=60)
        await house.caught_up()

        at = now()
        version = str(await desk.applied(AFTER))
        held = await leaving.metric("sla_tickets_kept")
        await eventually(lambda: more(leaving, "sla_tickets_judged_anew_total", held - 1), timeout=20)
        assert await leaving.stop() == 0
        assert await has(late, "file"), "both have the version: this shows nothing"
        await house.shared(late)
        assert await has(late, "topic", version)
        await eventually(lambda: all_told(desk, tells), timeout=60, every=0.5)
        await eventually(lambda: desk.judged_by(AFTER), timeout=30, every=0.5)
        no_flip(await desk.verdicts(since=at))
        assert await late.stop() == 0
    figures(
        fault="a partition moves to a worker that has not heard of the applied version",
        shown="it takes no partition before it has; no verdict is given, taken back and given again",
        tickets=len({event["ticket_id"] for event in events}), hears_late_by=f"{late_worker.LATE:.0f} s",
    )  # fmt: skip


async def test_the_topic_wins_over_the_file_until_it_is_withdrawn(
    kafka: str, unique: str, tmp_path: Path, figures: Figures
) -> None:
    """What is no document of ours is refused, counted, and holds up nothing that comes after it."""
    async with Installation(kafka, unique, tmp_path, PARTITIONS) as house:
        desk = Desk(house)
        file = house.file("policies.yaml", policies(normal="1h"))
        assert (await desk.run("policies", "show"))[0] == 0
        worker = await house.worker("w1", policies=file).ready()
        own = await in_force(worker)
        text = "# as it was written: 早\n" + policies(normal="3h")
        assert await desk.applied(text) == 1
        await eventually(lambda: has(worker, "topic", "1"), timeout=10)

        house.file("policies.yaml", policies(normal="2h"))
        hang_up(worker)
        await eventually(lambda: "right, and not in force" in worker.output, timeout=10)
        assert await has(worker, "topic", "1")
        code, shown, about = await desk.run("policies", "show")
        assert (code, shown) == (0, text)
        assert f"{house.topics.policies} version 1, applied by " in about

        for garbage in (b"", b"no JSON", b'{"text": 1}', b'{"text": "version: 9", "by": "a@b", "at": "now"}'):
            put_raw(house, garbage)
        await eventually(lambda: more(worker, "sla_policy_reload_errors_total", 3), timeout=10)
        assert await worker.metric("sla_policies_last_reload_successful", source="topic") == 0
        assert f"{house.topics.policies} version 5:1: version: unknown version" in worker.output
        assert await has(worker, "topic", "1")
        # Whoever starts now comes to the same.
        second = await house.worker("w2", policies=file).ready()
        await house.shared(worker, second)
        assert await in_force(second) == await in_force(worker)
        assert "waits until it is withdrawn" in second.output

        code, _, _ = await desk.run("policies", "withdraw")
        assert code == 0
        for each in (worker, second):
            await eventually(lambda each=each: has(each, "file", ""), timeout=10)
            assert await each.metric("sla_policies_last_reload_successful") == 2  # of the file, and of the topic
        assert (await in_force(worker)) == (await in_force(second)) != own
        assert await desk.applied(text) == 7
        for each in (worker, second):
            await eventually(lambda each=each: has(each, "topic", "7"), timeout=10)
        code, listed, _ = await desk.run("policies", "history")
        lines = [line.split() for line in listed.splitlines()]
        assert [line[0] for line in lines] == ["7", "6", "5", "4", "3", "2", "1"]
        assert [(line[1] == "refused:", line[-1] == "withdrawn") for line in lines] == [
            (False, False), (False, True), *[(True, False)] * 4, (False, False),
        ]  # fmt: skip
        code, _, wrong = await desk.run("policies", "show", "9")
        assert (code, wrong.count("no version 9")) == (3, 1)
        assert [await each.stop() for each in (worker, second)] == [0, 0]
    figures(
        fault="garbage on the topic of the policies, and their withdrawal",
        shown="garbage is refused and counted, workers old and new agree; withdrawn, the files hold again",
    )


def put_raw(house: Installation, value: bytes) -> None:
    """Puts a record where the versions lie."""
    producer = Producer({"bootstrap.servers": house.bootstrap})
    producer.produce(house.topics.policies, value, b"garbage", partition=one_partition.PARTITION)
    assert producer.flush(10) == 0
