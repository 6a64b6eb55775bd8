"""A queue whose callers give up, followed step by step: what Erlang A must come to."""

import math


def answered_by_the_chain(load: float, agents: int, target: float, patience: float, most: int = 400) -> float:
    """The same share by no formula: times in handling times, a caller followed through the queue's own steps.

    The queue in equilibrium is a birth and death chain. Who finds `k` callers before them and no agent free moves up
    as agents finish and others give up, until an agent is free, or their own patience ends; the chance to have been
    answered at `target` is that of a Markov chain, step by step of its fastest rate (uniformization).
    """
    weights = [1.0]
    for n in range(1, agents + most):
        leaving = min(n, agents) + max(0, n - agents) / patience
        weights.append(weights[-1] * load / leaving)
    whole = sum(weights)
    fastest = agents + (most + 1) / patience
    found = weights[agents:]  # by callers before them
    answered = sum(weights[:agents])
    chance, steps = math.exp(-fastest * target), 0
    total, spent = chance * answered, chance
    while 1 - spent > 1e-13:
        served, after = agents / fastest * found[0], [0.0] * most
        for k, weight in enumerate(found):
            up = (agents + k / patience) / fastest
            after[k] += weight * (1 - up - 1 / patience / fastest)
            if k:
                after[k - 1] += weight * up
        answered, found = answered + served, after
        steps += 1
        chance *= fastest * target / steps
        spent += chance
        total += chance * answered
    return total / whole
