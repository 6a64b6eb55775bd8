"""Callers who hang up: how many are served in time, and how many agents a goal needs, by Erlang A (M/M/n+M).

As in `streams.staffing`, but who waits loses patience after an exponential time. Load is in erlangs; `aht`, the average
handling time, `patience`, its mean, and `target`, the time to answer in, are in one unit.

Formulas: C. Palm 1957; in the form of A. Mandelbaum and S. Zeltyn, "Service Engineering in Action: The Palm/Erlang-A
Queue" (2007). The wait of a caller who finds all agents busy and k waiting is a sum of exponential times with rates in
an arithmetic series, and so exp(-wait / patience) has a beta distribution (A. Renyi 1953).
"""

from __future__ import annotations

import math
from itertools import count

from streams.staffing import erlang_b, occupancy

_NEGLIGIBLE = 1e-13
_HUGE = 1e200  # weights are scaled down before they overflow


def served_within(load: float, agents: int, aht: float, patience: float, target: float) -> float:
    """The share of all calls that an agent takes within `target`, 0 to 1; those that hang up are not served.

    Raises ValueError for a load or agents that are negative, and for times that are not positive (`target` may be 0).
    """
    _check_times(aht, patience, target)
    chances = _states(load, agents, aht, patience)
    served = 1 - sum(chances)
    spared = math.exp(-target / patience)
    rate = agents * patience / aht  # departures from the queue by service, while one caller would lose patience
    if not rate:
        return served
    # Of Beta(rate + 1, k + 1), the chance to be below `spared`, built up term by term along k.
    below = 0.0
    for k, chance in enumerate(chances):
        below += _term(rate + 1, k, spared)
        served += chance * rate / (rate + k + 1) * max(0.0, 1 - below)
    return min(max(served, 0.0), 1.0)


def abandoned(load: float, agents: int, aht: float, patience: float) -> float:
    """The share of all calls that hang up, 0 to 1. Raises ValueError as `served_within`."""
    _check_times(aht, patience, 0)
    chances = _states(load, agents, aht, patience)
    if not load:
        return 0.0
    waiting = sum(k * chance for k, chance in enumerate(chances))
    return waiting * aht / (patience * load)  # what hangs up, over what comes


def required_with_patience(load: float, aht: float, patience: float, target: float, goal: float) -> int:
    """The fewest agents who take a share `goal` of all calls within `target`; 0 where there is no load.

    Raises ValueError as `served_within`, and for a goal that is not between 0 and 1.
    """
    if not 0 < goal < 1:
        raise ValueError(f"a goal is a share between 0 and 1: {goal}")
    _check_times(aht, patience, target)
    occupancy(load, 0)  # its checks
    if not load:
        return 0
    # More agents always serve more: doubling finds an upper bound, halving the least.
    enough = 1
    while served_within(load, enough, aht, patience, target) < goal:
        enough *= 2
    few = enough // 2
    while enough - few > 1:
        middle = (few + enough) // 2
        if served_within(load, middle, aht, patience, target) < goal:
            few = middle
        else:
            enough = middle
    return enough


def _states(load: float, agents: int, aht: float, patience: float) -> list[float]:
    """The chance that all agents are busy and k wait, by k, as far as it is not negligible."""
    blocked = erlang_b(load, agents)
    weights = [1.0]
    most = 1.0
    for k in count(1):
        weights.append(weights[-1] * load / (agents + k * aht / patience))
        most = max(most, weights[-1])
        if weights[-1] <= most * _NEGLIGIBLE:
            break
        if most > _HUGE:
            weights = [weight / _HUGE for weight in weights]
            most /= _HUGE
    free = (1 - blocked) * weights[0]
    everything = free + blocked * sum(weights)
    return [blocked * weight / everything for weight in weights]


def _term(rate: float, k: int, x: float) -> float:
    """(rate)_k / k! x^rate (1 - x)^k, a term of the incomplete beta function, for large values too."""
    if x >= 1:
        return 1.0 if k == 0 else 0.0
    if x <= 0:
        return 0.0
    choices = math.lgamma(rate + k) - math.lgamma(rate) - math.lgamma(k + 1)
    return math.exp(choices + rate * math.log(x) + k * math.log1p(-x))


def _check_times(aht: float, patience: float, target: float) -> None:
    for name, value in (("handling time", aht), ("patience", patience)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"a {name} is finite and positive: {value}")
    if not (math.isfinite(target) and target >= 0):
        raise ValueError(f"a time to answer is finite and not negative: {target}")
