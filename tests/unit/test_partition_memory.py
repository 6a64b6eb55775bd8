"""What a partition keeps, forgets, and has again after a restart; and that one ticket's fault is its own."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from histories import promises
from judge_time import instant, text_of
from partitions import Bench, Input, event
from strategies import random_policy_file, random_ticket

from streams.calendar import Calendar
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant
from streams.policies import Policies, Policy, Promise

if TYPE_CHECKING:
    from collections.abc import Iterable

NINE = parse_instant("2026-01-05T09:00:00Z")
ONE_HOUR, TWO_HOURS = (
    promises({"version": 1, "policies": [{"name": "all", "targets": {"first_response": {"limit": limit}}}]})
    for limit in ("1h", "2h")
)


def created(ticket_id: str, at: int = NINE, **fields: Any) -> dict[str, Any]:
    return event("ticket_created", ticket_id, f"{ticket_id}-created", at, **fields)


def resolved(ticket_id: str, at: int) -> dict[str, Any]:
    return event("status_changed", ticket_id, f"{ticket_id}-resolved", at, status="resolved")


# Retention


def test_a_done_ticket_is_forgotten_after_the_retention_and_a_later_event_is_dead() -> None:
    desk = Bench(ONE_HOUR.policies, NINE, retention=10 * DAY)
    desk.put(created("T"), resolved("T", NINE), created("open"))
    desk.go(10 * DAY)
    assert desk.tickets().keys() == {"T", "open"}
    desk.go(2 * SECOND)
    assert desk.tickets().keys() == {"open"}
    assert (desk.partition.tickets, desk.count("sla_tickets_forgotten_total")) == (1, 1)
    assert desk.ledger["T"]["status"] == "resolved"
    for derived in (False, True, True):
        desk.put(event("ticket_rated", "T", "r", NINE, score=5))
        assert [letter["cause"] for letter in desk.dead] == ["forgotten"]
        desk.dead.clear()
        desk.start(derived=derived)  # the mark outlives a restart, and the building anew of what is derived
    desk.assert_adds_up()


def test_an_alert_that_is_recalled_changes_nothing_but_what_the_ticket_remembers() -> None:
    """Its worker judged by policies that had just come, wrote the ledger, and died before the ticket was written."""
    dead, heir = Bench(TWO_HOURS.policies, NINE), Bench(TWO_HOURS.policies, NINE)
    for desk in (dead, heir):
        desk.put(created("T"))
        desk.now += HOUR + 2 * SECOND
        desk.reload(ONE_HOUR.policies)
    (said,) = dead.ring()
    assert dead.ledger["T"]["clocks"][0]["verdict"] == "breached"

    changes = heir.partition.recall([Input("sla-alerts", b"T", json.dumps(said).encode())], heir.now)
    assert (list(changes.tickets), changes.records, changes.alerts) == ([b"T"], [], [])
    heir.store.put(changes.tickets)
    assert heir.ring() == []
    assert heir.ledger == dead.ledger
    heir.assert_adds_up()


def test_a_breach_is_announced_before_its_ticket_is_forgotten() -> None:
    """Alarms were held for longer than the retention."""
    desk = Bench(ONE_HOUR.policies, NINE, retention=10 * DAY, max_age=30 * DAY)
    desk.put(created("T"))
    desk.now += 2 * HOUR
    desk.put(resolved("T", desk.now))
    assert [(alert["ticket_id"], alert["kind"]) for alert in desk.go(11 * DAY)] == [("T", "raised"), ("T", "recovered")]
    assert desk.tickets() == {}
    desk.assert_adds_up()


def test_a_history_read_in_late_is_not_forgotten_at_once() -> None:
    desk = Bench(ONE_HOUR.policies, NINE + 900 * DAY)
    desk.put(created("T"), resolved("T", NINE + MINUTE))
    desk.go(29 * DAY)
    assert desk.tickets().keys() == {"T"}
    desk.go(2 * DAY)
    assert desk.tickets() == {}


def test_an_event_or_a_reopening_puts_the_forgetting_off() -> None:
    desk = Bench(ONE_HOUR.policies, NINE)
    desk.put(created("T"), resolved("T", NINE))
    desk.go(20 * DAY)
    desk.put(event("ticket_rated", "T", "r", desk.now, score=5))
    desk.go(20 * DAY)
    desk.put(event("status_changed", "T", "again", desk.now, status="open"))
    desk.go(400 * DAY)
    assert desk.tickets().keys() == {"T"}


def test_orphans_are_forgotten_too() -> None:
    desk = Bench(ONE_HOUR.policies, NINE)
    desk.put(event("customer_replied", "T", "1", NINE))
    desk.go(31 * DAY)
    assert (desk.tickets(), desk.partition.tickets, desk.partition.orphans) == ({}, 0, 0)


def test_marks_of_forgotten_tickets_go_after_as_long_again() -> None:
    desk = Bench(ONE_HOUR.policies, NINE, retention=10 * DAY)
    for day in range(60):
        desk.put(created(f"T{59 - day}", desk.now), resolved(f"T{59 - day}", desk.now))
        desk.go(DAY)
        desk.start()  # which reads the marks back in the order of their keys
    marks = [key for key, _ in desk.store.derived_items() if key.startswith(b"f")]
    assert 10 <= len(marks) <= 14
    assert len(desk.tickets()) == 10


def test_window_cells_that_no_window_reaches_are_dropped_from_the_store_after_a_long_absence() -> None:
    desk = Bench(ONE_HOUR.policies, NINE)
    desk.put(created("T"))
    desk.go(HOUR + SECOND)
    assert [key for key, _ in desk.store.derived_items() if key.startswith(b"w")]
    desk.now += 9 * DAY
    desk.start()
    desk.ring()
    desk.put(created("U", desk.now))
    desk.assert_adds_up()


# Restart


def story(rng: Random, tickets: int) -> list[dict[str, Any]]:
    """Tickets whose last events lie in the two days before nine o'clock, in order."""
    found = []
    for n in range(tickets):
        events = random_ticket(rng, f"T{n}")
        later = NINE - max((instant(e["occurred_at"]) for e in events), default=0) - rng.randrange(2 * DAY)
        found += [{**e, "occurred_at": text_of(instant(e["occurred_at"]) + later)} for e in events]
    return sorted(found, key=lambda e: instant(e["occurred_at"]))


