"""The reader of events: what it takes as what, and every kind of record that it refuses, with reason and field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams import facts
from streams.events import MAX_BYTES, TOPIC_OF, TYPES, BadEvent, CustomerReplied, Reader, TicketEvent, tag_of
from streams.instants import parse_instant

COMMON = {"event_id": "1", "ticket_id": "T", "occurred_at": "2026-01-05T09:00:00Z"}
REQUIRED: dict[str, dict[str, Any]] = {
    "status_changed": {"status": "open"},
    "ticket_rated": {"score": 5},
    "quality_reviewed": {"scores": {"attitude": 4}},
    "callback_made": {"reached": True},
    "alert_acknowledged": {"alert_id": "a"},
    "agent_status_changed": {"agent_id": "a", "status": "online"},
}
KINDS = list(TOPIC_OF)


def sent(kind: str = "agent_replied", /, **fields: Any) -> dict[str, Any]:
    common = {name: value for name, value in COMMON.items() if kind != "agent_status_changed" or name != "ticket_id"}
    return {"type": kind, **common, **REQUIRED.get(kind, {}), **fields}


def read(event: dict[str, Any] | bytes | None) -> Any:
    return Reader().read(json.dumps(event).encode() if isinstance(event, dict) else event)


def refused(event: dict[str, Any] | bytes | None) -> BadEvent:
    with pytest.raises(BadEvent) as caught:
        read(event)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_is_read_by_its_common_and_required_fields_alone(kind: str) -> None:
    event = read(sent(kind))
    assert tag_of(type(event).__mro__[1]) == kind  # the class that refuses unknown fields, of this type
    assert not event.has_unknown_fields
    assert event.key == ("a" if kind == "agent_status_changed" else "T")
    assert event.at == parse_instant("2026-01-05T09:00:00Z")


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind in KINDS for field in sent(kind)],
)
def test_a_required_field_that_is_missing_or_null_is_named(kind: str, field: str) -> None:
    event = sent(kind)
    without = {name: value for name, value in event.items() if name != field}
    assert (refused(without).reason, refused(without).field) == ("missing", field)
    assert refused({**event, field: None}).field == field


@pytest.mark.parametrize("kind", KINDS)
def test_a_null_is_the_field_left_out_and_an_unknown_field_is_ignored_and_told(kind: str) -> None:
    [event_type] = [event_type for event_type in TYPES if tag_of(event_type) == kind]
    optional = dict.fromkeys(set(event_type.__struct_fields__) - set(sent(kind)))
    plain, with_nulls = read(sent(kind)), read(sent(kind, **optional))
    assert not with_nulls.has_unknown_fields
    strange = read(sent(kind, colour="red", weather=None))
    assert strange.has_unknown_fields
    if isinstance(plain, TicketEvent):
        assert plain.fact() == with_nulls.fact() == strange.fact()


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"type": "ticket_closed"}, "type", "ticket_closed"),
        ({"event_id": ""}, "event_id", "length"),
        ({"event_id": "x" * 257}, "event_id", "length"),
        ({"event_id": 7}, "event_id", "int"),
        ({"ticket_id": "x" * 257}, "ticket_id", "length"),
        ({"agent_id": "x" * 257}, "agent_id", "length"),
        ({"seq": "1"}, "seq", "str"),
        ({"seq": 1.5}, "seq", "float"),
        ({"seq": True}, "seq", "bool"),
        ({"seq": 2**63}, "seq", "9223372036854775807"),
        ({"seq": -(2**63) - 1}, "seq", ""),
        ({"public": "yes"}, "public", "str"),
        ({"automated": 1}, "automated", "int"),
        ({"team": 5}, "team", "int"),
        ({"handle_seconds": -1}, "handle_seconds", ">= 0"),
        ({"handle_seconds": "5"}, "handle_seconds", "str"),
        ({"handle_seconds": 1e300}, "handle_seconds", "<="),
        ({"occurred_at": "2026-01-05T09:00:00"}, "occurred_at", "timezone"),
        ({"occurred_at": "2026-01-05"}, "occurred_at", "RFC3339"),
        ({"occurred_at": "2026-02-30T09:00:00Z"}, "occurred_at", "RFC3339"),
        ({"occurred_at": "2026-01-05T09:00:60Z"}, "occurred_at", "RFC3339"),
        ({"occurred_at": 1767600000}, "occurred_at", "int"),
        ({"occurred_at": "1969-12-31T23:59:59.999999Z"}, "occurred_at", "1970"),
        ({"occurred_at": "2200-01-01T00:00:00Z"}, "occurred_at", "2199"),
        ({"occurred_at": "0001-01-01T00:00:00+23:59"}, "occurred_at", "1970"),
        ({"occurred_at": "9999-12-31T23:59:59-23:59"}, "occurred_at", "2199"),
        ({"type": "status_changed", "status": "solved"}, "status", "solved"),
        ({"type": "ticket_rated", "score": 0}, "score", ">= 1"),
        ({"type": "ticket_rated", "score": 6}, "score", "<= 5"),
        ({"type": "ticket_rated", "score": "5"}, "score", "str"),
        ({"type": "quality_reviewed", "scores": {"attitude": 6}}, "scores[...]", "<= 5"),
        ({"type": "quality_reviewed", "scores": {"attitude": None}}, "scores[...]", "null"),
        ({"type": "quality_reviewed", "scores": [4]}, "scores", "array"),
        ({"type": "callback_made", "reached": "no"}, "reached", "str"),
        ({"type": "complaint_filed", "valid": "no"}, "valid", "str"),
        ({"type": "ticket_created", "created_by": "robot"}, "created_by", "robot"),
        ({"type": "ticket_created", "tags": "vip"}, "tags", "str"),
        ({"type": "ticket_updated", "tags": ["vip", None]}, "tags[1]", "null"),
    ],
)
def test_an_ill_typed_field_is_named_with_the_reason(fields: dict[str, Any], field: str, reason: str) -> None:
    bad = refused(sent(**fields))
    assert bad.field == field
    assert reason in bad.reason
    assert str(bad) == f"{field}: {bad.reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty value"),
        (b"", "empty value"),
        (b" ", "not JSON in UTF-8"),
        (b"{", "not JSON in UTF-8"),
        (b"null", "object"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"{} {}", ""),
        (b"\xef\xbb\xbf{}", "not JSON in UTF-8"),
        (json.dumps(sent()).encode("utf-16"), "not JSON in UTF-8"),
        (json.dumps(sent(team="é"), ensure_ascii=False).encode("latin-1"), "not JSON in UTF-8"),
        (json.dumps(sent(handle_seconds=float("nan"))).encode(), "not JSON in UTF-8"),
        (json.dumps(sent(team="\ud800")).encode(), "not JSON in UTF-8"),
        (json.dumps(sent())[:-1].encode() + b',"x":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, "too deep"),
        (b"[" * 60_000, "object"),
        (json.dumps(sent(x="y" * MAX_BYTES)).encode(), f"more than {MAX_BYTES}"),
    ],
)
def test_what_is_no_event_at_all_is_refused_without_a_field(value: bytes | None, reason: str) -> None:
    bad = refused(value)
    assert reason in bad.reason
    assert bad.field in ("", "type")


def test_64_kilobytes_are_taken_and_a_byte_more_is_not() -> None:
    room = MAX_BYTES - len(json.dumps(sent(source="")))
    assert read(sent(source="x" * room)).event_id == "1"
    assert "65537 bytes" in refused(sent(source="x" * (room + 1))).reason


def test_ids_are_counted_in_characters_and_kept_as_they_are() -> None:
    odd = "é" * 200 + "\x00\n\u202e" + "😀" * 53
    assert read(sent(event_id=odd, ticket_id=odd)).event_id == odd


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-05T17:00:00+08:00", "2026-01-05T09:00:00Z"),
        ("2026-01-05t03:30:00.5-05:30", "2026-01-05T09:00:00.500000Z"),
        ("2026-01-05 09:00:00z", "2026-01-05T09:00:00Z"),
        ("2026-01-05T09:00:00.000001Z", "2026-01-05T09:00:00.000001Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_instants_of_any_offset_are_kept_to_the_microsecond(text: str, utc: str) -> None:
    assert read(sent(occurred_at=text)).at == parse_instant(utc)


def test_a_reader_of_one_type_refuses_the_others() -> None:
    reader = Reader(CustomerReplied)
    assert reader.read(json.dumps(sent("customer_replied")).encode()).key == "T"
    with pytest.raises(BadEvent) as caught:
        reader.read(json.dumps(sent("agent_replied")).encode())
    assert caught.value.field == "type"


def test_defaults_are_those_of_the_contract() -> None:
    assert read(sent("agent_replied")).fact() == facts.Replied(
        parse_instant("2026-01-05T09:00:00Z"), 0, "1", None, None, public=True, automated=False, handle_seconds=None
    )
    assert read(sent("ticket_created")).fact().by_agent is False
    assert read(sent("ticket_created", created_by="agent")).fact().by_agent is True
    assert read(sent("complaint_filed")).fact().valid is True
    assert read(sent("quality_reviewed", deductions="late")).fact().deductions == ["late"]
    assert read(sent("agent_replied", seq=-3)).fact().key == (parse_instant("2026-01-05T09:00:00Z"), -3, "1")
