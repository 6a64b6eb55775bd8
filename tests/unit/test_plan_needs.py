"""The agents that half-hours need: others' Erlang figures, and work that is spread to when it may be done."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from config.policies import read_policy_text
from streams.instants import HOUR, SECOND, parse_instant
from streams.planning.demand import Kind, Stream, Work
from streams.planning.needs import Terms, needed
from streams.planning.slots import SLOT, Slots

CASES = json.loads(
    Path(
        os.environ.get("SLAWATCH_BUSINESS_TIME_CASES") or Path(__file__).parent.parent / "data" / "business_time.json"
    ).read_text()
)["erlang_c"]
FULL = 0.999999  # an occupancy that asks for nobody beside Erlang's agents
MONDAY = parse_instant("2026-03-02T00:00:00Z")


def policies(targets: str, calendars: str = "{}") -> Any:
    text = f"version: 1\ncalendars: {calendars}\npolicies: [{{name: all, targets: {{first_response: {targets}}}}}]\n"
    return read_policy_text(text.encode(), "policies").policies


def calls(load: float, aht: float, slots: Slots, patience: float = math.inf) -> Stream:
    return Stream(Kind("t", "phone"), [load * SLOT / aht] * slots.count, Work(aht, 1.0, patience), live=True)


@pytest.mark.parametrize("case", [case for case in CASES if "service_level" in case or "service_level_range" in case])
def test_a_live_half_hour_needs_as_many_agents_as_others_say(case: dict[str, Any]) -> None:
    """As many reach the level that is published, and one fewer does not."""
    agents, level = case["agents"], case.get("service_level") or case["service_level_range"][0]
    slots = Slots(MONDAY, 2)
    promise = policies(f"{{limit: {case['target_s']}s}}")
    stream = calls(case["load"], case["aht_s"] * SECOND, slots)
    found = needed([stream], promise, slots, Terms(goal=level - 1e-3, occupancy=FULL))
    assert [need.agents for need in found] == [agents, agents]
    more = needed([stream], promise, slots, Terms(goal=level + 1e-3, occupancy=FULL))
    assert more[0].agents > agents
    assert found[0].load == pytest.approx(case["load"])


def test_the_agents_for_a_goal_are_those_that_others_require() -> None:
    (case,) = [case for case in CASES if "required_agents" in case]
    slots = Slots(MONDAY, 1)
    stream = calls(case["load"], case["aht_s"] * SECOND, slots)
    promise = policies(f"{{limit: {case['target_s']}s}}")
    (need,) = needed([stream], promise, slots, Terms(goal=case["sl_target"], occupancy=FULL))
    assert need.agents == case["required_agents"]
    (need,) = needed([stream], promise, slots, Terms(goal=case["sl_target"], occupancy=0.5))
    assert need.agents == 2 * case["load"], "nobody is planned to be busy for more than half of the time"


def test_impatient_customers_need_fewer_agents() -> None:
    slots = Slots(MONDAY, 1)
    promise, terms = policies("{limit: 20s}"), Terms(goal=0.8, occupancy=FULL)
    (patient,) = needed([calls(48, 240 * SECOND, slots)], promise, slots, terms)
    (impatient,) = needed([calls(48, 240 * SECOND, slots, 60.0 * SECOND)], promise, slots, terms)
    assert impatient.agents < patient.agents


def test_two_promises_on_one_channel_share_its_agents() -> None:
    """Half of the calls within 10 s and half within 60 s need a number between those that all of either need."""
    slots = Slots(MONDAY, 1)
    text = (
        "version: 1\npolicies:\n"
        "  - {name: vip, when: {priority: [urgent]}, targets: {first_response: {limit: 10s}}}\n"
        "  - {name: all, targets: {first_response: {limit: 180s}}}\n"
    )
    both = read_policy_text(text.encode(), "policies").policies
    terms = Terms(goal=0.9, occupancy=FULL)

    def of(urgent: float, others: float) -> int:
        work = Work(180 * SECOND, 1.0)
        streams = [
            Stream(Kind("t", "phone", priority), [share * 200], work, live=True)
            for priority, share in (("urgent", urgent), (None, others))
        ]
        return needed(streams, both, slots, terms)[0].agents

    assert of(0, 1) < of(0.5, 0.5) < of(1, 0)


OFFICE = "{office: {timezone: UTC, weekly: {mon: ['09:00-12:00', '13:00-17:00'], tue: ['09:00-17:00']}}}"


def test_mail_is_worked_on_in_office_hours_before_its_deadline_and_nothing_of_it_is_lost() -> None:
    slots = Slots(MONDAY, 96)
    arrivals = [6.0 if number in (4, 20, 30) else 0.0 for number in range(96)]
    mail = Stream(Kind("t", "email"), arrivals, Work(300 * HOUR, 1.0), live=False)  # large, so that rounding is nothing
    promise = policies("{limit: 2h, calendar: office}", OFFICE)
    found = [need.agents for need in needed([mail], promise, slots, Terms(goal=0.9, occupancy=FULL))]
    at_work = {number for number, agents in enumerate(found) if agents}
    # Due at 11:00; at 13:15, noon left out; and on Tuesday at 09:15: each is done in the half-hours before.
    assert at_work == {18, 19, 20, 21} | {20, 21, 22, 23} | {30, 31, 32, 33}
    assert sum(found) == pytest.approx(3 * 6 * 300 * HOUR / SLOT, rel=0.001)


def test_mail_without_a_promise_is_done_within_a_day() -> None:
    slots = Slots(MONDAY, 96)
    mail = Stream(Kind("t", "email"), [48.0] + [0.0] * 95, Work(30 * HOUR, 1.0), live=False)
    promise = policies("{limit: 1h}")
    nothing = read_policy_text(
        b"version: 1\npolicies: [{name: x, when: {channel: [fax]}, targets: {first_response: {limit: 1h}}}]\n", "p"
    ).policies
    assert [n.agents > 0 for n in needed([mail], nothing, slots, Terms(0.9))] == [True] * 48 + [False] * 48
    assert sum(n.agents > 0 for n in needed([mail], promise, slots, Terms(0.9))) == 2


def test_a_roster_has_enough_for_those_who_must_be_at_work() -> None:
    for shrinkage in (0.0, 0.1, 0.3, 0.35, 0.5):
        terms = Terms(0.9, shrinkage=shrinkage)
        for agents in range(200):
            assert terms.at_work(terms.rostered(agents)) >= agents
            assert agents == 0 or (terms.rostered(agents) - 1) * (1 - shrinkage) < agents
    assert Terms(0.9, shrinkage=0.3).rostered(7) == 10
