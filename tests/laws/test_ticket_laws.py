"""Laws of a ticket: what it comes to depends on the set of its events and the promises, on nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from histories import Promises, batches, chances, histories, in_time, long_ticket, promised, promises
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from judging import arrived, assert_judged_alike, copy, essence, fact, last_of

from streams import ticket
from streams.fold import KEPT_CHANGES, KEPT_CLOCKS, StateRow, state_of
from streams.instants import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant
from streams.ticket import REJECTED, Outcome, Ticket

if TYPE_CHECKING:
    from random import Random

    from judge import Event


@settings(max_examples=300)
@given(histories, promised, chances)
def test_any_order_any_repeats_and_any_batches_give_the_same_ticket(
    events: list[Event], promise: Promises, rng: Random
) -> None:
    in_order, _ = arrived(sorted(events, key=lambda event: fact(event).key), promise.policies)
    shuffled = [*events, *rng.sample(events, len(events) // 3)]
    rng.shuffle(shuffled)
    kept = Ticket(promise.policies.fingerprint)
    for batch in batches(rng, shuffled):
        arrived(batch, promise.policies, kept)
        kept = copy(kept)  # a batch ends with a write, and may be followed by a restart
    assume(kept.summary is None)  # what is later than is kept in full has laws of its own
    assert essence(kept) == essence(in_order)


@settings(max_examples=60)
@given(chances, promised)
def test_a_long_ticket_is_the_same_however_its_events_come_within_a_day(rng: Random, promise: Promises) -> None:
    events = long_ticket(rng, "T", rng.randrange(2, 15))
    in_order, _ = arrived(events, promise.policies)
    kept = Ticket(promise.policies.fingerprint)
    for batch in batches(rng, in_time(rng, events)):
        _, outcomes = arrived(batch, promise.policies, kept)
        assert not REJECTED.intersection(outcomes)
        kept = copy(kept)
    assert essence(kept) == essence(in_order)
    assert_judged_alike(kept, events, promise.rules, last_of(events) + HOUR)


@settings(max_examples=300)
@given(st.one_of(histories, chances.map(lambda rng: long_ticket(rng, "T", 3))), promised)
def test_what_was_applied_bit_by_bit_is_what_a_refold_gives(events: list[Event], promise: Promises) -> None:
    kept, _ = arrived(sorted(events, key=lambda event: fact(event).key), promise.policies)
    before = essence(kept)
    kept.judge_anew(promise.policies)
    assert essence(kept) == before


@settings(max_examples=300)
@given(histories, promised, promised)
def test_a_refold_after_a_policy_change_is_judging_from_the_start(
    events: list[Event], old: Promises, new: Promises
) -> None:
    kept, _ = arrived(events, old.policies)
    assume(kept.summary is None)
    kept.judge_anew(new.policies)
    anew, _ = arrived(events, new.policies)
    assert essence(kept) == essence(anew)


@settings(max_examples=60)
@given(chances, promised, promised)
def test_breaches_given_before_the_summary_ends_stay_after_a_policy_change(
    rng: Random, old: Promises, new: Promises
) -> None:
    kept, _ = arrived(long_ticket(rng, "T", 5), old.policies)
    assume(kept.summary is not None)
    given_before = _breaches_of_summary(kept)
    kept.judge_anew(new.policies)
    assert kept.judged_by == new.policies.fingerprint
    assert _breaches_of_summary(kept).items() >= given_before.items()
    assert kept.state is not None
    assert {(c.target, c.cycle): c.breached for c in kept.state.clocks}.items() >= given_before.items()
    twice = copy(kept)
    twice.judge_anew(new.policies)
    assert essence(twice) == essence(kept)


def _breaches_of_summary(kept: Ticket) -> dict[tuple[int, int], int]:
    assert kept.summary is not None
    state = state_of(msgspec.msgpack.decode(kept.summary.state, type=StateRow))
    return {(clock.target, clock.cycle): clock.breached for clock in state.clocks if clock.breached is not None}


@settings(max_examples=60)
@given(chances, promised)
def test_what_is_older_than_the_summary_changes_nothing(rng: Random, promise: Promises) -> None:
    events = long_ticket(rng, "T", rng.randrange(3, 9))
    kept, _ = arrived(events, promise.policies)
    summary = kept.summary
    assume(summary is not None)
    assert summary is not None
    full = {fact.id for fact in kept.facts()}
    before = ticket.encode(kept)
    past = [event for event in events if event["event_id"] not in full]
    assert len({event["event_id"] for event in past}) == summary.count
    assert set(arrived(past, promise.policies, kept)[1]) <= {Outcome.REPEATED}
    older = [event for event in past if fact(event).key[:2] < summary.last[:2]]
    strangers = [{**event, "event_id": f"unheard of {n}"} for n, event in enumerate(older)]
    assert set(arrived(strangers, promise.policies, kept)[1]) <= {Outcome.TOO_OLD}
    assert ticket.encode(kept) == before


@settings(max_examples=60)
@given(chances, promised)
def test_a_day_and_sixteen_at_least_are_kept_in_full_and_no_more_than_needed(rng: Random, promise: Promises) -> None:
    kept = Ticket(promise.policies.fingerprint)
    for event in long_ticket(rng, "T", 6):
        kept.apply(fact(event), promise.policies)
        if kept.state is None:
            continue
        full = sorted(max(fact.at, kept.state.created_at) for fact in kept.facts())
        assert kept.count == len(full)
        assert kept.newest is not None
        if kept.summary is not None:
            assert len(full) >= ticket.AT_LEAST
            assert kept.summary.last[0] < kept.newest[0] - ticket.KEPT_FOR
        if len(full) >= ticket.STEP + ticket.AT_LEAST:
            assert full[ticket.STEP - 1] >= kept.newest[0] - ticket.KEPT_FOR


def test_of_a_storm_within_a_day_256_are_kept_in_full() -> None:
    promise = promises({"version": 1, "policies": [{"name": "all", "targets": {"resolution": {"limit": "1h"}}}]})
    events = [_event(0, "ticket_created"), *(_event(n, "customer_replied") for n in range(1, 1000))]
    kept, outcomes = arrived(events, promise.policies)
    assert set(outcomes) == {Outcome.APPLIED}
    assert ticket.AT_MOST - ticket.STEP < kept.count <= ticket.AT_MOST
    assert kept.summary is not None
    assert kept.summary.count + kept.count == 1000
    assert_judged_alike(kept, events, promise.rules, last_of(events))


def test_late_creations_of_a_summarised_ticket_do_not_open_the_summary_again() -> None:
    promise = promises({"version": 1, "policies": [{"name": "all", "targets": {"resolution": {"limit": "1h"}}}]})
    events = [_event(n, "customer_replied" if n else "ticket_created", HOUR) for n in range(100)]
    kept, _ = arrived(events, promise.policies)
    assert kept.summary is not None
    last, before = kept.summary.last, ticket.encode(kept)
    late = [{**_event(n, "ticket_created", HOUR), "event_id": f"late {n}"} for n in range(1, 40)]
    assert set(arrived(late, promise.policies, kept)[1]) == {Outcome.TOO_OLD}
    assert (kept.summary.last, ticket.encode(kept)) == (last, before)


def test_an_orphan_keeps_as_much_as_a_ticket_and_is_judged_in_full_when_its_creation_comes() -> None:
    promise = promises({"version": 1, "policies": [{"name": "all", "targets": {"follow_up": {"limit": "1h"}}}]})
    events = [_event(n, "agent_replied", HOUR) for n in range(1, 300)]
    kept, outcomes = arrived(events, promise.policies)
    assert outcomes == [Outcome.ORPHANED] * ticket.AT_MOST + [Outcome.ORPHANED_TOO_MANY] * (299 - ticket.AT_MOST)
    assert (kept.state, kept.count) == (None, ticket.AT_MOST)
    assert kept.apply(fact(_event(0, "ticket_created")), promise.policies) is Outcome.REFOLDED
    taken = [_event(0, "ticket_created"), *events[: ticket.AT_MOST]]
    assert_judged_alike(kept, taken, promise.rules, last_of(taken) + DAY)


def test_ids_of_the_newest_eight_thousand_summarised_events_are_remembered() -> None:
    promise = promises({"version": 1, "policies": [{"name": "all", "targets": {"resolution": {"limit": "1h"}}}]})
    events = [_event(n, "customer_replied" if n else "ticket_created", MINUTE) for n in range(ticket.REMEMBERED + 400)]
    kept, _ = arrived(events, promise.policies)
    summary = kept.summary
    assert summary is not None
    assert summary.count > ticket.REMEMBERED
    forgotten = summary.count - ticket.REMEMBERED
    again = [kept.apply(fact(event), promise.policies) for event in (events[forgotten - 1], events[forgotten])]
    assert again == [Outcome.TOO_OLD, Outcome.REPEATED]


def test_clocks_and_changes_beyond_what_is_kept_still_count() -> None:
    """Hundreds of replies leave totals; hundreds of pauses leave elapsed time."""
    targets = {"follow_up": {"limit": "50m"}, "resolution": {"limit": "200h"}, "next_response": {"limit": "10m"}}
    promise = promises({"version": 1, "policies": [{"name": "all", "targets": targets}]})
    story = ("agent_replied", "customer_replied", "on_hold", "ticket_updated", "open")
    events = [_event(0, "ticket_created")]
    for n in range(1, 1500):
        what = story[n % len(story)]
        status = {"type": "status_changed", "status": what} if what in ("on_hold", "open") else {}
        events.append({**_event(n, what, 7 * MINUTE), **status, "priority": f"{n}"})
    ends = [{"status": status, "type": "status_changed"} for status in ("resolved", "open", "cancelled")]
    kept, _ = arrived(events, promise.policies)
    for n, end in enumerate(ends, 1500):
        events.append({**_event(n, "", 7 * MINUTE), **end})
        kept.apply(fact(events[-1]), promise.policies)
        assert kept.state is not None
        assert len(kept.state.clocks) < 3 * KEPT_CLOCKS
        assert len(kept.state.timeline) <= 2 * KEPT_CHANGES
        assert_judged_alike(kept, events, promise.rules, last_of(events) + MINUTE)


def _event(n: int, kind: str, step: int = SECOND) -> dict[str, Any]:
    at = parse_instant("2026-01-05T09:00:00Z") + n * step
    return {"event_id": f"e{n}", "ticket_id": "T", "type": kind, "occurred_at": format_instant(at)}
