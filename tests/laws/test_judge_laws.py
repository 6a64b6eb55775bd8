"""The product's verdicts are those of a judge that shares nothing with it, whenever one looks."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest
from histories import Promises, chances, histories, long_ticket, promised, promises
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_files import read_events
from judge_time import instant
from judging import arrived, assert_judged_alike, fact, judged, last_of, verdicts
from shared import shared_dir
from strategies import moments, random_moment, random_policy_file, random_ticket

from agents.simulator import simulate
from config.policies import default_policies
from streams.events import TOPIC_OF
from streams.instants import DAY, parse_instant
from streams.ticket import Outcome, Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge import Event


def happened(events: Iterable[Event], as_of: int) -> list[Event]:
    return [event for event in events if instant(event["occurred_at"]) <= as_of]


@settings(max_examples=100)
@given(histories, promised, st.data())
def test_verdicts_are_the_judges_at_any_instant(events: list[Event], promise: Promises, data: st.DataObject) -> None:
    for as_of in (data.draw(moments(events)), data.draw(moments(events)), last_of(events), last_of(events) + 9 * DAY):
        so_far = happened(events, as_of)
        kept, _ = arrived(so_far, promise.policies)
        if kept.summary is None:  # else disorder may have come too late to count
            assert_judged_alike(kept, so_far, promise.rules, as_of)


def test_verdicts_are_the_judges_on_thousands_of_tickets(seed: int) -> None:
    rng = Random(seed)
    for _ in range(120):
        promise = promises(random_policy_file(rng))
        for _ in range(25):
            events = random_ticket(rng, "T")
            as_of = random_moment(rng, events)
            so_far = happened(events, as_of)
            kept, _ = arrived(so_far, promise.policies)
            if kept.summary is None:
                assert_judged_alike(kept, so_far, promise.rules, as_of)


def test_a_breach_that_an_event_brings_is_given_with_it(seed: int) -> None:
    """No alarm need ring first: the ledger and the windows have it at once."""
    rng = Random(seed)
    for _ in range(100):
        promise = promises(random_policy_file(rng))
        for _ in range(10):
            events = sorted(random_ticket(rng, "T"), key=lambda event: fact(event).key)
            kept = Ticket(promise.policies.fingerprint)
            for n, event in enumerate(events, 1):
                kept.apply(fact(event), promise.policies)
                if kept.summary is None and kept.state is not None and event["type"] != "ticket_created":
                    assert verdicts(kept, None) == judged(events[:n], promise.rules, kept.state.last_at)


@settings(max_examples=80)
@given(chances, promised)
def test_verdicts_on_long_tickets_are_the_judges_after_every_event(rng: Random, promise: Promises) -> None:
    kept = Ticket(promise.policies.fingerprint)
    events = long_ticket(rng, "T", rng.randrange(2, 5))
    for n, event in enumerate(events):
        kept.apply(fact(event), promise.policies)
        if not n % 11 or n == len(events) - 1:
            as_of = instant(event["occurred_at"])
            assert_judged_alike(kept, events[: n + 1], promise.rules, as_of)


@pytest.mark.parametrize("source", ["simulator", "helpdesk"])
def test_events_in_order_take_the_fast_path(source: str) -> None:
    """As a worker reads a log: the topics one after the other for a stretch of time, each in its own order."""
    if source == "simulator":
        events = list(simulate(1_500, 5, 5, parse_instant("2026-03-02T00:00:00+08:00")))
    else:
        events = read_events(shared_dir() / "data" / "helpdesk" / "events.jsonl.gz")
    policies = default_policies()
    kept: dict[str, Ticket] = {}
    outcomes: Counter[Outcome] = Counter()
    for event in events:
        if "ticket_id" in event:
            held = kept.setdefault(event["ticket_id"], Ticket(policies.fingerprint))
            outcomes[held.apply(fact(event), policies)] += 1
    orphans = sum(held.count for held in kept.values() if held.state is None)
    judged = outcomes.total() - outcomes[Outcome.REPEATED] - orphans
    print(f"{source}: {dict(outcomes)}, {outcomes[Outcome.APPLIED] / judged:.2%} of what is no repeat and no orphan")
    assert outcomes[Outcome.APPLIED] >= 0.95 * judged
    assert set(TOPIC_OF) >= {event["type"] for event in events}
