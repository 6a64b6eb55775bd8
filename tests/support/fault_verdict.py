"""Holds what a run left behind against what the independent judge makes of its input: pure data in, AssertionError out.

A page is right where the clock is breached in the end, or was so by what a worker may have read at some moment between
deadline + grace and the page; in the second case it has to be corrected. A breach that was told and was answered is
followed by that, on the topic alone: no route asks for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fault_oracle import Evidence, Ident, Oracle, Seen, ident_of
from judge_time import SECOND, instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from judge import Clock

SHOWN = 5  # of a kind of fault, in the message
HANDED_OVER = ("acceptance", "team_answer")
SETTLED = 10 * SECOND
"""What came of a clock so long before the end of a run is told by then."""


@dataclass
class Report:
    """The measured facts of a run that held. Lateness is in seconds after deadline + grace."""

    tickets: int
    events: int
    breaches: int
    corrected: int
    breached_again: int
    """Corrections rightly made of clocks that breached later after all: such a breach is not announced anew."""
    late_p50: float
    late_p99: float
    late_max: float
    """Until the message was in the chat."""
    decided_max: float
    """Until its record was on the topic."""
    twice_on_topic: int
    """Alerts that lie on the topic more than once: their worker died between the alert and the changelog."""
    repeats: int
    """Messages marked `repeat`."""
    operations: int
    faults: Counter[str] = field(default_factory=Counter)


class _Problems:
    """What is wrong, by kind."""

    def __init__(self) -> None:
        self._found: dict[str, list[object]] = defaultdict(list)

    def add(self, kind: str, what: object) -> None:
        self._found[kind].append(what)

    def assert_none(self) -> None:
        lines = [
            f"{len(found)} {kind}: " + "; ".join(str(one) for one in found[:SHOWN])
            for kind, found in self._found.items()
        ]
        assert not lines, "the run did not hold:\n" + "\n".join(lines)


def judge_run(evidence: Evidence, latest: float | None = None) -> Report:
    """VERDICT B. `latest`: no breach may be in the chat later than so many seconds after deadline + grace.

    Raises AssertionError with everything that is wrong, also where the run proves nothing.
    """
    oracle, problems = Oracle(evidence), _Problems()
    lost = set(evidence.acknowledged) - {seen.record["event_id"] for seen in evidence.input}
    for event_id in sorted(lost):
        problems.add("acknowledged events that are not in Kafka", event_id)
    raised, followed = _said(evidence, problems)
    _pages(evidence, oracle, raised, problems)
    _follow_ups(evidence, oracle, raised, followed, problems)
    _chat(evidence, raised, problems)
    late, decided = _lateness(evidence, oracle, raised)
    for ident, seconds in late.items():
        if latest is not None and seconds > latest:
            problems.add(
                f"breaches announced later than {latest:g} s after deadline + grace", (ident, f"{seconds:.1f}")
            )
    _ledger(evidence, oracle, problems)
    expected = oracle.gauges()
    for gauge in sorted({*expected, *(gauge for gauge, value in evidence.gauges.items() if value)}):
        if expected[gauge] != evidence.gauges.get(gauge, 0):
            problems.add("wrong gauges", f"{gauge}: {evidence.gauges.get(gauge, 0):g}, not {expected[gauge]}")
    if evidence.dead_letters != evidence.planned_dead_letters:
        problems.add(
            "unplanned counts of dead letters", f"{evidence.dead_letters}, not {evidence.planned_dead_letters}"
        )
    if not late:
        problems.add("runs that prove nothing", "no breach")
    if not evidence.faults:
        problems.add("runs that prove nothing", "no fault")
    problems.assert_none()
    ordered = sorted(late.values())
    on_topic = Counter((seen.record["alert_id"], seen.record["kind"]) for seen in evidence.alerts)
    return Report(
        tickets=len(oracle.tickets),
        events=len(evidence.input),
        breaches=len(late),
        corrected=sum(ident.kind == "corrected" for ident in raised),
        breached_again=sum(ident.kind == "corrected" and ident.clock in oracle.breached_at for ident in raised),
        late_p50=round(ordered[len(ordered) // 2], 2),
        late_p99=round(ordered[len(ordered) * 99 // 100], 2),
        late_max=round(ordered[-1], 2),
        decided_max=round(max(decided.values()), 2),
        twice_on_topic=sum(number > 1 for number in on_topic.values()),
        repeats=sum(seen.record.get("repeat", False) for seen in evidence.posts),
        operations=sum(seen.record["level"] == "operations" for seen in evidence.alerts),
        faults=Counter(kind for _, kind, _ in evidence.faults),
    )


def _said(evidence: Evidence, problems: _Problems) -> tuple[dict[Ident, int], dict[Ident, int]]:
    """What was said on the topic, and when first: what pages people, and what became of it."""
    raised: dict[Ident, int] = {}
    followed: dict[Ident, int] = {}
    ids: dict[str, tuple[Any, ...]] = {}
    for seen in sorted(evidence.alerts, key=lambda seen: seen.at):
        if seen.record["level"] == "operations":
            continue
        ident = ident_of(seen.record)
        (followed if ident.kind == "recovered" else raised).setdefault(ident, seen.at)
        if ids.setdefault(seen.record["alert_id"], ident[:-1]) != ident[:-1]:
            problems.add("alert ids of two things", (seen.record["alert_id"], ident))
    if len(ids) != len(set(ids.values())):
        problems.add("things with two alert ids", len(ids) - len(set(ids.values())))
    return raised, followed


def _pages(evidence: Evidence, oracle: Oracle, raised: Mapping[Ident, int], problems: _Problems) -> None:
    """They are right, and none is missing."""
    announced = {ident.clock for ident in raised if (ident.level, ident.kind) == ("breach", "raised")}
    corrected = {ident.clock for ident in raised if (ident.level, ident.kind) == ("breach", "corrected")}
    for ident, at in raised.items():
        breached_at = oracle.breached_at.get(ident.clock)
        if ident.kind == "corrected":
            page = raised.get(ident._replace(kind="raised"))
            if page is None or (breached_at is not None and not oracle.was_none(ident, at + 999, page)):
                problems.add("corrections of nothing false", ident)
        elif ident.level != "breach" or breached_at is None or at + 1000 < breached_at + evidence.grace:
            if not oracle.is_right(ident, at + 999):
                problems.add("false pages", (*ident, at))
            elif ident.level == "breach" and breached_at is None and ident.clock not in corrected:
                problems.add("pages that turned out false and were not corrected", ident)
    for clock in sorted(oracle.required - announced):
        problems.add("breaches without an alert", (*clock, oracle.breached_at[clock]))


def _follow_ups(
    evidence: Evidence,
    oracle: Oracle,
    raised: Mapping[Ident, int],
    followed: Mapping[Ident, int],
    problems: _Problems,
) -> None:
    """Each breach that was told, stands and was answered is followed by that, not before it was.

    Where the ticket was handed on as it ended it may have been ended by that, which is no answer.
    """
    stopped = {
        (name, clock.target, clock.cycle): clock.stopped_at
        for name, clocks in oracle.clocks.items()
        for clock in clocks
        if clock.stopped_at is not None
    }
    handed_on = {
        (seen.record["ticket_id"], instant(seen.record["occurred_at"]))
        for seen in evidence.input
        if seen.record["type"] == "ticket_updated" and "team" in seen.record
    }
    for ident, at in followed.items():
        answered = stopped.get(ident.clock)
        page = raised.get(ident._replace(kind="raised"))
        early = answered is None or at + 1000 < answered + evidence.grace
        if ident.level == "warning" or page is None or page > at or early:
            problems.add("answers told of what was not told or not answered", (*ident, at))
    for clock in oracle.required & stopped.keys():
        name, target, _ = clock
        if target in HANDED_OVER and (name, stopped[clock]) in handed_on:
            continue
        page = Ident(*clock, level="breach", threshold=None, kind="raised")
        standing = page in raised and page._replace(kind="corrected") not in raised
        settled = stopped[clock] + evidence.grace + SETTLED < evidence.as_of
        if standing and settled and page._replace(kind="recovered") not in followed:
            problems.add("answers after a breach that were not told", (*clock, stopped[clock]))


def _chat(evidence: Evidence, raised: Mapping[Ident, int], problems: _Problems) -> None:
    """Everything that was said on the topic is in the chat, nothing else, and at most once unless marked."""
    on_topic = {(seen.record["alert_id"], seen.record["kind"]): ident_of(seen.record) for seen in evidence.alerts}
    times: Counter[tuple[str, str]] = Counter()
    said: set[Ident] = set()
    for _, body, _ in evidence.posts:
        key = (body["alert_id"], body["kind"])
        times[key] += not body.get("repeat", False)
        said.add(ident_of(body))
        if body["kind"] == "recovered" and body["level"] != "operations":
            problems.add("messages of what no route asks for", body)
        if on_topic.get(key) != ident_of(body):
            problems.add("messages that no alert says", body)
    for key, number in times.items():
        if number > 1:
            problems.add("messages sent more than once without a mark", (*on_topic.get(key, ()), f"{number} times"))
    for ident in raised.keys() - said:
        problems.add("alerts without a message", ident)


def _lateness(
    evidence: Evidence, oracle: Oracle, raised: Mapping[Ident, int]
) -> tuple[dict[Ident, float], dict[Ident, float]]:
    """Seconds from deadline + grace to the chat, and to the topic, of each breach that is one."""
    first: dict[Ident, int] = {}
    for post in sorted(evidence.posts, key=lambda seen: seen.at):
        first.setdefault(ident_of(post.record), post.at)
    late, decided = {}, {}
    for ident, at in raised.items():
        if (ident.level, ident.kind) == ("breach", "raised") and ident.clock in oracle.breached_at and ident in first:
            base = oracle.base(ident.clock)
            late[ident] = (first[ident] - base) / SECOND
            decided[ident] = (at - base) / SECOND
    return late, decided


def _ledger(evidence: Evidence, oracle: Oracle, problems: _Problems) -> None:
    known = {name for name, of_one in oracle.tickets.items() if any(_is_creation(seen) for seen in of_one)}
    for name in sorted(evidence.ledger.keys() ^ known):
        problems.add("tickets in one of ledger and oracle only", name)
    for name in sorted(evidence.ledger.keys() & known):
        record = evidence.ledger[name]
        found = (record["status"], sorted(map(_ledger_clock, record["clocks"])))
        expected = (oracle.status(name), sorted(map(_judged_clock, oracle.clocks[name])))
        if found != expected:
            problems.add("ledger records that are not the oracle's", f"{name}: {found}, not {expected}")


def _is_creation(seen: Seen) -> bool:
    return bool(seen.record["type"] == "ticket_created")


def _ledger_clock(clock: Mapping[str, Any]) -> tuple[Any, ...]:
    instants = (instant(clock[name]) if clock[name] else 0 for name in ("started_at", "stopped_at", "breached_at"))
    elapsed = clock["elapsed_seconds"]
    spent = -1 if elapsed is None else round(elapsed * SECOND)
    return (clock["target"], clock["cycle"], *instants, spent, clock["verdict"])


def _judged_clock(clock: Clock) -> tuple[Any, ...]:
    spent = -1 if clock.elapsed is None else clock.elapsed
    instants = (clock.started_at, clock.stopped_at or 0, clock.breached_at or 0)
    return (clock.target, clock.cycle, *instants, spent, clock.verdict)
