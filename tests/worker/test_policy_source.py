"""Which promises are in force, of a file and a topic that the test writes: what wins, is refused, is waited for."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Self

import pytest
from aiokafka.errors import KafkaTimeoutError, LeaderNotAvailableError
from partitions import Bench, event
from waiting import eventually

from agents.meters import Meters
from agents.policy_source import PolicySource, policies_of
from agents.policy_topic import Version
from streams.instants import HOUR, MINUTE, SECOND, parse_instant

if TYPE_CHECKING:
    from pathlib import Path

    from streams.alert_record import Alert

NINE = parse_instant("2026-01-05T09:00:00Z")


def promise(limit: str) -> str:
    return f"version: 1\npolicies:\n  - name: all\n    targets:\n      first_response: {{limit: {limit}}}\n"


def document(text: str | None, fingerprint: str | None = None) -> bytes:
    record = {"text": text, "fingerprint": fingerprint, "by": "me@desk", "at": "2026-01-05T09:00:00Z"}
    return json.dumps(record).encode()


class FakeTopic:
    """A topic in memory. `held`: what is put there does not arrive yet."""

    name = "sla-policies"

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self.held = False
        self.errors: list[Exception] = []
        self._position = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def put(self, *values: bytes | None) -> None:
        self.values += values

    async def new(self) -> list[Version]:
        await asyncio.sleep(0.001)
        if self.errors:
            raise self.errors.pop()
        if self.held:
            return []
        begin, self._position = self._position, len(self.values)
        return [Version(number, self.name, self.values[number - 1]) for number in range(begin + 1, self._position + 1)]

    async def position(self) -> int:
        return self._position

    async def end(self) -> int:
        return len(self.values)


class Desk:
    """A source, the rules it keeps, and what it says."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.topic = FakeTopic()
        self.meters = Meters()
        self.bench = Bench(policies_of(file), NINE)
        self.told: list[Alert] = []
        self.source = PolicySource(
            file,
            self.topic,  # type: ignore[arg-type]  # a fake of what is used
            self.bench.rules,
            self.meters,
            lambda: NINE,
            self.told.append,
        )

    def write(self, text: str) -> None:
        """Into the file."""
        assert self.file is not None
        self.file.write_text(text)

    @property
    def limit(self) -> int:
        """Minutes promised for a first response."""
        (policy,) = self.bench.rules.policies
        return policy.promises["first_response"].limit // MINUTE

    @property
    def in_force(self) -> tuple[str, str]:
        """Source and version."""
        (metric,) = self.meters.policies.collect()
        (sample,) = metric.samples
        assert sample.labels["fingerprint"] == self.bench.rules.policies.fingerprint
        return sample.labels["source"], sample.labels["version"]

    def right(self, source: str) -> float | None:
        return self.meters.registry.get_sample_value("sla_policies_last_reload_successful", {"source": source})

    @property
    def errors(self) -> float:
        return self.meters.registry.get_sample_value("sla_policy_reload_errors_total") or 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policies.yaml"
    path.write_text(promise("1h"))
    return path


@pytest.fixture
def desk(file: Path) -> Desk:
    return Desk(file)


async def test_without_file_and_topic_the_shipped_promises_hold() -> None:
    desk = Desk(None)
    assert desk.in_force == ("defaults", "")
    await desk.source.reload()
    await desk.source.reload_if_changed()
    async with desk.source.following():
        assert (desk.in_force, desk.right("file"), desk.right("topic"), desk.errors) == (
            ("defaults", ""),
            None,
            None,
            0,
        )


async def test_a_file_is_taken_when_it_is_right_and_only_when_it_was_written(desk: Desk) -> None:
    before = desk.bench.rules.policies
    await desk.source.reload_if_changed()
    assert desk.bench.rules.policies is before
    desk.write(promise("90m"))
    await desk.source.reload_if_changed()
    assert (desk.limit, desk.in_force, desk.right("file")) == (90, ("file", ""), 1)
    desk.write(promise("0s"))
    await desk.source.reload_if_changed()
    await desk.source.reload_if_changed()
    assert (desk.limit, desk.right("file"), desk.errors) == (90, 0, 1)
    await desk.source.reload()
    assert (desk.limit, desk.right("file"), desk.errors) == (90, 0, 2)


