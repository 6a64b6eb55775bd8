"""Knows how to have the product and the independent judge look at one ticket, and what of it may be compared."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from judge import Clock, judge_ticket
from judge_time import instant, text_of

from config.policies import load_policies
from streams import ledger, ticket
from streams.events import Reader, TicketEvent
from streams.policies import TARGETS
from streams.ticket import Outcome, Ticket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from judge import Event, Policy

    from streams.facts import Fact
    from streams.policies import Policies

_DEFAULTS: Mapping[str, object] = {
    "public": True,
    "automated": False,
    "valid": True,
    "created_by": "customer",
    "deductions": [],
    "labels": [],
}
_read = Reader().read


def plain(event: Event) -> dict[str, Any]:
    """The same event in the one form that says neither more nor less.

    Of two contents under one id the lesser JSON is kept. The judge compares it as it was sent; the product that of
    its meaning, in which a null, a default written out and another way to write the instant make no difference.
    """
    given = {name: value for name, value in event.items() if value is not None}
    meant = {name: value for name, value in given.items() if name not in _DEFAULTS or value != _DEFAULTS[name]}
    return {"seq": 0, **meant, "occurred_at": text_of(instant(event["occurred_at"]))}


def fact(event: Event) -> Fact:
    """What the product keeps of an event, read from its JSON."""
    read = _read(json.dumps(event).encode())
    assert isinstance(read, TicketEvent)
    return read.fact()


def last_of(events: Iterable[Event]) -> int:
    """The instant of the newest event."""
    return max(instant(event["occurred_at"]) for event in events)


def policies_of(document: Mapping[str, Any]) -> Policies:
    """A policy file as YAML reads it, as the product takes it."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(dict(document), file)
        file.flush()
        return load_policies(Path(file.name))


def arrived(events: Iterable[Event], policies: Policies, kept: Ticket | None = None) -> tuple[Ticket, list[Outcome]]:
    """The ticket after these events came in, in this order, and what became of each."""
    kept = kept if kept is not None else Ticket(policies.fingerprint)
    return kept, [kept.apply(fact(event), policies) for event in events]


def copy(kept: Ticket) -> Ticket:
    """As it is after a restart."""
    return ticket.decode(ticket.encode(kept))


def essence(kept: Ticket) -> tuple[object, ...]:
    """What must not depend on how the events came: all but the order of the facts and the wall clock."""
    facts = sorted(kept.facts(), key=lambda fact: fact.key)
    return (kept.judged_by, kept.state, kept.newest, kept.count, facts, kept.summary)


def verdicts(kept: Ticket, as_of: int | None) -> list[Clock]:
    """The product's listed clocks in the judge's form; as the last event left them where no instant is given."""
    state = copy(kept).state
    if state is None:
        return []
    if as_of is not None:
        state.settle(as_of)
    return [
        Clock(
            "T",
            TARGETS[clock.target],
            clock.cycle,
            clock.start,
            clock.stop,
            clock.elapsed,
            clock.breached,
            clock.verdict(state.status, clock.breached),
        )
        for clock in sorted(state.clocks, key=lambda clock: (TARGETS[clock.target], clock.cycle))
        if clock.listed
    ]


def judged(events: Iterable[Event], rules: Sequence[Policy], as_of: int) -> list[Clock]:
    """The judge's listed clocks."""
    return judge_ticket([plain(event) for event in events], rules, as_of)


def assert_judged_alike(kept: Ticket, events: Iterable[Event], rules: Sequence[Policy], as_of: int) -> None:
    """The product's clocks are the judge's; of those it keeps no more, the totals are."""
    found, expected = verdicts(kept, as_of), judged(events, rules, as_of)
    if kept.state is not None and kept.state.totals:
        known = {(clock.target, clock.cycle) for clock in found}
        older = [clock for clock in expected if (clock.target, clock.cycle) not in known]
        expected = [clock for clock in expected if (clock.target, clock.cycle) in known]
        totals = ledger.record("T", kept.state, as_of).totals
        assert {
            name: (t.met, t.breached, t.void, t.elapsed_count, t.elapsed_seconds) for name, t in totals.items()
        } == (_totals(older))
    assert found == expected


def _totals(clocks: Iterable[Clock]) -> dict[str, tuple[int, int, int, int, float]]:
    by_target: dict[str, list[Clock]] = defaultdict(list)
    for clock in clocks:
        by_target[clock.target].append(clock)
    sums = {}
    for target, older in by_target.items():
        count = {name: sum(clock.verdict == name for clock in older) for name in ("met", "breached", "void")}
        elapsed = [c.elapsed for c in older if c.verdict in ("met", "breached") and c.elapsed is not None]
        sums[target] = (*count.values(), len(elapsed), sum(elapsed) / 1_000_000)
    return sums  # type: ignore[return-value]  # three counts
