"""The shortcut gives to the byte what the whole way gives, or nothing; and what is common it takes."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import load
import pytest
from histories import chances, promises
from hypothesis import given, settings
from judge_time import instant
from partitions import Bench, Input, event
from strategies import FIELDS, STARTS, STEPS, random_policy_file
from test_window_laws import crowd

from config.policies import load_policies
from streams.events import TOPIC_OF
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from judge import Event

    from agents.engine import Changes
    from streams.policies import Policies

shortcut = pytest.importorskip("streams.shortcut", reason="the shortcut is there where the data path is compiled")

NOW = parse_instant("2026-01-07T12:34:56.789Z")
COMMON = ("ticket_created", "agent_replied", "customer_replied", "status_changed")
ODD = (
    "售后",
    "a\tb",
    'say "so"',
    "back\\slash",
    "",
    "x" * 31,
    "x" * 32,
    "x" * 255,
    "x" * 256,
    "x" * 257,
    "\x7f",
    "🙂",
    None,
)


def pair(policies: Policies, now: int = NOW) -> tuple[Bench, Bench]:
    """Two desks with the same promises: one takes the shortcut."""
    return Bench(policies, now), Bench(policies, now, shortcut=False)


def come(benches: tuple[Bench, Bench], records: Sequence[tuple[str, str, bytes]]) -> None:
    """These come in to both as one chunk (topic, key, value), and are said to come to the same."""
    found = []
    for bench in benches:
        chunk = [Input(topic, key.encode(), value, offset=n) for n, (topic, key, value) in enumerate(records)]
        changes = bench.partition.chunk(chunk, bench.now)
        found.append(written(changes))
        bench.keep(changes)
    assert found[0] == found[1]


def written(changes: Changes) -> dict[str, Any]:
    """What is to be written. The ledger's records have no order among tickets; those of one have."""
    by_key = defaultdict(list)
    for record in changes.records:
        by_key[record.key].append(record)
    return {"tickets": changes.tickets, "derived": changes.derived, "cold": changes.cold, "records": dict(by_key)}


def record_of(event: Event) -> tuple[str, str, bytes]:
    return TOPIC_OF[event["type"]], event["ticket_id"], json.dumps(event, ensure_ascii=False).encode()


