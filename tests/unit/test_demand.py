"""What the live queue asks for: by figures that others publish, by counting, and in shares that add up."""

from __future__ import annotations

import math

import pytest

from streams.demand import OVERDUE, Staffing, Traffic, agents_required, due_work, handling, offered_load, patience
from streams.instants import HOUR, MINUTE, SECOND

STAFFING = Staffing({"first_response": 0.9}, frozenset({"chat"}), {"chat": 8 * MINUTE, "email": 6 * MINUTE})


def busy(arrivals: int, aht: int, **more: int) -> Traffic:
    """So many arrivals in the hour, and a day like it; a reply a ticket, all of which carry their time."""
    return Traffic(arrivals, arrivals, 0, arrivals, arrivals * aht, **more)


def required(traffic: Traffic, limit: int | None = 20 * SECOND, goal: float = 0.8, **more: float) -> float | None:
    known = handling("chat", traffic, STAFFING)
    assert known is not None
    return agents_required(traffic, known, limit, goal, live=True, **more)


def test_the_handling_time_is_that_of_replies_that_carry_it() -> None:
    """Ten tickets, two of which gave up; sixteen replies carry 100 s each."""
    known = handling("chat", Traffic(0, 10, 2, 16, 1600 * SECOND), STAFFING)
    assert known == (200 * SECOND, 100 * SECOND, "replies")


def test_the_handling_time_is_the_configured_one_where_no_reply_carries_it() -> None:
    assert handling("chat", Traffic(3, 10, 2), STAFFING) == (8 * MINUTE, 8 * MINUTE, "configured")
    assert handling("phone", Traffic(3, 10, 2), STAFFING) is None


def test_replies_to_tickets_of_before_tell_of_replies_alone() -> None:
    assert handling("chat", Traffic(0, 0, 0, 4, 400 * SECOND), STAFFING) == (100 * SECOND, 100 * SECOND, "replies")


def test_live_agents_are_those_of_erlang_c() -> None:
    """pyworkforce's own test: 48 erlangs of 240 s each, 80 % within 20 s, ask for 54."""
    traffic = busy(720, 240 * SECOND)
    known = handling("chat", traffic, STAFFING)
    assert known is not None
    assert offered_load(traffic, known) == 48
    assert required(traffic) == 54


def test_live_agents_are_those_of_erlang_a_where_customers_give_up() -> None:
    """pyworkforce's guide: 200 calls an hour of 3 minutes, patience 5 minutes, 80 % within 20 s, ask for 13."""
    traffic = Traffic(200, 200, 10, 190, 190 * 3 * MINUTE, waited=50 * MINUTE)
    assert patience(traffic) == 5 * MINUTE
    assert required(traffic) == 13
    assert required(busy(200, 3 * MINUTE)) == 14


def test_nobody_who_gives_up_is_endless_patience() -> None:
    assert patience(Traffic(waited=HOUR)) == patience(Traffic(given_up=3)) == math.inf


def test_a_live_channel_without_a_promise_asks_for_no_number() -> None:
    assert required(busy(10, MINUTE), limit=None) is None


@pytest.mark.parametrize(
    ("due", "agents"),
    [
        ({"5m": 0, "15m": 0, "60m": 0}, 0),
        ({"5m": 0, "15m": 0, "60m": 10}, 1),  # an hour's work of 6 minutes each
        ({"5m": 0, "15m": 0, "60m": 11}, 2),
        ({"5m": 0, "15m": 8, "60m": 11}, 4),  # 48 minutes of work within 15
        ({"5m": 9, "15m": 9, "60m": 9}, 4),  # 5 minutes are shorter than a reply: more agents could not help
        ({"5m": 0, "15m": 0, "60m": 10, OVERDUE: 50}, 1),  # shown by itself
    ],
)
def test_other_channels_ask_for_the_work_that_falls_due(due: dict[str, int], agents: int) -> None:
    traffic = Traffic(due=due)
    known = handling("email", traffic, STAFFING)
    assert known is not None
    assert agents_required(traffic, known, None, 0.9, live=False) == agents
    assert due_work(traffic, known) == {within: due.get(within, 0) * 6 * MINUTE for within in (*due, OVERDUE)}


def test_a_reply_that_takes_longer_than_any_span_counts_over_the_longest() -> None:
    traffic = Traffic(0, 1, 0, 1, 2 * HOUR, due={"60m": 3})
    known = handling("email", traffic, STAFFING)
    assert known is not None
    assert agents_required(traffic, known, None, 0.9, live=False) == 6


@pytest.mark.parametrize("shares", [1, 2, 4])
def test_shares_of_the_traffic_add_up_to_what_all_of_it_needs(shares: int) -> None:
    """Alone, four quarters of 48 erlangs would need 16 agents each."""
    part = busy(720 // shares, 240 * SECOND)
    assert shares * (required(part, share=1 / shares) or 0) == 54
    mail = Traffic(due={"60m": 20 // shares})
    known = handling("email", mail, STAFFING)
    assert known is not None
    assert shares * (agents_required(mail, known, None, 0.9, live=False, share=1 / shares) or 0) == 2


def test_traffic_adds_up_field_by_field() -> None:
    parts = [Traffic(1, 2, 3, 4, 5, 6, {"5m": 7}), Traffic(10, 20, 30, 40, 50, 60, {"5m": 70, OVERDUE: 80})]
    whole = Traffic()
    for part in parts:
        whole.add(part)
    assert whole == Traffic(11, 22, 33, 44, 55, 66, {"5m": 77, OVERDUE: 80})
