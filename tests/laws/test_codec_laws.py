"""Laws of what is written: reading it back gives the same, and goes on as if nothing had been written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from histories import Promises, chances, histories, long_ticket, promised
from hypothesis import given, settings
from judging import arrived, copy, essence, fact, last_of, plain

from streams import alerts, ledger, ledger_record, ticket
from streams.facts import AnyFact, preference
from streams.instants import HOUR
from streams.ticket import Ticket

if TYPE_CHECKING:
    from random import Random

    from judge import Event


@settings(max_examples=100)
@given(histories, promised)
def test_a_ticket_read_back_is_the_same_ticket_after_every_event(events: list[Event], promise: Promises) -> None:
    kept = Ticket(promise.policies.fingerprint, received_at=7)
    for event in events:
        kept.apply(fact(event), promise.policies)
        gate = alerts.Gate(last_of(events), last_of(events) + HOUR, 0, 400 * 365 * 24 * HOUR)
        alerts.ring("T", kept, promise.policies, gate)
        again = copy(kept)
        assert again == kept
        assert ticket.encode(again) == ticket.encode(kept)
        kept = again


@settings(max_examples=30)
@given(chances, promised)
def test_a_long_ticket_read_back_goes_on_like_one_that_never_was(rng: Random, promise: Promises) -> None:
    events = long_ticket(rng, "T", 6)
    steady, _ = arrived(events, promise.policies)
    kept = Ticket(promise.policies.fingerprint)
    for event in events:
        kept.apply(fact(event), promise.policies)
        if rng.random() < 0.5:
            kept = copy(kept)
    assert essence(kept) == essence(steady)


@settings(max_examples=100)
@given(histories)
def test_a_fact_read_back_is_the_same_fact(events: list[Event]) -> None:
    for event in events:
        kept = fact(event)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=AnyFact) == kept


@settings(max_examples=100)
@given(histories)
def test_of_two_contents_the_same_is_preferred_as_by_the_json_that_was_sent(events: list[Event]) -> None:
    """The product compares the JSON of the meaning, the judge that of the event, which are in the same order."""
    sent = [{**plain(event), "event_id": "1", "occurred_at": "2026-01-05T09:00:00Z", "seq": 0} for event in events]
    by_json = sorted(sent, key=lambda event: json.dumps(event, sort_keys=True))
    assert [preference(fact(event)) for event in by_json] == sorted(preference(fact(event)) for event in sent)


@settings(max_examples=60)
@given(histories, promised)
def test_the_ledger_read_back_is_what_was_written(events: list[Event], promise: Promises) -> None:
    kept, _ = arrived(events, promise.policies)
    written = ledger.encode("T", kept)
    assert (written is None) == (kept.state is None)
    if written is not None and kept.state is not None:
        assert ledger_record.decode(written) == ledger.record("T", kept.state, kept.settled_at)


@pytest.mark.parametrize("broken", [b"", b"\x00", b"\xff\xff", ticket.encode(Ticket(""))[:-1]])
def test_bytes_that_are_no_ticket_are_refused(broken: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        ticket.decode(broken)
