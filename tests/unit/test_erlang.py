"""Erlang figures that others publish or assert, and what the formulas must do at their edges."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from queue_chain import answered_by_the_chain

from streams.staffing import asa, erlang_b, erlang_c, occupancy, required_agents, service_level

FIGURES = json.loads(
    Path(
        os.environ.get("SLAWATCH_BUSINESS_TIME_CASES") or Path(__file__).parent.parent / "data" / "business_time.json"
    ).read_text()
).get("erlang_c", [])
COMPUTED = {
    "p_wait": lambda case: erlang_c(case["load"], case["agents"]),
    "service_level": lambda case: service_level(case["load"], case["agents"], case["aht_s"], case["target_s"]),
    "asa_s": lambda case: asa(case["load"], case["agents"], case["aht_s"]),
    "occupancy": lambda case: occupancy(case["load"], case["agents"]),
    "required_agents": lambda case: required_agents(case["load"], case["aht_s"], case["target_s"], case["sl_target"]),
}


def figures() -> list[Any]:
    """One parameter a figure: a case may assert several."""
    return [
        pytest.param(case, figure, id=f"{place}-{figure}")
        for place, case in enumerate(FIGURES)
        for figure in COMPUTED
        if figure in case or f"{figure}_range" in case
    ]


@pytest.mark.parametrize(("case", "figure"), figures())
def test_erlang(case: dict[str, Any], figure: str) -> None:
    """Every figure comes out to as many places as it is given with."""
    value = COMPUTED[figure](case)
    if f"{figure}_range" in case:
        low, high = case[f"{figure}_range"]
        assert low <= value <= high
    elif "decimals" in case:
        assert round(value, case["decimals"]) == case[figure]
    else:
        assert value == pytest.approx(case[figure], rel=1e-6), case["source"]


def test_erlang_b_is_the_factorial_formula() -> None:
    """A^n/n! over the sum of A^k/k!, where that can still be computed."""
    for load, agents in [(0.5, 1), (3.0, 5), (10.0, 8), (20.0, 30)]:
        terms = [load**k / math.factorial(k) for k in range(agents + 1)]
        assert erlang_b(load, agents) == pytest.approx(terms[-1] / sum(terms), rel=1e-12)


def test_erlang_stays_finite_for_thousands_of_agents() -> None:
    """Shares stay shares; 5,000 erlangs need a little more than 5,000 agents."""
    assert 0 < erlang_c(5000.0, 5050) < 1
    assert erlang_c(1.0, 5000) == 0
    agents = required_agents(5000.0, 240, 20, 0.8)
    assert 5000 < agents < 5100
    assert service_level(5000.0, agents, 240, 20) >= 0.8 > service_level(5000.0, agents - 1, 240, 20)


@pytest.mark.parametrize("load", [0.01, 0.9, 1.0, 7.5, 48.0, 300.0])
@pytest.mark.parametrize("goal", [0.5, 0.8, 0.95, 0.999])
def test_erlang_required_agents_are_the_fewest(load: float, goal: float) -> None:
    """They reach the goal, one less does not."""
    agents = required_agents(load, 240, 20, goal)
    assert service_level(load, agents, 240, 20) >= goal > service_level(load, agents - 1, 240, 20)


@pytest.mark.parametrize("agents", [0, 5, 10])
def test_erlang_agents_who_cannot_keep_up(agents: int) -> None:
    """Everyone waits, without end."""
    assert erlang_c(10.0, agents) == 1
    assert service_level(10.0, agents, 180, 20) == 0
    assert asa(10.0, agents, 180) == math.inf
    assert occupancy(10.0, agents) == 1


def test_erlang_without_load() -> None:
    """Nobody waits, nobody is needed."""
    assert erlang_c(0.0, 1) == 0
    assert service_level(0.0, 1, 180, 20) == 1
    assert required_agents(0.0, 180, 20, 0.8) == 0


# Erlang A: callers who give up


def test_erlang_a_is_what_another_program_publishes() -> None:
    """The guide of pyworkforce: 100 calls in 30 minutes of 3 each, answered in 20 s, patience 5 minutes: 13 agents."""
    level = service_level(100 * 3 / 30, 13, 3, 20 / 60, 5)
    assert math.floor(level * 1000) == 858
    assert required_agents(100 * 3 / 30, 3, 20 / 60, 0.8, 5) == 13


@pytest.mark.parametrize(
    ("load", "agents", "target", "patience"),
    [(1.0, 1, 0.5, 2.0), (10.0, 13, 0.11, 1.7), (10.0, 7, 0.5, 0.5), (20.0, 20, 0.1, 4.0), (3.0, 9, 0.02, 0.3)],
)
def test_erlang_a_is_what_the_queue_itself_comes_to(load: float, agents: int, target: float, patience: float) -> None:
    expected = answered_by_the_chain(load, agents, target, patience)
    assert service_level(load, agents, 1, target, patience) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("load", [0.3, 4.0, 48.0])
@pytest.mark.parametrize("patience", [0.2, 1.0, 30.0])
def test_erlang_a_needs_the_fewest_agents(load: float, patience: float) -> None:
    for goal in (0.5, 0.9, 0.99):
        agents = required_agents(load, 1, 0.1, goal, patience)
        assert service_level(load, agents, 1, 0.1, patience) >= goal > service_level(load, agents - 1, 1, 0.1, patience)


def test_erlang_a_of_endless_patience_is_erlang_c() -> None:
    for load, agents in [(10.0, 11), (10.0, 13), (48.0, 54)]:
        patient = service_level(load, agents, 1, 0.1, 1e7)
        assert patient == pytest.approx(service_level(load, agents, 1, 0.1), abs=1e-5)


def test_erlang_a_stays_a_share_where_its_terms_overflow() -> None:
    """A thousand erlangs of very patient callers: before too few agents nobody is answered in time."""
    shares = [service_level(1000.0, agents, 1, 0.1, 1000.0) for agents in (1, 900, 1000, 1100, 5000)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == pytest.approx((0, 1), abs=1e-9)


def test_erlang_refuses_nonsense() -> None:
    """Negative, infinite and absent quantities are errors, not figures."""
    for load, agents in [(-1.0, 3), (math.inf, 3), (math.nan, 3), (1.0, -1)]:
        with pytest.raises(ValueError, match="negative"):
            erlang_c(load, agents)
        with pytest.raises(ValueError, match="negative"):
            occupancy(load, agents)
    for aht, target in [(0, 20), (-1, 20), (math.inf, 20), (180, -1), (180, math.nan)]:
        with pytest.raises(ValueError, match="time"):
            service_level(1.0, 2, aht, target)
    for patience in (0, -1, math.nan):
        with pytest.raises(ValueError, match="giving up"):
            service_level(1.0, 2, 180, 20, patience)
    for goal in (0, 1, 1.5, math.nan):
        with pytest.raises(ValueError, match="goal"):
            required_agents(1.0, 180, 20, goal)
    with pytest.raises(ValueError, match="load"):
        required_agents(-1.0, 180, 20, 0.8)
