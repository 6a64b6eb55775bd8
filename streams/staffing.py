"""How long callers wait for a number of agents, and how many agents a goal needs: the Erlang formulas.

Calls arrive at random (Poisson), are served one an agent, first come first served, and wait without giving up; with
a `patience`, the mean of how long they would wait, some give up before (`erlang_a`).
Load is offered load in erlangs: arrivals in a span of time, times the handling time, over the span. Durations
(`aht`, the average handling time, and `target`, the time to answer in) are in one unit, here microseconds.

Formulas: A. K. Erlang 1917, as in R. B. Cooper, "Introduction to Queueing Theory", 2nd ed. 1981, chapter 3.
"""

from __future__ import annotations

import math

from streams import erlang_a


def erlang_b(load: float, agents: int) -> float:
    """The share of calls that find all agents busy and go away (Erlang B).

    By the recursion over agents B(n) = load B(n-1) / (n + load B(n-1)), in which nothing grows: it stays exact
    for thousands of agents, where factorials overflow. Raises ValueError for a load that is negative or infinite,
    and for negative agents.
    """
    _check(load, agents)
    share = 1.0
    for n in range(1, agents + 1):
        share = load * share / (n + load * share)
    return share


def erlang_c(load: float, agents: int) -> float:
    """The share of calls that wait at all (Erlang C), 0 to 1; 1 where agents <= load: they cannot keep up.

    Raises ValueError as `erlang_b`.
    """
    return _waiting(load, agents, erlang_b(load, agents))


def service_level(load: float, agents: int, aht: float, target: float, patience: float = math.inf) -> float:
    """The share of calls answered within a time, 0 to 1; 0 where agents cannot keep up and nobody gives up.

    1 - C exp(-(agents - load) target / aht), or Erlang A where patience ends; a caller who gave up was not answered.
    Raises ValueError as `erlang_b`, for a handling time or a patience that is not positive, and for a negative target.
    """
    _check_times(aht, target, patience)
    return _answered(load, agents, aht, target, patience, erlang_b(load, agents))


def asa(load: float, agents: int, aht: float) -> float:
    """The average speed of answer, in the unit of `aht`; infinite where the agents cannot keep up.

    C aht / (agents - load), over all calls, those that need not wait included. Raises ValueError as `service_level`.
    """
    _check_times(aht, 0)
    waiting = erlang_c(load, agents)
    return waiting * aht / (agents - load) if agents > load else math.inf


def occupancy(load: float, agents: int) -> float:
    """The share of their time that agents are busy, 0 to 1; 1 where they cannot keep up.

    Raises ValueError as `erlang_b`.
    """
    _check(load, agents)
    return load / agents if agents > load else 1.0


def required_agents(load: float, aht: float, target: float, goal: float, patience: float = math.inf) -> int:
    """The fewest agents who answer a share `goal` of calls within a time; 0 where there is no load.

    Raises ValueError as `service_level`, and for a goal that is not between 0 and 1: no number of agents answers
    every call in time.
    """
    _check(load, 0)
    _check_times(aht, target, patience)
    if not 0 < goal < 1:
        raise ValueError(f"a goal is a share between 0 and 1: {goal}")
    if load == 0:
        return 0
    agents = math.floor(load * goal)  # fewer cannot serve such a share, however patient the callers are
    share = erlang_b(load, agents)
    while _answered(load, agents, aht, target, patience, share) < goal:
        agents += 1
        share = load * share / (agents + load * share)
    return agents


def _waiting(load: float, agents: int, share_blocked: float) -> float:
    """Erlang C out of Erlang B: C = n B / (n - load (1 - B))."""
    if agents <= load:
        return 1.0
    return agents * share_blocked / (agents - load * (1 - share_blocked))


def _answered(load: float, agents: int, aht: float, target: float, patience: float, blocked: float) -> float:
    if load == 0:
        return 1.0
    if math.isfinite(patience):
        return erlang_a.answered(load, agents, blocked, target / aht, patience / aht)
    waiting = _waiting(load, agents, blocked)
    return 1 - waiting * math.exp(-(agents - load) * target / aht) if agents > load else 0.0


def _check(load: float, agents: int) -> None:
    if not (math.isfinite(load) and load >= 0):
        raise ValueError(f"a load in erlangs is finite and not negative: {load}")
    if agents < 0:
        raise ValueError(f"agents are not negative: {agents}")


def _check_times(aht: float, target: float, patience: float = math.inf) -> None:
    if not (math.isfinite(aht) and aht > 0):
        raise ValueError(f"a handling time is finite and positive: {aht}")
    if not (math.isfinite(target) and target >= 0):
        raise ValueError(f"a time to answer is finite and not negative: {target}")
    if not patience > 0:
        raise ValueError(f"a time until giving up is positive: {patience}")
