"""The owner of a partition's tickets: what it takes and refuses, what it announces and when, what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from histories import promises
from partitions import Bench, event

from streams.instants import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant
from streams.ticket import AT_MOST

if TYPE_CHECKING:
    from streams.policies import Policies

NINE = parse_instant("2026-01-05T09:00:00Z")


def policies(first: str = "1h", **targets: str) -> Policies:
    """A first response within that, and what else is asked for; a warning at half of it."""
    terms: dict[str, Any] = {target: {"limit": limit} for target, limit in targets.items()}
    terms["first_response"] = {"limit": first, "warn": ["50%"]}
    return promises({"version": 1, "policies": [{"name": f"first in {first}", "targets": terms}]}).policies


def bench(**rules: Any) -> Bench:
    return Bench(rules.pop("policies", None) or policies(), rules.pop("now", NINE), **rules)


def created(ticket_id: str = "T", at: int = NINE, **fields: Any) -> dict[str, Any]:
    return event("ticket_created", ticket_id, f"{ticket_id}-created", at, **fields)


def reply(at: int, ticket_id: str = "T", **fields: Any) -> dict[str, Any]:
    return event("agent_replied", ticket_id, f"{ticket_id}-reply-{at}", at, **fields)


def status(at: int, value: str, ticket_id: str = "T") -> dict[str, Any]:
    return event("status_changed", ticket_id, f"{ticket_id}-{value}-{at}", at, status=value)


def told(alerts: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(alert["level"], alert["kind"], alert["target"]) for alert in alerts]


def verdicts(desk: Bench, ticket_id: str = "T") -> dict[str, str]:
    return {clock["target"]: clock["verdict"] for clock in desk.ledger[ticket_id]["clocks"]}


# What is refused


@pytest.mark.parametrize(
    ("key", "value", "cause", "field", "reason"),
    [
        ("T", None, "unreadable", "", "empty value"),
        ("T", b"", "unreadable", "", "empty value"),
        ("T", b"{", "unreadable", "", "not JSON in UTF-8"),
        ("T", b'{"type":"agent_replied"}', "unreadable", "event_id", "missing"),
        (b"\xff\xfe", b"\xff", "unreadable", "", "not JSON in UTF-8"),
        (None, "good", "key", "key", "no key (it must be the ticket_id)"),
        ("U", "good", "key", "key", "key b'U' is not the ticket_id 'T'"),
        (b"\xff", "good", "key", "key", "is not the ticket_id"),
        ("T", "ahead", "ahead", "occurred_at", "more than 10m ahead of the clock"),
    ],
)
def test_a_bad_record_is_a_dead_letter_with_its_reason_and_the_rest_goes_on(
    key: str | bytes | None, value: bytes | str | None, cause: str, field: str, reason: str
) -> None:
    desk = bench()
    good = reply(NINE + 10 * MINUTE)
    if isinstance(value, str):
        at = NINE + 10 * MINUTE + (value == "ahead")
        text = format_instant(at)
        value = f'{{"type":"agent_replied","event_id":"x","ticket_id":"T","occurred_at":"{text}"}}'.encode()
    desk.put(created())
    desk.put_raw("agent-replied", (key, value))
    desk.put(good)
    [letter] = desk.dead
    assert reason in letter.pop("reason")
    assert letter == {
        "topic": "agent-replied", "partition": "3", "offset": "1",
        "cause": cause, "field": field, "at": "2026-01-05T09:00:00Z",
    }  # fmt: skip
    assert desk.dead_records[0].value == value
    assert desk.dead_records[0].key == (key.encode() if isinstance(key, str) else key)
    assert desk.ledger["T"]["reply_count"] == 1
    assert desk.count("sla_dead_letters_total", cause=cause) == 1


def test_a_dead_letter_is_cut_and_says_so() -> None:
    desk = bench()
    desk.put_raw("agent-replied", ("T", b"x" * 70_000))
    assert desk.dead[0]["cut_from_bytes"] == "70000"
    assert desk.dead_records[0].value == b"x" * 65_536


def test_a_topic_takes_its_own_type_only() -> None:
    desk = bench()
    desk.put(created())
    desk.put_raw("agent-replied", ("T", b'{"type":"customer_replied","event_id":"1","ticket_id":"T"}'))
    assert [(letter["cause"], letter["field"]) for letter in desk.dead] == [("unreadable", "type")]


def test_without_a_limit_any_future_is_taken() -> None:
    desk = bench(max_ahead=0)
    desk.put(created(at=NINE + 900 * DAY))
    assert (desk.dead, desk.partition.tickets) == ([], 1)


def test_what_is_older_than_the_summary_is_dead_and_a_repeat_of_it_is_not() -> None:
    desk = bench(now=NINE + 100 * HOUR)
    desk.put(created(), *[event("customer_replied", "T", f"c{n}", NINE + n * HOUR) for n in range(1, 100)])
    before = desk.tickets()
    desk.put(event("customer_replied", "T", "c5", NINE + 5 * HOUR))
    assert (desk.dead, desk.count("sla_events_total", type="customer_replied", outcome="repeated")) == ([], 1)
    desk.put(event("customer_replied", "T", "new", NINE + 5 * HOUR))
    assert [(d["cause"], d["field"]) for d in desk.dead] == [("too_old", "occurred_at")]
    assert desk.tickets() == before


def test_an_orphan_waits_and_is_judged_in_full_when_its_creation_comes() -> None:
    desk = bench(now=NINE + 2 * HOUR)
    desk.put(reply(NINE + 90 * MINUTE))
    assert (desk.partition.tickets, desk.partition.orphans, desk.ledger) == (1, 1, {})
    assert desk.ring() == []
    desk.put(created())
    assert (desk.partition.tickets, desk.partition.orphans) == (1, 0)
    assert verdicts(desk) == {"first_response": "breached"}
    assert told(desk.ring()) == [("breach", "raised", "first_response"), ("breach", "recovered", "first_response")]
    desk.assert_adds_up()


def test_an_orphan_that_grows_too_large_is_told_in_dead_letters() -> None:
    desk = bench(now=NINE + 2 * HOUR)
    desk.put(*[event("customer_replied", "T", f"c{n}", NINE + n * SECOND) for n in range(AT_MOST + 3)])
    assert [letter["cause"] for letter in desk.dead] == ["orphaned_too_many"] * 3
    assert desk.partition.orphans == 1


def test_unknown_fields_are_counted_and_ignored() -> None:
    desk = bench()
    desk.put(created(colour="red"), reply(NINE, weather="fine", source="s"), reply(NINE + 1))
    assert desk.dead == []
    assert desk.count("sla_events_with_unknown_fields_total", type="ticket_created") == 1
    assert desk.count("sla_events_with_unknown_fields_total", type="agent_replied") == 1


# Alarms


def test_a_deadline_rings_without_any_event_once_input_is_read_beyond_the_grace() -> None:
    desk = bench(grace=SECOND)
    desk.put(created(priority="urgent", team="care", channel="chat"))
    assert desk.go(30 * MINUTE) == []
    [warning] = desk.go(SECOND)
    assert (warning["level"], warning["threshold"], warning["late"]) == ("warning", "50%", False)
    desk.now = NINE + HOUR + SECOND - 1
    assert desk.ring() == []
    [alert] = desk.go(1)
    assert alert == {
        "alert_id": alert["alert_id"], "kind": "raised", "level": "breach", "threshold": None, "step": None,
        "ticket_id": "T", "target": "first_response", "cycle": 0, "policy": "first in 1h",
        "priority": "urgent", "team": "care", "channel": "chat",
        "started_at": "2026-01-05T09:00:00Z", "deadline": "2026-01-05T10:00:00Z",
        "limit_seconds": 3600.0, "elapsed_seconds": 3600.0, "decided_at": "2026-01-05T10:00:01Z", "late": False,
    }  # fmt: skip
    assert verdicts(desk) == {"first_response": "breached"}
    assert desk.go(DAY) == []


def test_a_reply_in_time_that_is_read_within_the_grace_keeps_the_alarm_silent() -> None:
    desk = bench()
    desk.put(created())
    desk.ring()
    desk.now = NINE + HOUR + SECOND // 2
    assert told(desk.ring()) == [("warning", "raised", "first_response")]
    desk.put(reply(NINE + HOUR))
    assert desk.go(DAY) == []
    assert verdicts(desk) == {"first_response": "met"}


def test_a_late_reply_takes_the_breach_back_once_and_the_gauges_follow() -> None:
    desk = bench()
    desk.put(created())
    desk.go(2 * HOUR)
    desk.put(reply(NINE + 59 * MINUTE))
    assert told(desk.ring()) == [("breach", "corrected", "first_response")]
    raised, corrected = [alert for alert in desk.alerts if alert["level"] == "breach"]
    assert raised["alert_id"] == corrected["alert_id"]
    assert verdicts(desk) == {"first_response": "met"}
    desk.assert_adds_up()
    sums = desk.view()["windows"]["8h"]
    assert [(cell.count, cell.met) for (measure, *_), cell in sums.items() if measure == 0] == [(1, 1)]
    desk.start()
    assert desk.go(DAY) == []
    assert desk.count("sla_verdicts_retracted_total", target="first_response", verdict="breached") == 0


def test_a_breach_by_the_event_itself_is_announced_too() -> None:
    desk = bench(now=NINE + 70 * MINUTE)
    desk.put(created(), reply(NINE + 65 * MINUTE))
    assert told(desk.ring()) == [("breach", "raised", "first_response"), ("breach", "recovered", "first_response")]
    assert desk.alerts[0]["late"]  # over a minute after deadline and grace


@pytest.mark.parametrize(("before", "announced"), [(2 * HOUR, True), (3 * DAY, False)])
def test_a_change_that_puts_a_deadline_in_the_past_is_announced_by_the_age_of_that_deadline(
    before: int, announced: bool
) -> None:
    """The ticket becomes urgent long after it was created: what is too old to announce is recorded all the same."""
    urgent = {"name": "urgent", "when": {"priority": ["urgent"]}, "targets": {"first_response": {"limit": "15m"}}}
    rest = {"name": "rest", "targets": {"first_response": {"limit": "240h"}}}
    desk = bench(policies=promises({"version": 1, "policies": [urgent, rest]}).policies)
    desk.put(created(at=NINE - before, priority="normal"))
    desk.put(event("ticket_updated", "T", "urgent-now", NINE, priority="urgent"))
    alerts = desk.go(MINUTE)
    assert told(alerts) == ([("breach", "raised", "first_response")] if announced else [])
    for alert in alerts:
        assert alert["late"]
        assert alert["deadline"] == format_instant(NINE - before + 15 * MINUTE)
    [clock] = desk.ledger["T"]["clocks"]
    assert (clock["verdict"], clock["breached_at"]) == ("breached", format_instant(NINE))


@pytest.mark.parametrize(("after", "late"), [(MINUTE, False), (MINUTE + 1, True)])
def test_late_says_that_it_was_decided_over_a_minute_after_deadline_and_grace(after: int, late: bool) -> None:
    desk = bench()
    desk.put(created())
    desk.now = NINE + HOUR + SECOND + after
    assert [alert["late"] for alert in desk.ring()] == [late]


@pytest.mark.parametrize("with_reply", [False, True])
def test_what_was_due_longer_ago_than_the_maximum_age_is_recorded_and_never_announced(with_reply: bool) -> None:
    desk = bench(now=NINE + HOUR + DAY + 2 * SECOND)
    desk.put(created(), *([reply(NINE + 3 * HOUR)] if with_reply else []))
    assert desk.ring() == []
    assert verdicts(desk) == {"first_response": "breached"}
    assert desk.ledger["T"]["clocks"][0]["breached_at"] == "2026-01-05T10:00:00Z"
    desk.assert_adds_up()
    sums = desk.view()["windows"]["7d"]
    assert [(cell.count, cell.met) for (measure, *_), cell in sums.items() if measure == 0] == [(1, 0)]
    desk.start()
    assert desk.go(9 * DAY) == []


def test_a_breach_while_the_worker_was_down_is_recorded_after_a_restart_however_long_it_took() -> None:
    desk = bench()
    desk.put(created())
    desk.ring()
    desk.now += 3 * DAY
    desk.start()
    assert desk.ring() == []
    assert verdicts(desk) == {"first_response": "breached"}
    assert next(iter(desk.view()["queue"].values()))[4] == 1  # overdue


def test_a_deadline_put_off_after_it_was_announced_is_recorded_when_it_passes_again() -> None:
    """The breach was raised and corrected; it is not raised again, but ledger and gauges say that it is one."""
    urgent = {"name": "urgent", "when": {"priority": ["urgent"]}, "targets": {"resolution": {"limit": "1h"}}}
    other = {"name": "other", "targets": {"resolution": {"limit": "3h"}}}
    desk = bench(policies=promises({"version": 1, "policies": [urgent, other]}).policies)
    desk.put(created(priority="urgent"))
    assert told(desk.go(2 * HOUR)) == [("breach", "raised", "resolution")]
    desk.put(event("ticket_updated", "T", "u", NINE + MINUTE, priority="low"))
    assert told(desk.ring()) == [("breach", "corrected", "resolution")]
    assert desk.go(2 * HOUR) == []
    assert verdicts(desk) == {"resolution": "breached"}
    desk.assert_adds_up()


def test_a_ring_does_a_bounded_part_of_a_large_work() -> None:
    desk = bench()
    desk.put(*[created(f"T{n}") for n in range(1_200)])
    desk.now += 2 * HOUR
    changes = desk.partition.ring(desk.now, desk.now)
    assert 0 < len(changes.alerts) < 1_200
    assert desk.partition.wake_at() is not None


# Policies


def test_a_reload_judges_every_ticket_anew() -> None:
    desk = bench(now=NINE + 50 * MINUTE)
    desk.put(created("A"), created("B"), reply(NINE + 40 * MINUTE, "B"), status(NINE + 41 * MINUTE, "resolved", "B"))
    desk.ring()
    desk.reload(policies("30m"))
    raised, recovered = [("breach", kind, "first_response") for kind in ("raised", "recovered")]
    assert sorted(told(desk.ring())) == [raised, raised, recovered]
    assert [verdicts(desk, name) for name in "AB"] == [{"first_response": "breached"}] * 2
    assert {kept.judged_by for kept in desk.tickets().values()} == {desk.policies.fingerprint}
    desk.assert_adds_up()
    desk.reload(policies("1h"))
    back = desk.ring()
    # On the ticket that is done it is taken back without a word.
    assert [(alert["kind"], alert["ticket_id"]) for alert in back] == [("corrected", "A")]
    assert [verdicts(desk, name) for name in "AB"] == [{"first_response": "pending"}, {"first_response": "met"}]
    desk.assert_adds_up()
    desk.reload(policies("30m"))
    assert desk.ring() == []  # it was raised once


def test_a_late_reply_on_a_done_ticket_is_corrected_aloud() -> None:
    desk = bench()
    desk.put(created())
    desk.go(2 * HOUR)
    desk.put(status(NINE + 2 * HOUR, "resolved"))
    desk.put(reply(NINE + MINUTE))
    assert told(desk.go(SECOND)) == [("breach", "corrected", "first_response")]


def test_an_event_that_comes_before_its_ticket_was_judged_anew_finds_the_policies_in_force() -> None:
    desk = bench(now=NINE + 50 * MINUTE)
    desk.put(created())
    desk.reload(policies("30m"))
    desk.put(reply(NINE + 45 * MINUTE))
    assert verdicts(desk) == {"first_response": "breached"}
    assert desk.count("sla_tickets_judged_anew_total") == 1


def test_other_policies_after_a_restart_are_like_a_reload() -> None:
    desk = bench(now=NINE + 50 * MINUTE)
    desk.put(created())
    desk.rules.policies = policies("30m")
    desk.start()
    assert told(desk.ring()) == [("breach", "raised", "first_response")]
    desk.assert_adds_up()
