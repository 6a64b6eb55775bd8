"""Laws of the alerts made ready beforehand: what is told, and what is kept, is the same as without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from histories import chances, promises
from hypothesis import given, settings
from judge_time import instant
from partitions import Bench, Input
from strategies import random_policy_file
from test_window_laws import crowd

from streams.instants import DAY, MINUTE, SECOND, parse_instant

if TYPE_CHECKING:
    from random import Random

NOW = parse_instant("2026-01-07T12:34:56.789Z")
GRACE = SECOND


@settings(max_examples=30)
@given(chances)
def test_alerts_made_ready_beforehand_are_those_of_the_ring(rng: Random) -> None:
    """Events between a deadline and its ring, tickets not yet written, reloads, deaths, and hand-overs."""
    policies = promises(random_policy_file(rng)).policies
    plain, ahead = Bench(policies, NOW - 90 * DAY, ahead=False), Bench(policies, NOW - 90 * DAY)
    for event in sorted(crowd(rng, 15, NOW + DAY // 2), key=lambda event: instant(event["occurred_at"])):
        pass_time(plain, ahead, instant(event["occurred_at"]), rng)
        for bench in (plain, ahead):
            bench.put(event)
        if rng.random() < 0.1:
            happens(rng, plain, ahead)
    for bench in (plain, ahead):
        bench.go(MINUTE)
        bench.assert_adds_up()
    assert told(ahead) == told(plain)
    assert ahead.ledger == plain.ledger
    assert ahead.view() == plain.view()


def pass_time(plain: Bench, ahead: Bench, until: int, rng: Random) -> None:
    """Alarms come: both are looked at while the grace of an alarm lasts, and at its end."""
    while (wake := plain.partition.wake_at()) is not None and wake < until:
        for passed in sorted(rng.sample((0, 1, GRACE // 2, GRACE - 1), 2)):
            ahead.now = max(ahead.now, min(wake + passed, until))
            look(ahead, rng)
        plain.now = ahead.now = max(ahead.now, min(wake + GRACE, until))
        if plain.now < wake + GRACE:
            break
        plain.ring()
        tell(ahead, plain)
    plain.now = ahead.now = max(ahead.now, until)


def look(bench: Bench, rng: Random) -> None:
    """The engine looks at the alarms of now; what is due is rung, not always to the end."""
    for _ in range(rng.randrange(4)):
        wake = bench.partition.wake_at()
        if wake is None or wake > bench.now:
            return
        if wake + bench.grace > bench.now:
            bench.partition.prepare(bench.now)
        else:
            bench.ring_once()


def tell(ahead: Bench, plain: Bench) -> None:
    """Rings until all is told, and no longer: tickets may be left to be written."""
    for _ in range(100):
        if told(ahead) == told(plain):
            return
        ahead.ring_once()
    raise AssertionError(f"not told, or not to be told: {set(told(ahead)) ^ set(told(plain))}")


def happens(rng: Random, plain: Bench, ahead: Bench) -> None:
    """What may happen at any time."""
    match rng.randrange(4):
        case 0:
            for bench in (plain, ahead):
                die(bench)
        case 1:
            ahead.keep(ahead.partition.rest(ahead.now))
            for bench in (plain, ahead):
                bench.start(derived=rng.random() < 0.5)
        case 2:
            policies = promises(random_policy_file(rng)).policies
            for bench in (plain, ahead):
                bench.reload(policies)
                bench.ring()
        case 3:
            ahead.assert_adds_up()


def die(bench: Bench) -> None:
    """Its heir is shown what was written to the topic of alerts."""
    bench.start()
    said = [Input("sla-alerts", alert["ticket_id"].encode(), json.dumps(alert).encode()) for alert in bench.alerts]
    bench.keep(bench.partition.recall(said, bench.now))


def told(bench: Bench) -> list[tuple[str, str]]:
    return sorted((alert["alert_id"], alert["kind"]) for alert in bench.alerts)
