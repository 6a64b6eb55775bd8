"""The verdict on a run itself: it fails for each thing that may be wrong; and how the table of figures is written."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from fault_oracle import Evidence, Seen
from fault_verdict import Report, judge_run
from judge_time import SECOND, text_of
from notices import alert_record
from reliability_table import BEGIN, END, written

if TYPE_CHECKING:
    from collections.abc import Callable

BEGUN = 1_800_000_000 * SECOND
POLICIES = {
    "policies": [{"name": "all", "targets": {"first_response": {"limit": "6s", "warn": ["50%"]}}}],
}


def event(ticket: str, kind: str, after: float, arrives: float | None = None, **fields: Any) -> Seen:
    at = BEGUN + int(after * SECOND)
    record = {"event_id": f"{ticket}.{kind}", "type": kind, "ticket_id": ticket, "occurred_at": text_of(at), **fields}
    return Seen(at if arrives is None else BEGUN + int(arrives * SECOND), record)


def alert(ticket: str, after: float, level: str = "breach", kind: str = "raised") -> Seen:
    warning = level == "warning"
    record = alert_record(
        alert_id=f"{ticket}-{level}", ticket_id=ticket, level=level, kind=kind, threshold="50%" if warning else None
    )
    return Seen(BEGUN + int(after * SECOND), record)


def clock(verdict: str, stopped: float | None = None, breached: float | None = None) -> dict[str, Any]:
    return {
        "target": "first_response",
        "cycle": 0,
        "started_at": text_of(BEGUN),
        "stopped_at": text_of(BEGUN + int(stopped * SECOND)) if stopped else None,
        "elapsed_seconds": stopped,
        "breached_at": text_of(BEGUN + int(breached * SECOND)) if breached else None,
        "verdict": verdict,
    }


def held() -> Evidence:
    """A silent ticket, an answered one, and one whose answer, given in time, came to Kafka after deadline + grace."""
    place = {"team": "tech", "priority": "urgent", "channel": "chat"}
    where = tuple(place.values())
    alerts = [
        alert("silent", 4.1, "warning"),
        alert("corrected", 4.1, "warning"),
        alert("silent", 7.1),
        alert("corrected", 7.1),
        alert("corrected", 9.1, kind="corrected"),
    ]
    return Evidence(
        policies=POLICIES,
        grace=SECOND,
        as_of=BEGUN + 60 * SECOND,
        input=[
            event("silent", "ticket_created", 0, **place),
            event("answered", "ticket_created", 0, **place),
            event("corrected", "ticket_created", 0, **place),
            event("answered", "agent_replied", 2),
            event("corrected", "agent_replied", 2, arrives=9),
        ],
        acknowledged={"silent.ticket_created", "answered.agent_replied"},
        alerts=alerts,
        posts=[Seen(seen.at + SECOND // 10, dict(seen.record)) for seen in alerts],
        ledger={
            "silent": {"status": "open", "clocks": [clock("breached", breached=6)]},
            "answered": {"status": "open", "clocks": [clock("met", stopped=2)]},
            "corrected": {"status": "open", "clocks": [clock("met", stopped=2)]},
        },
        gauges={
            ("sla_tickets_kept", "created"): 3,
            ("sla_queue_tickets", "open", *where): 3,
            ("sla_queue_tickets", "unanswered", *where): 1,
            ("sla_queue_tickets", "waiting", *where): 1,
            ("sla_queue_tickets", "overdue", *where): 1,
            ("sla_window_judged", "first_response", *where): 3,
            ("sla_window_met", "first_response", *where): 2,
        },
        faults=[(0.0, "kill -9", "w1")],
    )


def test_a_reply_counts_from_its_acknowledgement() -> None:
    """A record that a dead follower hides from readers has its append time all the same."""
    evidence = held()
    hidden = event("corrected", "agent_replied", 2)
    evidence.input = [*evidence.input[:4], hidden._replace(acknowledged=BEGUN + 9 * SECOND)]
    assert judge_run(evidence, latest=0.5).corrected == 1


def test_a_run_that_held() -> None:
    report = judge_run(held(), latest=0.5)
    assert (report.tickets, report.events, report.breaches, report.corrected) == (3, 5, 1, 1)
    assert (report.late_max, report.decided_max, report.twice_on_topic, report.repeats) == (0.2, 0.1, 0, 0)
    assert report.faults == {"kill -9": 1}


def change(evidence: Evidence, name: str, value: Callable[[Any], Any]) -> Report:
    evidence = copy.deepcopy(evidence)
    setattr(evidence, name, value(getattr(evidence, name)))
    return judge_run(evidence, latest=2)


def altered(seen: Seen, after: float = 0, **fields: Any) -> Seen:
    return Seen(seen.at + int(after * SECOND), {**seen.record, **fields})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        pytest.param("posts", lambda posts: posts[:2] + posts[3:], "alerts without a message", id="dropped"),
        pytest.param("posts", lambda posts: posts[:4], "alerts without a message", id="correction dropped"),
        pytest.param("posts", lambda posts: [*posts, posts[2]], "sent more than once", id="doubled"),
        pytest.param(
            "posts", lambda posts: [*posts, altered(posts[2], alert_id="x")], "messages that no alert", id="invented"
        ),
        pytest.param(
            "posts", lambda posts: [*posts, altered(posts[2], ticket_id="x")], "messages that no alert", id="garbled"
        ),
        pytest.param("posts", lambda posts: [altered(post, 5) for post in posts], "later than 2 s", id="late"),
        pytest.param("alerts", lambda alerts: alerts[:2] + alerts[3:], "breaches without an alert", id="not raised"),
        pytest.param("alerts", lambda alerts: [*alerts, alert("answered", 7.1)], "false pages", id="false"),
        pytest.param("alerts", lambda alerts: [altered(one, -0.5) for one in alerts], "false pages", id="early"),
        pytest.param(
            "alerts", lambda alerts: [*alerts, alert("answered", 4.1, "warning")], "false pages", id="false warning"
        ),
        pytest.param("alerts", lambda alerts: alerts[:4], "were not corrected", id="not corrected"),
        pytest.param(
            "alerts", lambda alerts: [*alerts, alert("silent", 9, kind="corrected")], "nothing false", id="taken back"
        ),
        pytest.param(
            "alerts", lambda alerts: [*alerts, altered(alerts[2], alert_id="other")], "two alert ids", id="another id"
        ),
        pytest.param(
            "input", lambda seen: [*seen[:4], event("corrected", "agent_replied", 2)], "false pages", id="was read"
        ),
        pytest.param("input", lambda seen: seen[:3] + seen[4:], "not in Kafka: answered.agent_replied", id="lost"),
        pytest.param(
            "ledger", lambda last: last | {"silent": last["answered"]}, "records that are not", id="ledger changed"
        ),
        pytest.param("ledger", lambda last: {"silent": last["silent"]}, "ledger and oracle only", id="ledger lacks"),
        pytest.param(
            "gauges", lambda found: found | {("sla_tickets_kept", "created"): 4}, "wrong gauges", id="gauge off"
        ),
        pytest.param(
            "gauges", lambda found: found | {("sla_tickets_kept", "orphan"): 1}, "wrong gauges", id="gauge too many"
        ),
        pytest.param("gauges", lambda _: {}, "wrong gauges", id="no gauges"),
        pytest.param("dead_letters", lambda _: 1, "dead letters: 1, not 0", id="dead letter"),
        pytest.param("faults", lambda _: [], "prove nothing: no fault", id="no fault"),
        pytest.param("input", lambda _: [], "prove nothing: no breach", id="nothing"),
    ],
)
def test_each_thing_that_may_be_wrong_is_found(name: str, value: Callable[[Any], Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        change(held(), name, value)


def test_a_repeat_that_is_marked_and_an_alert_twice_on_the_topic_are_allowed_and_counted() -> None:
    evidence = held()
    evidence.posts = [*evidence.posts, altered(evidence.posts[2], 1, repeat=True)]
    evidence.alerts = [*evidence.alerts, altered(evidence.alerts[2], 3)]
    report = judge_run(evidence)
    assert (report.repeats, report.twice_on_topic) == (1, 1)


def test_topics_are_read_side_by_side_so_an_event_may_be_known_before_an_older_one_of_another_topic() -> None:
    """An update makes it one that warns; a reply lay in another topic since before the update, after the warning."""
    evidence = held()
    place = {"team": "tech", "priority": "low", "channel": "chat"}
    calm = {"name": "calm", "when": {"priority": ["low"]}, "targets": {"first_response": {"limit": "6s"}}}
    evidence.policies = {"policies": [calm, *POLICIES["policies"]]}
    evidence.input = [
        *evidence.input,
        event("crossed", "ticket_created", 0, **place),
        event("crossed", "agent_replied", 4.2),
        event("crossed", "ticket_updated", 4.3, priority="urgent"),
    ]
    evidence.alerts = [*evidence.alerts, alert("crossed", 4.4, "warning")]
    with pytest.raises(AssertionError) as wrong:
        judge_run(evidence)
    assert "false" not in str(wrong.value)
    evidence.alerts = [*evidence.alerts[:-1], alert("crossed", 4.25, "warning")]
    with pytest.raises(AssertionError, match="false pages"):
        judge_run(evidence)


def test_a_clock_that_breaches_again_after_its_correction_is_counted() -> None:
    """It was resolved in time, which came late; then it was reopened."""
    evidence = held()
    evidence.policies = {"policies": [{"name": "all", "targets": {"resolution": {"limit": "6s"}}}]}
    place = {"team": "tech", "priority": "urgent", "channel": "chat"}
    again = event("again", "status_changed", 10, status="open")
    again.record["event_id"] = "again.open"
    evidence.input = [
        event("again", "ticket_created", 0, **place),
        event("again", "status_changed", 5, arrives=8, status="resolved"),
        again,
    ]
    evidence.acknowledged = set()
    evidence.alerts = [
        altered(seen, target="resolution") for seen in (alert("again", 7.1), alert("again", 8.1, kind="corrected"))
    ]
    evidence.posts = list(evidence.alerts)
    late = {"target": "resolution", "stopped_at": None, "elapsed_seconds": None}
    evidence.ledger = {"again": {"status": "open", "clocks": [clock("breached", breached=11) | late]}}
    where = tuple(place.values())
    evidence.gauges = {
        ("sla_tickets_kept", "created"): 1,
        ("sla_queue_tickets", "open", *where): 1,
        ("sla_queue_tickets", "overdue", *where): 1,
        ("sla_window_judged", "resolution", *where): 1,
    }
    assert judge_run(evidence).breached_again == 1
    evidence.alerts[1] = altered(evidence.alerts[1], -0.6)
    with pytest.raises(AssertionError, match="corrections of nothing false"):
        judge_run(evidence)


def test_a_breach_that_was_answered_is_followed_by_that_once_it_was() -> None:
    evidence = held()
    place = {"team": "tech", "priority": "urgent", "channel": "chat"}
    evidence.input = [event("slow", "ticket_created", 0, **place), event("slow", "agent_replied", 20)]
    evidence.acknowledged = set()
    evidence.gauges = {
        ("sla_tickets_kept", "created"): 1,
        ("sla_queue_tickets", "open", *place.values()): 1,
        ("sla_window_judged", "first_response", *place.values()): 1,
    }
    pages, answer = [alert("slow", 4.1, "warning"), alert("slow", 7.1)], alert("slow", 21.1, kind="recovered")
    evidence.alerts, evidence.posts = [*pages, answer], list(pages)
    evidence.ledger = {"slow": {"status": "open", "clocks": [clock("breached", stopped=20, breached=6)]}}
    assert judge_run(evidence).breaches == 1
    for alerts, complaint in (
        (pages, "answers after a breach that were not told"),
        ([*pages, altered(answer, -0.6)], "not answered"),
        ([*pages, altered(answer, -16)], "not answered"),
        ([*pages, answer, alert("slow", 21.1, "warning", kind="recovered")], "not answered"),
    ):
        evidence.alerts = alerts
        with pytest.raises(AssertionError, match=complaint):
            judge_run(evidence)
    evidence.alerts, evidence.posts = [*pages, answer], [*pages, answer]
    with pytest.raises(AssertionError, match="messages of what no route asks for"):
        judge_run(evidence)


def test_the_table_of_measured_figures_is_written_between_its_marks() -> None:
    row = {
        "subject": "b",
        "fault": "kill | -9",
        "shown": "Nothing lost.",
        "full": False,
        "measured": {"late_max": "2 s"},
    }
    rows = [row, row | {"subject": "a", "fault": "SIGSTOP", "full": True}]
    page = written(f"# Reliability\n\n{BEGIN}\nold\n{END}\nmore\n", rows)
    assert page.splitlines()[2:] == [
        BEGIN,
        "| fault | what held | measured |",
        "|---|---|---|",
        "| SIGSTOP | Nothing lost. | late max: 2 s |",
        "| kill \\| -9 | Nothing lost. | late max: 2 s; (short form) |",
        END,
        "more",
    ]
    assert written(page, rows) == page
    with pytest.raises(ValueError, match="no <!-- end"):
        written(BEGIN, rows)
