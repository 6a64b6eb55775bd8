"""What no worker can use: every bad record is in dead-letters with its reason, and its partition moves on."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from kafka_io import created, event, now, replied
from processes import Installation

from streams.events import MAX_BYTES
from streams.instants import DAY, HOUR, SECOND, format_instant, parse_instant

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"T-1"


class Bad(NamedTuple):
    """A record, and what its dead letter says."""

    cause: str
    reason: str
    field: str
    value: bytes | None
    key: bytes | None = KEY
    topic: str = "agent-replied"


def bad_records(at: int) -> list[Bad]:
    good = replied("T-1", at)

    def with_fields(**fields: object) -> bytes:
        return json.dumps({**good, "event_id": "bad", **fields}).encode()

    def without(name: str) -> bytes:
        return json.dumps({field: value for field, value in good.items() if field != name}).encode()

    def written(text: bytes) -> bytes:
        return with_fields(x="X").replace(b'"X"', text)

    return [
        Bad("unreadable", "not JSON", "", b"hello"),
        Bad("unreadable", "not JSON", "", b"\xff\xfe\x00"),
        Bad("unreadable", "not JSON", "", written(b'"\xc3\x28"')),
        Bad("unreadable", "not JSON", "", written(b'"\xed\xa0\x80"')),
        Bad("unreadable", "not JSON", "", written(b'"\\ud800"')),
        Bad("unreadable", "not JSON", "", b"\xef\xbb\xbf" + with_fields()),
        Bad("unreadable", "not JSON", "", with_fields()[:-1]),
        Bad("unreadable", "not JSON", "", with_fields() + b"{}"),
        Bad("unreadable", "not JSON", "", written(b"NaN")),
        Bad("unreadable", "not JSON", "", with_fields(handle_seconds=float("nan"))),
        Bad("unreadable", "not JSON", "", with_fields(handle_seconds=float("-inf"))),
        Bad("unreadable", "out of range", "handle_seconds", with_fields(handle_seconds="X").replace(b'"X"', b"1e999")),
        Bad("unreadable", "too deep", "", written(b"[" * 60_000)),
        Bad("unreadable", "too deep", "", written(b"[" * 30_000 + b"]" * 30_000)),
        Bad("unreadable", "too deep", "", written(b'{"a":' * 10_000 + b"1" + b"}" * 10_000)),
        Bad("unreadable", "empty", "", b""),
        Bad("unreadable", "empty", "", None),
        Bad("unreadable", "object", "", b"[]"),
        Bad("unreadable", "object", "", b"null"),
        Bad("unreadable", "missing", "event_id", without("event_id")),
        Bad("unreadable", "missing", "ticket_id", without("ticket_id")),
        Bad("unreadable", "missing", "occurred_at", without("occurred_at")),
        Bad("unreadable", "`bool", "public", with_fields(public="yes")),
        Bad("unreadable", "`str", "team", with_fields(team=7)),
        Bad("unreadable", "length <= 256", "event_id", with_fields(event_id="e" * 257)),
        Bad("unreadable", "timezone", "occurred_at", with_fields(occurred_at="2026-03-02T10:00:00")),
        Bad("unreadable", "1970", "occurred_at", with_fields(occurred_at="1969-12-31T23:59:59Z")),
        Bad("unreadable", "1970", "occurred_at", with_fields(occurred_at="9999-12-31T23:59:59Z")),
        Bad("unreadable", "RFC3339", "occurred_at", with_fields(occurred_at="0000-01-01T00:00:00Z")),
        Bad("unreadable", "RFC3339", "occurred_at", with_fields(occurred_at="+10000-01-01T00:00:00Z")),
        Bad("unreadable", "`datetime`", "occurred_at", with_fields(occurred_at=1_767_225_600)),
        Bad("unreadable", "`int`", "seq", with_fields(seq=10**400)),
        Bad("unreadable", "`int`", "seq", with_fields(seq=2**63)),
        Bad("unreadable", "`str`", "event_id", with_fields(event_id=["bad"])),
        Bad("unreadable", "out of range", "", b"1" * 5_000),
        Bad("unreadable", ">= 0", "handle_seconds", with_fields(handle_seconds=-1)),
        Bad("unreadable", "ticket_created", "type", with_fields(type="ticket_created")),
        Bad("unreadable", "<= 5", "score", with_fields(type="ticket_rated", score=6), topic="ticket-rated"),
        Bad("unreadable", f"more than {MAX_BYTES}", "", with_fields(x="x" * MAX_BYTES)),
        Bad("unreadable", f"more than {MAX_BYTES}", "", with_fields(source="x" * 990_000)),
        Bad("key", "no key", "key", with_fields(), key=None),
        Bad("key", "is not the ticket_id", "key", with_fields(), key=b""),
        Bad("key", "is not the ticket_id", "key", with_fields(), key=b"T-1" * 10_000),
        Bad("key", "is not the ticket_id", "key", with_fields(), key=b"T-2"),
        Bad("key", "is not the ticket_id", "key", with_fields(), key=b"\xff\xff"),
        Bad("ahead", "ahead of the clock", "occurred_at", with_fields(occurred_at=format_instant(at + 3650 * DAY))),
        Bad("ahead", "ahead of the clock", "occurred_at", with_fields(occurred_at=format_instant(at + 2 * HOUR))),
    ]


async def test_every_bad_record_is_a_dead_letter_and_what_is_good_between_them_counts(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    """A good event follows each bad record on its topic, and the ledger holds every one of them."""
    async with Installation(kafka, unique, tmp_path, partitions=1) as house:
        begun = now() - HOUR
        bad = bad_records(begun)
        longest = replied("T-1", begun, x="")
        longest["x"] = "x" * (MAX_BYTES - len(json.dumps(longest)))
        house.events.put(created("T-1", begun, team="billing"), longest)
        for number, one in enumerate(bad, 1):
            house.events.put_raw(one.topic, one.key, one.value)
            house.events.put(event(_type_on(one.topic), "T-1", begun + number * SECOND, score=5))
        history = [replied("old", begun - (60 - day) * DAY) for day in range(60)]
        orphans = [replied("never created", begun + number) for number in range(257)]
        house.events.put(created("old", begun - 90 * DAY), *history, *orphans)
        house.events.flush()
        worker = await house.worker().ready()
        await house.caught_up()
        too_old = replied("old", begun - 89 * DAY)
        house.events.put(too_old)
        house.events.flush()
        await house.caught_up()
        bad.append(_refused("orphaned_too_many", "never created", orphans[-1]))
        bad.append(_refused("too_old", "older than what is kept", too_old))

        letters = await house.records(house.topics.dead_letters)
        for cause, count in Counter(one.cause for one in bad).items():
            assert await worker.metric("sla_dead_letters_total", cause=cause) == count
        assert await worker.stop() == 0
        record = (await house.ledger())["T-1"]
    assert record["reply_count"] == 1 + sum(one.topic == "agent-replied" for one in bad_records(begun))
    assert [rating["score"] for rating in record["ratings"]] == [5]

    told = [({name: value.decode() for name, value in letter.headers}, letter) for letter in letters]
    told.sort(key=lambda one: (one[0]["topic"], int(one[0]["offset"])))
    for one, (headers, letter) in zip(sorted(bad, key=lambda one: one.topic), told, strict=True):
        assert one.reason in headers["reason"]
        assert (headers["cause"], headers["field"]) == (one.cause, one.field), headers
        assert (headers["topic"], headers["partition"]) == (house.prefix + one.topic, "0")
        assert begun < parse_instant(headers["at"]) <= now()
        assert letter.key == one.key
        if one.value is not None and len(one.value) > MAX_BYTES:
            assert (letter.value, headers["cut_from_bytes"]) == (one.value[:MAX_BYTES], str(len(one.value)))
        else:
            assert (letter.value, "cut_from_bytes" in headers) == (one.value, False)


def _refused(cause: str, reason: str, one: dict[str, Any]) -> Bad:
    return Bad(cause, reason, "occurred_at", json.dumps(one).encode(), one["ticket_id"].encode())


def _type_on(topic: str) -> str:
    return {"agent-replied": "agent_replied", "ticket-rated": "ticket_rated"}[topic]