async def test_operations_are_told_once_that_a_change_is_refused_and_once_that_it_is_right(desk: Desk) -> None:
    for limit in ("0s", "-1s"):
        desk.write(promise(limit))
        await desk.source.reload()
    (raised,) = desk.told
    assert (raised.level, raised.target, raised.kind) == ("operations", "config", "raised")
    assert f"{desk.file}:5: policies[0].targets.first_response.limit: " in str(raised.message)
    desk.write(promise("90m"))
    await desk.source.reload()
    await desk.source.reload()
    (_, over) = desk.told
    assert (over.kind, over.alert_id) == ("recovered", raised.alert_id)


async def test_all_of_the_topic_is_taken_over_before_it_begins(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.topic.put(document(promise("5m")), document(promise("3h")))
    with caplog.at_level(logging.WARNING, "slawatch.policies"):
        async with desk.source.following():
            assert (desk.limit, desk.in_force, desk.right("topic")) == (180, ("topic", "2"), 1)
    assert "policies.yaml waits until it is withdrawn" in caplog.text
    assert "version 1" not in caplog.text  # it never held


async def test_the_file_that_was_loaded_last_holds_after_a_withdrawal(desk: Desk) -> None:
    async with desk.source.following():
        desk.topic.put(document(promise("3h")))
        await desk.source.caught_up()
        desk.write(promise("2h"))
        await desk.source.reload()
        assert (desk.limit, desk.in_force) == (180, ("topic", "1"))
        desk.write("no policies")
        await desk.source.reload()
        desk.topic.put(document(None))
        await desk.source.caught_up()
        assert (desk.limit, desk.in_force, desk.right("file"), desk.right("topic")) == (120, ("file", ""), 0, 1)


@pytest.mark.parametrize(
    "garbage",
    [
        None, b"", b"\xff", b"[]", b"{}", b'{"text": 1, "by": "", "at": ""}', document("version: 2"), document(""),
        document(promise("0s")), document("a: &a [*a]"), document("[" * 1000), document("\x00"),
    ],
)  # fmt: skip
async def test_what_cannot_take_effect_leaves_the_newest_in_force_that_can(desk: Desk, garbage: bytes | None) -> None:
    desk.topic.put(document(promise("5m")), document(promise("3h")), garbage)
    async with desk.source.following():
        assert (desk.limit, desk.in_force, desk.right("topic"), desk.errors) == (180, ("topic", "2"), 0, 1)
        desk.topic.put(garbage, document(promise("4h")))
        await desk.source.caught_up()
        assert (desk.limit, desk.in_force) == (240, ("topic", "5"))
        assert desk.right("topic") == 1
        desk.topic.put(garbage)
        await desk.source.caught_up()
        assert (desk.limit, desk.in_force, desk.right("topic")) == (240, ("topic", "5"), 0)


async def test_a_fault_of_ours_with_one_version_does_not_hold_up_the_next(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk.source.following():
        desk.topic.errors = [RuntimeError("a fault of ours"), LeaderNotAvailableError()]
        await eventually(lambda: desk.errors == 1)
        assert desk.right("topic") == 0
        desk.topic.put(document(promise("3h")))
        await desk.source.caught_up()
        assert desk.limit == 180
    assert "a fault of ours" in caplog.text


async def test_who_asks_waits_for_what_was_there_when_it_asked(desk: Desk) -> None:
    async with desk.source.following():
        desk.topic.held = True
        desk.topic.put(document(promise("3h")))
        asked = asyncio.create_task(desk.source.caught_up())
        done, _ = await asyncio.wait([asked], timeout=0.1)
        assert not done
        assert desk.limit == 60
        desk.topic.held = False
        await asked
        assert desk.limit == 180


async def test_a_topic_that_cannot_be_read_to_its_end_is_an_error_of_kafka(desk: Desk) -> None:
    desk.topic.put(document(promise("3h")))
    desk.topic.held = True
    desk.source.patience = 0.05
    with pytest.raises(KafkaTimeoutError, match="could not be read to its end"):
        async with desk.source.following():
            raise AssertionError


async def test_the_same_text_with_another_meaning_here_is_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    same = policies_fingerprint(desk)
    desk.topic.put(document(promise("1h"), same))
    async with desk.source.following():
        assert "means something else" not in caplog.text
        desk.topic.put(document(promise("1h"), "0" * 16))
        await desk.source.caught_up()
    assert "sla-policies version 2 means something else here than where it was applied" in caplog.text


def policies_fingerprint(desk: Desk) -> str:
    return desk.bench.rules.policies.fingerprint


# What follows for a partition


def created(ticket_id: str, at: int) -> dict[str, object]:
    return event("ticket_created", ticket_id, f"{ticket_id}-created", at)


async def test_a_partition_notices_by_itself_and_judges_a_bounded_number_a_call(desk: Desk) -> None:
    """Also while it is changing hands and nobody asks it anything."""
    bench = desk.bench
    bench.put(*[created(f"T-{number}", NINE) for number in range(1_200)])
    bench.now = NINE + 30 * MINUTE
    assert bench.ring() == []
    desk.write(promise("20m"))
    await desk.source.reload()
    left = []
    while bench.partition.wake_at() == 0:
        left.append(bench.partition.to_judge)
        changes = bench.partition.ring(bench.now, bench.now)
        bench.store.put(changes.tickets)
        assert len(changes.tickets) <= 250
    assert left == [1_200, 950, 700, 450, 200]
    assert (bench.partition.to_judge, bench.count("sla_tickets_judged_anew_total")) == (0, 1_200)


async def test_alarms_ring_before_tickets_are_judged_anew(desk: Desk) -> None:
    """So a change of a million tickets makes no alert late."""
    bench = desk.bench
    bench.put(created("due", NINE))
    bench.now = NINE + 50 * MINUTE
    bench.put(*[created(f"T-{number}", bench.now) for number in range(1_000)])
    bench.now = NINE + HOUR + 2 * SECOND
    desk.write(promise("59m"))
    await desk.source.reload()
    assert bench.partition.wake_at() == 0
    changes = bench.partition.ring(bench.now, bench.now)
    (alert,) = [json.loads(out.value or b"") for out in changes.alerts]
    assert (alert["ticket_id"], alert["limit_seconds"]) == ("due", 59 * 60)
    assert bench.partition.to_judge > 400


async def test_an_event_that_comes_first_judges_its_ticket_anew_and_nothing_does_so_twice(
    desk: Desk,
) -> None:
    bench = desk.bench
    bench.put(created("A", NINE), created("B", NINE))
    desk.write(promise("2h"))
    await desk.source.reload()
    assert bench.partition.wake_at() == 0
    bench.put(event("agent_replied", "A", "A-reply", NINE + MINUTE))
    assert bench.partition.to_judge == 1
    bench.now = NINE + 2 * MINUTE
    assert bench.ring() == []
    assert bench.count("sla_tickets_judged_anew_total") == 2
    bench.start()
    assert bench.partition.to_judge == 0
    desk.write(promise("3h"))
    await desk.source.reload()
    bench.start()  # a partition that is loaded under other policies than its tickets were judged by
    assert bench.partition.to_judge == 2
    assert bench.ring() == []
    assert bench.count("sla_tickets_judged_anew_total") == 2
    bench.assert_adds_up()


async def test_tickets_that_are_judged_by_events_or_are_new_while_others_wait_are_counted_right(desk: Desk) -> None:
    bench = desk.bench
    bench.put(*[created(f"T-{number}", NINE) for number in range(1_500)])
    bench.put(*[event("status_changed", f"T-{n}", f"T-{n}-done", NINE, status="resolved") for n in range(100)])
    desk.write(promise("20m"))
    await desk.source.reload()

    def left() -> int:
        policies = desk.bench.rules.policies
        return sum(not kept.is_judged_by(policies) for kept in bench.tickets().values())

    # Before anybody asked the partition when to wake, and between two rings.
    replies = [event("agent_replied", f"T-{n}", f"T-{n}-reply", NINE + MINUTE) for n in range(700, 1_500)]
    bench.put(replies[0])
    assert bench.partition.to_judge == left() == 1_499
    assert bench.partition.wake_at() == 0
    bench.ring_once()
    assert bench.partition.to_judge == left() < 1_300
    bench.put(*replies[1:], *[created(f"N-{number}", NINE) for number in range(100)], *replies[:5])
    assert bench.partition.to_judge == left() < 600
    bench.ring()
    assert (bench.partition.to_judge, left(), bench.count("sla_tickets_judged_anew_total")) == (0, 0, 1_500)
    bench.assert_adds_up()


async def test_a_second_change_while_tickets_wait_judges_all_of_them_by_the_last(desk: Desk) -> None:
    bench = desk.bench
    bench.put(*[created(f"T-{number}", NINE) for number in range(1_200)])
    for limit in ("20m", "30m"):
        desk.write(promise(limit))
        await desk.source.reload()
        assert bench.partition.wake_at() == 0
        assert bench.partition.to_judge == 1_200
        bench.ring_once()
        assert bench.partition.to_judge == 950
    bench.ring()
    assert bench.partition.to_judge == 0
    assert all(kept.is_judged_by(bench.rules.policies) for kept in bench.tickets().values())
    bench.assert_adds_up()
