"""Laws of escalation: each step once, when its time has come, while nobody has answered or acknowledged the breach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judging import arrived, copy, policies_of
from kafka_io import created, event, replied

from streams import alert_record, alerts
from streams.alert_record import alert_id
from streams.alerts import Gate
from streams.facts import Mark
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant

if TYPE_CHECKING:
    from streams.alert_record import Alert
    from streams.policies import Policies
    from streams.ticket import Ticket

BEGUN = parse_instant("2026-03-02T10:00:00Z")
LIMIT = 15 * MINUTE
STEPS = (10 * MINUTE, 30 * MINUTE, HOUR)
BREACH = alert_id("T", Mark("breach", 0, 0))


def rules(steps: str = "[10m, 30m, 1h]", calendar: str = "24x7") -> Policies:
    return policies_of(
        {
            "version": 1,
            "calendars": {"office": {"timezone": "UTC", "weekly": {"mon": ["09:00-10:30"], "tue": ["09:00-18:00"]}}},
            "policies": [
                {
                    "name": "all",
                    "targets": {
                        "first_response": {
                            "limit": "15m",
                            "calendar": calendar,
                            "escalate": msgspec.json.decode(
                                steps.replace("[", '["').replace("]", '"]').replace(", ", '", "')
                            ),
                        }
                    },
                }
            ],
        }
    )


RULES = rules()


def rung(ticket: Ticket, at: int, policies: Policies = RULES, max_age: int = DAY) -> list[Alert]:
    """What it announces at an instant, input read up to then."""
    return [alert for _, alert in alerts.ring("T", ticket, policies, Gate(at, at + SECOND, SECOND, max_age))]


def said(found: list[Alert]) -> list[tuple[str, int | None, str]]:
    return [(alert.level, alert.step, alert.kind) for alert in found]


def acknowledged(at: int, acknowledged_id: str) -> object:
    return event("alert_acknowledged", "T", at, alert_id=acknowledged_id, by="lead")


@given(st.lists(st.integers(0, 3 * 60), max_size=12, unique=True), st.none() | st.integers(0, 3 * 60))
def test_each_step_is_told_once_when_it_is_due_and_nobody_has_answered(looks: list[int], answered: int | None) -> None:
    """Whenever its alarms ring, and however late: with what is known by then."""
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    if answered is not None:
        arrived([replied("T", BEGUN + answered * MINUTE + SECOND)], RULES, ticket)
    told: list[int | None] = []
    ends = BEGUN + LIMIT
    for minute in [*sorted(looks), 4 * 60]:
        now = BEGUN + minute * MINUTE
        for alert in rung(ticket, now):
            if (alert.level, alert.kind) == ("escalation", "raised"):
                assert alert.step is not None
                assert now >= ends + STEPS[alert.step - 1]
                assert alert.deadline == "2026-03-02T10:15:00Z"
                told.append(alert.step)
        upcoming = alerts.next_alarm("T", ticket, RULES, now - DAY)
        assert upcoming is None or upcoming > now
        ticket = copy(ticket)
    assert told == ([1, 2, 3] if answered is None else [])


def test_alarms_ring_at_each_step() -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    found = []
    while (alarm := alerts.next_alarm("T", ticket, RULES, 0)) is not None:
        found.append((alarm - BEGUN, said(rung(ticket, alarm))))
    assert found == [
        (LIMIT, [("breach", None, "raised")]),
        *[(LIMIT + after, [("escalation", step, "raised")]) for step, after in enumerate(STEPS, 1)],
    ]


def test_an_answer_after_the_breach_ends_it() -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    assert said(rung(ticket, BEGUN + LIMIT + 11 * MINUTE)) == [("breach", None, "raised"), ("escalation", 1, "raised")]
    arrived([replied("T", BEGUN + LIMIT + 12 * MINUTE)], RULES, ticket)
    answered = [("breach", None, "recovered"), ("escalation", 1, "recovered")]
    assert said(rung(ticket, BEGUN + 5 * HOUR)) == answered
    assert alerts.next_alarm("T", ticket, RULES, 0) is None


@pytest.mark.parametrize(("which", "stops"), [("breach", True), ("first step", True), ("another", False)])
def test_an_acknowledgement_of_the_breach_or_of_a_step_ends_it(which: str, stops: bool) -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    first = rung(ticket, BEGUN + LIMIT + 11 * MINUTE)
    ids = {"breach": BREACH, "first step": first[1].alert_id, "another": "0" * 24}
    arrived([acknowledged(BEGUN + LIMIT + 12 * MINUTE, ids[which])], RULES, ticket)
    later = [alert for hour in range(1, 6) for alert in rung(ticket, BEGUN + hour * HOUR)]
    taken = [("breach", None, "acknowledged"), ("escalation", 1, "acknowledged")]
    assert said(later) == (taken if stops else [("escalation", 2, "raised"), ("escalation", 3, "raised")])
    assert alerts.next_alarm("T", ticket, RULES, 0) is None


def test_a_step_waits_for_the_hours_in_which_the_limit_counts() -> None:
    policies = rules("[30m]", "office")
    ticket, _ = arrived([created("T", BEGUN)], policies)  # open until 10:30, then on Tuesday from 9:00
    assert said(rung(ticket, BEGUN + HOUR, policies)) == [("breach", None, "raised")]
    due = parse_instant("2026-03-03T09:15:00Z")
    assert alerts.next_alarm("T", ticket, policies, 0) == due
    assert said(rung(ticket, due, policies, 2 * DAY)) == [("escalation", 1, "raised")]


def test_a_step_waits_while_the_clock_rests() -> None:
    paused = {"limit": "15m", "pause_on": "waiting_on_customer", "escalate": "30m"}
    policies = policies_of({"version": 1, "policies": [{"name": "all", "targets": {"first_response": paused}}]})
    ticket, _ = arrived([created("T", BEGUN)], policies)
    assert said(rung(ticket, BEGUN + LIMIT + MINUTE, policies)) == [("breach", None, "raised")]
    arrived([event("status_changed", "T", BEGUN + 20 * MINUTE, status="waiting_on_customer")], policies, ticket)
    assert rung(ticket, BEGUN + 2 * HOUR, policies) == []
    assert alerts.next_alarm("T", ticket, policies, 0) is None
    arrived([event("status_changed", "T", BEGUN + 3 * HOUR, status="open")], policies, ticket)
    assert said(rung(ticket, BEGUN + 3 * HOUR + SECOND, policies)) == [("escalation", 1, "raised")]


def test_a_breach_that_was_none_takes_its_steps_back_with_it() -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    raised = rung(ticket, BEGUN + LIMIT + 31 * MINUTE)
    assert said(raised) == [("breach", None, "raised"), ("escalation", 1, "raised"), ("escalation", 2, "raised")]
    arrived([replied("T", BEGUN + MINUTE)], RULES, ticket)
    corrected = rung(ticket, BEGUN + LIMIT + 32 * MINUTE)
    assert [(alert.alert_id, alert.kind) for alert in corrected] == [(a.alert_id, "corrected") for a in raised]
    assert rung(ticket, BEGUN + 5 * HOUR) == []


def test_what_nobody_was_told_of_is_not_escalated() -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    assert rung(ticket, BEGUN + 3 * HOUR, max_age=HOUR) == []
    assert alerts.next_alarm("T", ticket, RULES, BEGUN + 2 * HOUR) is None


def test_a_step_that_was_written_is_recalled() -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    written = rung(copy(ticket), BEGUN + LIMIT + 11 * MINUTE)
    for alert in written:
        assert alerts.recall(ticket, alert_record.read(msgspec.json.encode(alert)))
    assert rung(ticket, BEGUN + LIMIT + 12 * MINUTE) == []


def test_policies_without_steps_mean_what_they_did() -> None:
    """Their fingerprint, by which tickets are judged anew, stays the same."""
    plain = policies_of({"version": 1, "policies": [{"name": "all", "targets": {"first_response": {"limit": "15m"}}}]})
    none = policies_of(
        {"version": 1, "policies": [{"name": "all", "targets": {"first_response": {"limit": "15m", "escalate": []}}}]}
    )
    assert plain.fingerprint == none.fingerprint != RULES.fingerprint
