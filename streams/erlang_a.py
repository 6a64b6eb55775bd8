"""The share of callers who are answered in time where some give up before: Erlang A, also M/M/n+M.

As Erlang C, but each caller has a patience of their own, drawn from an exponential distribution of mean `patience`, and
hangs up when the wait outlasts it. However few agents there are, the queue stays finite.

Formulas: C. Palm 1957; O. Garnett, A. Mandelbaum, M. Reiman, "Designing a Call Center with Impatient Customers", 2002;
A. Mandelbaum, S. Zeltyn, "Service Engineering in Action: The Palm/Erlang-A Queue", 2007.
"""

from __future__ import annotations

import math

_ENOUGH = 1e-17  # of a series' sum: what is smaller does not change it
_RESCALE = 1e200


def answered(load: float, agents: int, blocked: float, target: float, patience: float) -> float:
    """The share of all callers answered within `target`, 0 to 1; who gives up was not answered.

    `blocked`: Erlang B of load and agents. `target` and `patience` are in handling times.

    The wait that a caller of endless patience would meet has, beyond 0, the density load g(v) / (e + load J(0)), with
    g(v) = exp(load (1 - exp(-v / patience)) patience - agents v), J(t) its integral from t on, and
    e = 1 / ErlangB(load, agents - 1) the weight of not waiting. A caller is still there after v with probability
    exp(-v / patience); integrated by parts up to the target this leaves
    (e + g(target) - 1 + agents (J(0) - J(target))) / (e + load J(0)).
    """
    if agents == 0:
        return 0.0
    if blocked == 0:  # less than any number that there is: nobody waits
        return 1.0
    at_once = load * (1 - blocked) / (agents * blocked)
    at_target = _log_g(load, agents, target, patience)
    whole, rest = (_log_j(load, agents, time, patience) for time in (0.0, target))
    scale = max(0.0, at_target, whole, math.log(at_once))  # else patient callers before few agents overflow
    one, g, j_0, j_target = (math.exp(log - scale) for log in (0.0, at_target, whole, rest))
    waiting = at_once * one
    share = (waiting + g - one + agents * (j_0 - j_target)) / (waiting + load * j_0)
    return min(1.0, max(0.0, share))


def _log_g(load: float, agents: int, time: float, patience: float) -> float:
    return -load * patience * math.expm1(-time / patience) - agents * time


def _log_j(load: float, agents: int, time: float, patience: float) -> float:
    """The logarithm of J(t), which is g(t) times the sum over k of x^k / (a (a+1) ... (a+k)), times patience.

    With a = agents x patience and x = load x patience x exp(-t / patience): the series of the lower incomplete gamma
    function.
    """
    a = agents * patience
    x = load * patience * math.exp(-time / patience)
    term = total = 1 / a
    log, k = 0.0, 0
    while term > total * _ENOUGH or a + k < x:
        k += 1
        term *= x / (a + k)
        total += term
        if total > _RESCALE:
            term, total, log = term / _RESCALE, total / _RESCALE, log + math.log(_RESCALE)
    return _log_g(load, agents, time, patience) + log + math.log(total * patience)
