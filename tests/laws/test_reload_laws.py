"""Laws of a change of policies: a ticket to which the same is promised as before is spared, and nothing shows it."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from histories import chances, long_ticket, promises
from hypothesis import given, settings
from judge_time import instant, text_of
from judging import arrived, copy
from partitions import Bench
from strategies import STARTS, random_policy_file, random_ticket
from test_window_laws import crowd

from config.errors import ConfigError
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant
from streams.policies import Policies

if TYPE_CHECKING:
    from judge import Event

NOW = parse_instant("2026-01-07T12:34:56.789Z")


LIMIT = {"limit": "40m"}


def altered(rng: Random, document: dict[str, Any]) -> dict[str, Any]:
    """A policy file that promises something else to some tickets, or to none."""
    changed = deepcopy(document)
    policies = changed["policies"]
    match rng.randrange(5):
        case 0:
            for terms in rng.choice(policies)["targets"].values():
                terms["limit"] = rng.choice(("20m", "45m", "3h"))
                terms.pop("warn", None)
        case 1:
            del policies[rng.randrange(len(policies)) :]
        case 2:
            when = {"priority": [rng.choice(("low", "high", "urgent"))], "team": [rng.choice(("tech", "sales"))]}
            policies.insert(0, {"name": f"new {rng.random()}", "when": when, "targets": {"resolution": LIMIT}})
        case 3:
            rng.choice(policies)["name"] = f"renamed {rng.random()}"
        case 4:
            rng.choice(policies)["effective"] = {"from": text_of(rng.choice(STARTS) + MINUTE)}
    with suppress(ConfigError):
        promises(changed)
        return changed
    return document


def test_what_is_promised_alike_need_not_be_judged_anew(seed: int) -> None:
    """Whoever is held to be judged by other policies has the state that they give, and by no others is it spared."""
    rng = Random(seed)
    spared = refolded = summarised = 0
    for _ in range(120):
        document = random_policy_file(rng)
        old, new = promises(document).policies, promises(altered(rng, document)).policies
        for _ in range(3):
            events = random_ticket(rng, "T") if rng.random() < 0.7 else moved_long_ago(rng)
            cut = rng.randrange(len(events) + 1)
            kept, _ = arrived(events[:cut], old)
            kept.judged_by = kept.judgement(old)
            kept, _ = arrived(events[cut:], old, copy(kept))
            if kept.judged_by == old.fingerprint:
                kept.judged_by = kept.judgement(old)
            kept = copy(kept)
            assert kept.is_judged_by(old)
            spared_now = kept.state is not None and kept.is_judged_by(new)
            before = copy(kept).state
            kept.judge_anew(new)
            assert kept.is_judged_by(new)
            if spared_now:
                assert kept.state == before
                spared += old.fingerprint != new.fingerprint
                summarised += old.fingerprint != new.fingerprint and kept.summary is not None
            elif kept.state != before:
                refolded += 1
    assert spared > 10
    assert refolded > 10
    assert summarised


def moved_long_ago(rng: Random) -> list[Event]:
    """A ticket that lives long, whose attributes were changed in its beginning alone."""
    events = long_ticket(rng, "T", 4)
    half = len(events) // 2
    return [event for n, event in enumerate(events) if n < half or event["type"] != "ticket_updated"]


@settings(max_examples=20)
@given(chances)
def test_a_partition_that_spares_tickets_says_and_keeps_what_one_that_judges_all_of_them_does(rng: Random) -> None:
    document = random_policy_file(rng)
    benches = [Bench(policies, NOW - 90 * DAY) for policies in both(document)]
    late = []
    for event in sorted(crowd(rng, 15, NOW + DAY // 2), key=lambda event: instant(event["occurred_at"])):
        if rng.random() < 0.1:
            late.append(event)
            continue
        for bench in benches:
            bench.now = max(bench.now, instant(event["occurred_at"]))
            bench.put(event)
        if rng.random() < 0.15:
            document = altered(rng, document) if rng.random() < 0.7 else random_policy_file(rng)
            change(benches, document, rng.randrange(3))
        elif rng.random() < 0.3:
            happens(benches, rng)
    for bench in benches:
        bench.put(*late)
        bench.go(MINUTE)
        bench.assert_adds_up()
        assert bench.partition.to_judge == 0
    sparing, judging = benches
    assert told(sparing) == told(judging)
    assert sparing.ledger == judging.ledger
    assert sparing.view() == judging.view()


def change(benches: list[Bench], document: dict[str, Any], rings: int) -> None:
    """Other policies come into force, and some tickets are judged by them at once."""
    for bench, policies in zip(benches, both(document), strict=True):
        bench.go(2 * SECOND)  # what was due is told: a ticket that is done is corrected without a word
        bench.reload(policies)
        for _ in range(rings):
            bench.ring_once()


def happens(benches: list[Bench], rng: Random) -> None:
    """Time passes, or the partition changes hands."""
    passed, derived = rng.choice((0, SECOND, MINUTE, HOUR, None)), rng.random() < 0.5
    for bench in benches:
        if passed is None:
            bench.start(derived=derived)
        else:
            bench.go(passed)


def both(document: dict[str, Any]) -> tuple[Policies, Policies]:
    """The policies of a file, and the same of which nobody knows what they have in common with others."""
    policies = promises(document).policies
    return policies, Policies([replace(policy, fingerprint="") for policy in policies], policies.fingerprint)


def told(bench: Bench) -> list[tuple[str, str]]:
    return sorted((alert["alert_id"], alert["kind"]) for alert in bench.alerts)