@pytest.mark.parametrize("derived", [True, False], ids=["restart", "derived built anew"])
def test_a_restart_gives_the_same_gauges_queue_windows_and_alarms(derived: bool, seed: int) -> None:
    rng = Random(seed)
    for _ in range(8):
        desk = Bench(promises(random_policy_file(rng)).policies, NINE, max_age=4 * HOUR)
        desk.put(*story(rng, 40))
        desk.put(
            *[
                event("agent_status_changed", "", f"{n}", NINE - n, agent_id=f"a{n % 3}", status="busy")
                for n in range(9)
            ]
        )
        for _ in range(3):
            desk.ring()
            before = desk.view()
            desk.start(derived=derived)
            assert desk.view() == before
            desk.assert_adds_up()
            desk.now += rng.choice((SECOND, HOUR, DAY))
            desk.partition.tick(desk.now)


def test_alerts_after_a_restart_are_those_that_would_have_come() -> None:
    rng = Random(3)
    document, events = random_policy_file(rng), story(rng, 60)
    steady, broken = (Bench(promises(document).policies, NINE) for _ in range(2))
    for desk in (steady, broken):
        desk.put(*events)
    for _ in range(20):
        broken.start(derived=rng.random() < 0.5)
        step = rng.choice((MINUTE, HOUR))
        assert broken.go(step) == steady.go(step)
    assert steady.alerts
    for desk in (steady, broken):
        desk.partition.tick(desk.now)
    assert broken.view() == steady.view()


