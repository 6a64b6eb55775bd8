"""`slawatch send`: every event on its topic, in the partition where every other client would put it."""

import asyncio
import gzip
import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from aiokafka.partitioner import murmur2
from command_line import SLAWATCH, environment, slawatch
from services import free_ports
from topic_records import create_topics, list_topics, read_records
from waiting import eventually

from agents.commands.send import address, ahead
from agents.simulator import simulate
from streams.events import TOPIC_OF
from streams.instants import HOUR, SECOND, format_instant, parse_instant

CREATED = {"event_id": "e1", "type": "ticket_created", "ticket_id": "T-1", "occurred_at": "2026-03-02T09:00:00Z"}


@pytest.fixture
def topics(kafka: str, unique: str) -> list[str]:
    """The event topics under a prefix of this test's own."""
    names = [f"{unique}.{topic}" for topic in TOPIC_OF.values()]
    asyncio.run(create_topics(kafka, names))
    return names


@pytest.mark.parametrize(
    ("key", "expected"),
    [  # the Java client's own figures, from its UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_producer_hashes_keys_as_the_java_client_does(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected % 2**32


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"type":"ticket_created","ticket_id":"T-1"}', ("ticket_created", b"T-1")),
        (b'{"type":"agent_status_changed","agent_id":"a","ticket_id":"T"}', ("agent_status_changed", b"a")),
        ('{"type":"ticket_rated","ticket_id":"票"}'.encode(), ("ticket_rated", "票".encode())),
        (b'{"type":"ticket_rated"}', ("ticket_rated", None)),
        (b'{"type":"ticket_rated","ticket_id":17}', ("ticket_rated", None)),
    ],
)
def test_a_line_is_addressed_by_its_type_and_id(line: bytes, expected: tuple[str, bytes | None]) -> None:
    assert address(line) == expected


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"17", b"{}", b'{"type":"x"}', b'{"type":null}', b'{"type":["a"]}', b"\xff", b"null"]
)
def test_a_line_without_a_known_type_has_no_address(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"no JSON object|no type|no known type"):
        address(line)


def test_every_event_arrives_as_it_stands_on_its_topic(
    kafka: str, unique: str, topics: list[str], tmp_path: Path
) -> None:
    start = parse_instant("2026-03-02T00:00:00+08:00")
    lines = [msgspec.json.encode(event) for event in simulate(200, 3, 2, start)]
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n".join(lines)))
    sent = slawatch("send", str(file), kafka=kafka, topic_prefix=f"{unique}.")
    assert sent.returncode == 0, sent.stderr
    assert f"{len(lines):,}  events in" in sent.stdout

    records = asyncio.run(read_records(kafka, topics))
    assert Counter(record.value for record in records) == Counter(lines)
    partition_of: dict[bytes, int] = {}
    for record in records:
        event = json.loads(record.value)
        assert record.topic == f"{unique}.{TOPIC_OF[event['type']]}"
        assert record.key == (event.get("ticket_id") or event["agent_id"]).encode()
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % 3
        assert partition_of.setdefault(record.key, record.partition) == record.partition


def test_one_bad_line_does_not_lose_the_rest(kafka: str, unique: str, topics: list[str], tmp_path: Path) -> None:
    invalid_field = {**CREATED, "event_id": "e2", "priority": 7}
    no_ticket = {"event_id": "e3", "type": "ticket_rated", "score": 5}
    too_long = {**CREATED, "event_id": "e4", "category": "x" * 2_000_000}
    lines = [
        json.dumps(CREATED),
        '{"event_id": ',
        "",
        '{"type": "ticket_\x1b[31m_eaten"}'.replace("\x1b", "\\u001b"),
        json.dumps(invalid_field),
        json.dumps(no_ticket),
        json.dumps(too_long),
        json.dumps({**CREATED, "event_id": "e5"}),
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines))
    sent = slawatch("send", str(file), kafka=kafka, topic_prefix=f"{unique}.")
    assert sent.returncode == 1
    told = sent.stderr.splitlines()
    assert [line.partition(": ")[0] for line in told] == [f"{file}:{number}" for number in (2, 4, 7)]
    assert "\x1b" not in sent.stderr
    assert "3 lines skipped" in sent.stdout
    records = asyncio.run(read_records(kafka, topics))
    arrived = {json.loads(record.value)["event_id"]: record.key for record in records}
    assert arrived == {"e1": b"T-1", "e2": b"T-1", "e3": None, "e5": b"T-1"}


