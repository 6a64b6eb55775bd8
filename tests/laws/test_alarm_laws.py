"""Laws of the alarm: it is never late, and what it announces is what the independent judge finds, once each."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING, Any

from histories import Promises, chances, histories, promised, promises
from hypothesis import assume, given, settings
from judge import first_breach_times
from judge_time import duration, instant
from judging import arrived, copy, fact, judged, last_of, plain
from strategies import random_moment, random_policy_file, random_ticket

from streams import alerts
from streams.facts import Mark
from streams.instants import DAY, HOUR, MINUTE, SECOND, format_duration, format_instant
from streams.policies import TARGETS
from streams.ticket import Ticket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from judge import Event

    from streams.policies import Policies

FOREVER = 400 * DAY
GRACE = SECOND


def ring(kept: Ticket, policies: Policies, up_to: int, max_age: int = 400 * 365 * DAY) -> list[alerts.Alert]:
    """All that is to be announced with input read up to then and the grace."""
    gate = alerts.Gate(up_to, up_to + GRACE, GRACE, max_age)
    return [alert for _, alert in alerts.ring("T", kept, policies, gate)]


def alarms(kept: Ticket, policies: Policies) -> Iterator[int]:
    """Its alarms, one after the other; each must be rung, and is not the next again."""
    before = None
    while (alarm := alerts.next_alarm("T", kept, policies, 0)) is not None:
        assert before is None or alarm > before
        yield alarm
        before = alarm


def breaches(events: list[Event], promise: Promises, as_of: int) -> dict[tuple[str, int], int]:
    return first_breach_times([plain(event) for event in events], promise.rules, as_of)


@settings(max_examples=150)
@given(histories, promised)
def test_the_alarm_is_never_later_than_the_first_instant_at_which_the_verdict_differs(
    events: list[Event], promise: Promises
) -> None:
    kept, _ = arrived(events, promise.policies)
    assume(kept.summary is None)
    last = last_of(events)
    now = judged(events, promise.rules, last)
    alarm = alerts.next_alarm("T", kept, promise.policies, 0)
    assert alarm == alerts.next_alarm("T", copy(kept), promise.policies, 0)
    foretold = [at for at in breaches(events, promise, last + FOREVER).values() if at >= last]
    grid = [last + n * 15 * MINUTE for n in range(1, 17)] + [at + near for at in foretold for near in (-1, 0, 1)]
    for as_of in sorted(at for at in grid if at > last):
        if judged(events, promise.rules, as_of) != now:
            assert alarm is not None
            assert alarm < as_of
            break


@settings(max_examples=150)
@given(histories, promised)
def test_rings_at_its_alarms_announce_each_breach_of_the_judge_once_and_when_it_is_due(
    events: list[Event], promise: Promises
) -> None:
    kept, _ = arrived(events, promise.policies)
    assume(kept.summary is None)
    last = last_of(events)
    announced: dict[tuple[str, int], str | None] = {}
    rung_at = last
    for alarm in alarms(kept, promise.policies):
        rung_at = max(rung_at, alarm)
        for alert in ring(kept, promise.policies, rung_at):
            assert alert.kind in ("raised", "recovered")
            if (alert.level, alert.kind) == ("breach", "raised"):
                assert (alert.target, alert.cycle) not in announced
                announced[(alert.target, alert.cycle)] = format_instant(rung_at)
    expected = breaches(events, promise, rung_at + FOREVER)
    if any(clock.verdict == "void" and clock.breached_at for clock in judged(events, promise.rules, last)):
        expected = {}  # cancelled
    assert announced == {clock: format_instant(max(at, last)) for clock, at in expected.items()}


@settings(max_examples=150)
@given(histories, promised, chances)
def test_a_breach_is_raised_once_corrected_at_most_once_and_in_the_end_what_stands_is_so(
    events: list[Event], promise: Promises, rng: Random
) -> None:
    """Rings between the arrivals of events in disorder, so that much is announced that later proves wrong."""
    kept = Ticket(promise.policies.fingerprint)
    told: Counter[tuple[str, str]] = Counter()
    standing: set[tuple[str, int]] = set()
    clock = 0
    for n, event in enumerate([*events, None]):
        if event is not None:
            marks = kept.marks
            kept.apply(fact(event), promise.policies)
            assert kept.marks == marks
        clock = max(clock, random_moment(rng, events[: n + 1]), *(instant(e["occurred_at"]) for e in events[: n + 1]))
        for alert in ring(kept, promise.policies, clock):
            told[(alert.alert_id, alert.kind)] += 1
            if alert.level == "breach" and alert.kind in ("raised", "corrected"):
                (standing.add if alert.kind == "raised" else standing.remove)((alert.target, alert.cycle))
        alarm = alerts.next_alarm("T", kept, promise.policies, 0)
        assert alarm is None or alarm > clock
        kept = copy(kept)
    # Another content under the creation's own id may have made an orphan of it, of which nothing more is said.
    assume(kept.summary is None and kept.state is not None)
    assert set(told.values()) <= {1}
    assert all(told[(alert_id, "raised")] for alert_id, _ in told)
    found = set(breaches(events, promise, clock + 1))
    assert standing <= found
    corrected = {(TARGETS[mark.target], mark.cycle) for mark in kept.marks if mark.corrected}
    cancelled = any(clock.verdict == "void" and clock.breached_at for clock in judged(events, promise.rules, clock + 1))
    assert cancelled or found - corrected <= standing


@settings(max_examples=150)
@given(histories, promised, promised)
def test_after_a_policy_change_what_was_announced_and_is_no_longer_so_is_taken_back(
    events: list[Event], old: Promises, new: Promises
) -> None:
    kept, _ = arrived(events, old.policies)
    assume(kept.summary is None)
    clock = last_of(events) + 4 * HOUR
    ring(kept, old.policies, clock)
    marks = {mark for mark in kept.marks if mark.level == "breach"}
    kept.judge_anew(new.policies)
    assert {mark for mark in kept.marks if mark.level == "breach"} == marks
    silent = copy(kept)
    alerts.correct_silently(silent)
    taken_back = {(a.target, a.cycle) for a in ring(kept, new.policies, clock) if a.kind == "corrected"}
    found = set(breaches(events, new, clock + 1))
    assert taken_back == {(TARGETS[mark.target], mark.cycle) for mark in marks} - found
    assert taken_back == {(TARGETS[mark.target], mark.cycle) for mark in silent.marks if mark.corrected}


def test_a_warning_rings_when_a_clock_of_that_limit_would_breach(seed: int) -> None:
    """After every event of many tickets, for whatever is still to come."""
    rng = Random(seed)
    after_a_pause = 0
    for _ in range(60):
        promise = promises(random_policy_file(rng))
        texts = {text: promises(_limited(promise.document, text)) for text in ("50%", "80%", "1m")}
        for _ in range(4):
            events = sorted(random_ticket(rng, "T"), key=lambda event: fact(event).key)
            # Under the smaller limit a breach stays, whatever is promised later: so the promise must not change.
            events = [event for event in events if event["type"] != "ticket_updated"]
            for n in range(1, len(events) + 1):
                kept, _ = arrived(events[:n], promise.policies)
                if kept.state is None or kept.summary is not None:
                    continue
                last = last_of(events[:n])
                ring(kept, promise.policies, last)
                for target, cycle, text, at in _next_warnings(kept, promise):
                    if at > last:  # else it was due before the ticket was looked at
                        assert at == breaches(events[:n], texts[text], last + FOREVER)[(target, cycle)]
                        after_a_pause += any(clock.accrued for clock in kept.state.open_clocks())
    assert after_a_pause


def _next_warnings(kept: Ticket, promise: Promises) -> list[tuple[str, int, str, int]]:
    """Target, cycle, threshold and instant of each warning to come, found by ringing one alarm after the other."""
    kept = copy(kept)
    return [
        (alert.target, alert.cycle, alert.threshold, alarm)
        for alarm in alarms(kept, promise.policies)
        for alert in ring(kept, promise.policies, alarm)
        if alert.threshold is not None
    ]


def _limited(document: dict[str, Any], text: str) -> dict[str, Any]:
    """The same promises with each limit cut to where that warning rings."""
    document = deepcopy(document)
    for policy in document["policies"]:
        for terms in policy["targets"].values():
            limit = duration(terms["limit"])
            at = limit * int(text[:-1]) // 100 if text.endswith("%") else limit - duration(text)
            terms.pop("warn", None)
            terms["limit"] = format_duration(max(at, SECOND))
    return document


def test_aged_breaches_are_recorded_and_never_announced() -> None:
    promise = promises({"version": 1, "policies": [{"name": "all", "targets": {"first_response": {"limit": "1h"}}}]})
    created = {"event_id": "1", "ticket_id": "T", "type": "ticket_created", "occurred_at": "2026-01-05T09:00:00Z"}
    kept, _ = arrived([created], promise.policies)
    due = instant(created["occurred_at"]) + HOUR
    now = due + DAY + MINUTE
    assert alerts.next_alarm("T", kept, promise.policies, now - DAY) == due
    assert ring(kept, promise.policies, now, max_age=DAY) == []
    assert kept.settled_at > due
    assert kept.marks == []
    assert alerts.next_alarm("T", kept, promise.policies, now - DAY) is None
    assert ring(kept, promise.policies, now) != []  # as if it were told that older ones are announced too
    assert kept.marks == [Mark("breach", 0, 0)]