def test_events_read_again_after_a_crash_change_nothing() -> None:
    """The input offset is committed last: after a crash some chunks come a second time."""
    rng = Random(4)
    desk = Bench(promises(random_policy_file(rng)).policies, NINE)
    events = story(rng, 40)
    desk.put(*events)
    desk.ring()
    before, alerts = desk.view(), list(desk.alerts)
    desk.start()
    desk.put(*events[len(events) // 2 :])
    desk.ring()
    again = desk.view()
    assert (again["windows"], again["queue"]) == (before["windows"], before["queue"])
    assert desk.alerts == alerts


def test_agents_newest_status_counts_and_is_kept() -> None:
    desk = Bench(ONE_HOUR.policies, NINE)

    def says(n: int, at: int, status: str, **fields: Any) -> dict[str, Any]:
        return event("agent_status_changed", "", f"s{n}", at, agent_id="a", status=status, **fields) | {}

    desk.put(
        says(1, NINE - MINUTE, "online", team="care"), says(2, NINE, "busy"), says(3, NINE - 2 * MINUTE, "offline")
    )
    for _ in range(2):
        [member] = desk.partition.staff.values()
        assert (member.status, member.team) == ("busy", "care")
        desk.start()
    assert (desk.partition.tickets, desk.tickets()) == (0, {})


# Faults


class Cursed(Calendar):
    """A calendar that fails where it is asked what."""

    def __init__(self, fails: Iterable[str]) -> None:
        super().__init__("cursed", "UTC", {day: [(0, 86400)] for day in range(7)})
        self.fails = set(fails)

    def add(self, start: int, budget: int) -> int:
        if "add" in self.fails:
            raise ZeroDivisionError("cursed")
        return super().add(start, budget)

    def elapsed(self, start: int, end: int) -> int:
        if "elapsed" in self.fails:
            raise ZeroDivisionError("cursed")
        return super().elapsed(start, end)


def cursed_policies(calendar: Calendar, fingerprint: str = "1") -> Policies:
    good = ONE_HOUR.policies.policies[0]
    promise = Promise("cursed", "first_response", HOUR, calendar)
    bad = Policy("cursed", {"priority": frozenset({"cursed"})}, {"first_response": promise})
    return Policies([bad, good], fingerprint)


def test_an_event_that_cannot_be_applied_is_a_dead_letter_and_all_else_goes_on() -> None:
    desk = Bench(cursed_policies(Cursed({"add"})), NINE)
    curse = event("ticket_updated", "T", "curse", NINE, priority="cursed", team="x")
    update = event("ticket_updated", "T", "update", NINE, customer_id="c")
    desk.put(created("bad", priority="cursed"), created("T"), created("U"))
    desk.put(update, curse, event("ticket_updated", "U", "other", NINE, team="y"))
    assert [(letter["cause"], letter["reason"]) for letter in desk.dead] == [("error", "ZeroDivisionError: cursed")] * 2
    assert {name: record.get("customer_id") for name, record in desk.ledger.items()} == {"T": "c", "U": None}
    assert "team" not in desk.ledger["T"]
    assert desk.ledger["U"]["team"] == "y"
    assert len(desk.go(2 * HOUR)) == 2
    desk.assert_adds_up()


def test_a_ticket_that_cannot_ring_leaves_the_others_their_alarms() -> None:
    calendar = Cursed(())
    desk = Bench(cursed_policies(calendar), NINE)
    desk.put(created("bad", priority="cursed"), created("T", NINE + 1))
    calendar.fails.add("elapsed")
    assert [alert["ticket_id"] for alert in desk.go(2 * HOUR)] == ["T"]
    calendar.fails.clear()
    desk.start()
    assert [alert["ticket_id"] for alert in desk.ring()] == ["bad"]


def test_a_ticket_that_cannot_be_judged_anew_leaves_the_others_theirs() -> None:
    desk = Bench(ONE_HOUR.policies, NINE)
    desk.put(created("bad", priority="cursed"), created("T"))
    desk.reload(cursed_policies(Cursed({"add"}), "2"))
    assert [alert["ticket_id"] for alert in desk.go(2 * HOUR)] == ["T"]
    desk.put(event("customer_replied", "bad", "1", NINE), event("customer_replied", "T", "1", NINE))
    assert [letter["cause"] for letter in desk.dead] == ["error"]
    assert desk.tickets()["T"].count == 2


# What time alone would not free


def test_alarms_that_were_moved_do_not_pile_up() -> None:
    """Each message moves the alarm of a promise that ends in a month: none of the old ones ever rings."""
    promised = {"next_response": {"limit": "720h"}}
    desk = Bench(promises({"version": 1, "policies": [{"name": "all", "targets": promised}]}).policies, NINE)
    desk.put(created("T"))
    for number in range(2000):
        desk.now += SECOND
        desk.put(event("agent_replied", "T", f"r{number}", desk.now))
        desk.now += SECOND
        desk.put(event("customer_replied", "T", f"c{number}", desk.now))
    assert len(desk.partition._alarms) < 1100
    assert desk.partition.wake_at() == desk.now + 720 * HOUR