def parts(rng: Random, records: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """In portions of all sizes."""
    begin = 0
    while begin < len(records):
        size = rng.choice((1, 2, 5, 30))
        yield records[begin : begin + size]
        begin += size


def common(rng: Random, tickets: int) -> list[Event]:
    """Tickets with what most events are, each in the order of its time; now and then one is handed over."""
    events = []
    for number in range(tickets):
        at = rng.choice(STARTS)
        for n in range(rng.randrange(1, 12)):
            kind = rng.choice((*COMMON[1:] * 3, "ticket_updated")) if n else "ticket_created"
            fields = {name: rng.choice(values) for name, values in FIELDS[kind].items()}
            if rng.random() < 0.1 and "agent_id" in fields:
                fields["agent_id"] = rng.choice(ODD)
            told = {
                name: value for name, value in fields.items() if value is None or isinstance(value, str | int | float)
            }
            if kind == "agent_replied" and rng.random() < 0.3:
                told["handle_seconds"] = rng.choice((0, 0.5, 1e-4, 1e7, 31_622_400, 31_622_401, 7.125, -1))
            events.append(event(kind, f"T{number}", f"T{number}-{n}", at) | told)
            at += rng.choice(STEPS) + rng.randrange(2) * rng.randrange(SECOND)
    return sorted(events, key=lambda event: instant(event["occurred_at"]))


@settings(max_examples=60)
@given(chances)
def test_what_is_common_comes_to_the_same(rng: Random) -> None:
    benches = pair(promises(random_policy_file(rng)).policies, STARTS[0] + 365 * DAY)
    events = common(rng, 30)
    for part in parts(rng, events):
        come(benches, [record_of(event) for event in part])
    assert benches[0].view() == benches[1].view()


@settings(max_examples=40)
@given(chances)
def test_what_comes_as_time_passes_and_alarms_ring_comes_to_the_same(rng: Random) -> None:
    """Events of all kinds, late and repeated ones, alerts that are told, policies that change, crashes."""
    benches = pair(promises(random_policy_file(rng)).policies, NOW - 90 * DAY)
    events = sorted(crowd(rng, 15, NOW), key=lambda event: instant(event["occurred_at"]))
    for part in parts(rng, events):
        until = max(instant(part[-1]["occurred_at"]), benches[0].now)
        reloaded = promises(random_policy_file(rng)).policies if rng.random() < 0.05 else None
        restarted = rng.random() < 0.05
        for bench in benches:
            bench.go(until - bench.now)
            if reloaded is not None:
                bench.reload(reloaded)
            if restarted:
                bench.start()
        come(benches, [record_of(event) for event in part])
    for bench in benches:
        bench.go(HOUR)
    assert benches[0].alerts == benches[1].alerts
    assert benches[0].ledger == benches[1].ledger
    assert benches[0].view() == benches[1].view()
    benches[0].assert_adds_up()


@settings(max_examples=150)
@given(chances)
def test_bytes_that_are_no_plain_event_come_to_the_same(rng: Random) -> None:
    benches = pair(promises(random_policy_file(rng)).policies, STARTS[0] + 365 * DAY)
    records = [record_of(event) for event in common(rng, 6)]
    for part in parts(rng, [spoilt(rng, *record) if rng.random() < 0.5 else record for record in records]):
        come(benches, part)
    assert benches[0].view() == benches[1].view()


PUT_IN = (b" ", b"\t\n", b"0", b'"', b"\\", b"\xff", b"-", b"e1", b"{", b",")
PUT_BEHIND = (b" ", b"\n", b"}", b"x")
FIELDS_MORE = (
    *('"seq":007', '"seq":-0', '"seq":1.0', '"seq":9223372036854775808', '"source":"crm"', '"source":null', '"new":1'),
    *('"tags":["a"]', '"team":"tech","team":null', '"status":"lost"', '"occurred_at":null'),
)
INSTANTS = (
    *("2026-01-05T09:00:00Z", "2026-02-29T09:00:00Z", "2024-02-29T09:00:00.5Z", "2026-01-05T09:00:60Z"),
    *("2026-01-05t09:00:00z", "2026-01-05 09:00:00Z", "2026-01-05T09:00:00", "2026-01-05T09:00:00.1234567Z"),
    *("2026-01-05T24:00:00Z", "2026-01-05T09:00:00+08:00", "2026-01-05T09:00:00-23:59", "2026-01-05T09:00:00+24:00"),
    *("2026-01-05T09:00:00+0800", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "2199-12-31T23:59:59Z"),
    *("2200-01-01T00:00:00Z", "2027-06-01T00:00:00Z"),
)


def spoilt(rng: Random, topic: str, key: str, value: bytes) -> tuple[str, str, bytes]:
    """The same with something else about it."""
    begin, end = sorted(rng.randrange(len(value) + 1) for _ in range(2))
    match rng.randrange(9):
        case 0:
            value = value[:begin]
        case 1:
            value = value[:begin] + value[end:]
        case 2:
            value = value[:begin] + rng.choice(PUT_IN) + value[begin:]
        case 3:
            value = value[:begin] + bytes([rng.randrange(256)]) + value[begin + 1 :]
        case 4:
            topic = TOPIC_OF[rng.choice(list(TOPIC_OF))]
        case 5:
            key += rng.choice(("x", "售"))
        case 6:
            value += rng.choice(PUT_BEHIND)
        case 7:
            value = value[:-1] + f",{rng.choice(FIELDS_MORE)}}}".encode()
        case _:
            value = json.dumps({**json.loads(value), "occurred_at": rng.choice(INSTANTS)}).encode()
    return topic, key, value


def test_the_load_of_the_bench_is_taken_by_the_shortcut_and_comes_to_the_same(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(load.POLICIES)
    policies = load_policies(path)
    begin = instant("2026-01-05T09:00:00Z") // SECOND
    records = [(TOPIC_OF[kind], ticket_id, value) for _, kind, ticket_id, value in load.events(6_000, begin)]
    benches = pair(policies, (begin + 3600) * SECOND)
    for number in range(0, len(records), 700):
        come(benches, records[number : number + 700])
    assert benches[0].view() == benches[1].view()
    by_ticket: dict[str, list[Input]] = defaultdict(list)
    for topic, key, value in records:
        by_ticket[key].append(Input(topic, key.encode(), value))
    taken = shortcut.Shortcut(policies, {topic: kind for kind, topic in TOPIC_OF.items()})
    for key, of_ticket in by_ticket.items():
        stored = None
        for begin in range(0, len(of_ticket), 2):
            course = taken.course(key.encode(), stored, of_ticket[begin : begin + 2], 0, 0, 0, 0, DAY)
            assert course is not None, key
            stored = course[0]


def test_business_hours_warnings_and_worked_time_are_common_too() -> None:
    """What its users' files say is not to be slow."""
    example = Path(__file__).parents[2] / "examples/policies.yaml"
    policies = load_policies(example)
    assert "warn" in example.read_text()
    at = parse_instant("2026-03-03T01:00:00Z")
    story = [
        event("ticket_created", "T", "1", at, priority="urgent", channel="chat", team="售后", customer_id="c"),
        event("agent_replied", "T", "2", at + MINUTE, agent_id="a", team="售后", handle_seconds=12.5),
        event("customer_replied", "T", "3", at + 2 * MINUTE),
        event("status_changed", "T", "4", at + HOUR, status="on_hold", reason="parts"),
        event("status_changed", "T", "5", at + DAY, status="open"),
        event("status_changed", "T", "6", at + 2 * DAY, status="closed"),
    ]
    taken = shortcut.Shortcut(policies, {topic: kind for kind, topic in TOPIC_OF.items()})
    stored = None
    for one in story:
        topic, key, value = record_of(one)
        course = taken.course(key.encode(), stored, [Input(topic, key.encode(), value)], 0, 0, 0, 0, DAY)
        assert course is not None, one
        stored = course[0]


def test_what_is_stored_and_damaged_is_declined_and_no_harm_is_done() -> None:
    rng = Random(5)
    policies = promises(random_policy_file(rng)).policies
    bench = Bench(policies, STARTS[0] + 365 * DAY)
    events = [event for event in common(rng, 40) if event["ticket_id"] == "T7"]
    taken = shortcut.Shortcut(policies, {topic: kind for kind, topic in TOPIC_OF.items()})
    for one in events[:-1]:
        bench.put(one)
    value = bench.store.get(b"T7")
    assert value is not None
    topic, key, last = record_of(events[-1])
    for place in range(len(value)):
        for damaged in (value[:place], value[:place] + bytes([rng.randrange(256)]) + value[place + 1 :]):
            taken.course(b"T7", damaged, [Input(topic, key.encode(), last)], 0, 0, 0, 0, DAY)


def test_what_is_declined_leaves_nothing_behind() -> None:
    policies = promises(random_policy_file(Random(5))).policies
    taken = shortcut.Shortcut(policies, {topic: kind for kind, topic in TOPIC_OF.items()})
    record = Input("agent-replied", b"T", b"{")
    held = []
    for _ in range(3):
        for _ in range(2_000):
            assert taken.course(b"T", None, [record], 0, 0, 0, 0, DAY) is None
        held.append(sys.getallocatedblocks())
    assert held[2] - held[1] < 500