def test_many_bad_lines_are_counted_not_all_told(kafka: str, unique: str, topics: list[str]) -> None:
    sent = slawatch("send", "-", given=b"nonsense\n" * 500, kafka=kafka, topic_prefix=f"{unique}.")
    assert sent.returncode == 1
    assert len(sent.stderr.splitlines()) == 21
    assert "500 lines skipped" in sent.stdout


async def test_an_event_on_standard_input_is_sent_while_more_may_come(kafka: str, unique: str) -> None:
    topic = f"{unique}.ticket-created"
    await create_topics(kafka, [f"{unique}.{name}" for name in TOPIC_OF.values()])
    sending = subprocess.Popen(  # noqa: ASYNC220  it is started once, and read without waiting
        [SLAWATCH, "send", "-"],
        env=environment(kafka=kafka, topic_prefix=f"{unique}."),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert sending.stdin is not None
        sending.stdin.write(json.dumps(CREATED).encode() + b"\n")
        sending.stdin.flush()

        async def arrived() -> bool:
            return len(await read_records(kafka, [topic])) == 1

        await eventually(arrived, timeout=30, what="the event arrives while standard input is open")
        sending.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(sending.wait, 20) == 1  # interrupted: not all of it may have been sent
        assert sending.stderr is not None
        errors = sending.stderr.read().decode()
        assert "Traceback" not in errors
        assert "Fatal" not in errors
    finally:
        sending.kill()
        sending.communicate()


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b'{"occurred_at":"2026-03-02T09:00:01.5Z"}', 1.5),
        (b'{"occurred_at":"2026-03-02T17:01:00+08:00"}', 60),
        (b'{"occurred_at":"2026-03-02T08:59:59Z"}', 0),
        (b'{"occurred_at":"tomorrow"}', 0),
        (b'{"occurred_at":7}', 0),
        (b"{", 0),
    ],
)
def test_an_event_is_as_far_ahead_as_it_says(line: bytes, seconds: float) -> None:
    """One that says nothing is sent at once: the worker makes a dead letter of it."""
    assert ahead(line, parse_instant("2026-03-02T09:00:00Z")) == seconds


LIVE = {"past": -HOUR, "ahead": 6 * SECOND}


def test_live_events_are_sent_when_they_occur(kafka: str, unique: str, topics: list[str]) -> None:
    begun = time.time_ns() // 1000
    told = [{**CREATED, "event_id": name, "occurred_at": format_instant(begun + at)} for name, at in LIVE.items()]
    lines = "\n".join(map(json.dumps, told)).encode()
    sent = slawatch("send", "-", "--live", given=lines, kafka=kafka, topic_prefix=f"{unique}.")
    assert sent.returncode == 0, sent.stderr
    records = asyncio.run(read_records(kafka, topics))
    written = {json.loads(record.value)["event_id"]: record.timestamp * 1000 - begun for record in records}
    assert written["past"] < written["ahead"]
    assert written["ahead"] + 1000 >= LIVE["ahead"]  # Kafka's stamps are milliseconds


def test_a_rate_holds_the_events_back(kafka: str, unique: str, topics: list[str]) -> None:
    lines = b"".join(json.dumps({**CREATED, "event_id": f"e{n}"}).encode() + b"\n" for n in range(200))
    begun = time.monotonic()
    sent = slawatch("send", "-", "--rate", "100", given=lines, kafka=kafka, topic_prefix=f"{unique}.")
    assert sent.returncode == 0, sent.stderr
    assert time.monotonic() - begun > 1.8
    assert len(asyncio.run(read_records(kafka, topics))) == 200


def test_missing_topics_are_refused_and_not_created(kafka: str, unique: str) -> None:
    sent = slawatch("send", "-", given=json.dumps(CREATED).encode(), kafka=kafka, topic_prefix=f"{unique}.")
    assert sent.returncode == 3
    assert f"{unique}.ticket-created" in sent.stderr
    assert "slawatch topics create" in sent.stderr
    assert not [topic for topic in asyncio.run(list_topics(kafka)) if topic.startswith(unique)]


def test_a_kafka_that_does_not_answer_is_a_fault() -> None:
    (port,) = free_ports(1)
    sent = slawatch("send", "-", given=json.dumps(CREATED).encode(), kafka=f"127.0.0.1:{port}")
    assert sent.returncode == 70
    assert f"127.0.0.1:{port}" in sent.stderr
    assert "Traceback" not in sent.stderr


def test_no_kafka_in_the_settings_is_a_configuration_error() -> None:
    sent = slawatch("send", "-", given=b"")
    assert sent.returncode == 2
    assert "SLAWATCH_KAFKA" in sent.stderr
