"""Laws of what is told after a breach: who took it, and that it was answered, once each, and as the judge sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from histories import Promises, chances, histories, promises
from hypothesis import assume, given, settings
from judge_time import instant
from judging import arrived, copy, fact, judged
from kafka_io import created, event, replied
from strategies import random_moment, random_policy_file

from streams import alert_record, alerts
from streams.instants import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant
from streams.ticket import Ticket, decode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from judge import Clock, Event

    from streams.alert_record import Alert

GRACE = SECOND
BEGUN = parse_instant("2026-03-02T10:00:00Z")
TAKEN = ("breach", "escalation")
HANDED_OVER = ("acceptance", "team_answer")


class Which(NamedTuple):
    """An alert of the ticket."""

    target: str
    cycle: int
    alert_id: str


def ring(kept: Ticket, promise: Promises, up_to: int, max_age: int = 400 * 365 * DAY) -> list[Alert]:
    gate = alerts.Gate(up_to, up_to + GRACE, GRACE, max_age)
    return [alert for _, alert in alerts.ring("T", kept, promise.policies, gate)]


def escalating(rng: Random) -> Promises:
    """Promises, some of which are told to further people."""
    document = random_policy_file(rng)
    for policy in document["policies"]:
        for terms in policy["targets"].values():
            if rng.random() < 0.5:
                terms["escalate"] = rng.choice((["10m"], ["1m", "2h"]))
    return promises(document)


def acknowledgement(number: int, at: int, alert_id: str, by: str) -> Event:
    return {
        "type": "alert_acknowledged", "event_id": f"ack-{number}", "ticket_id": "T", "occurred_at": format_instant(at),
        "alert_id": alert_id, "by": by,
    }  # fmt: skip


class Story:
    """What was told of a ticket, beside what the judge says is to be told."""

    def __init__(self, promise: Promises) -> None:
        self.promise = promise
        self.events: list[Event] = []
        self.standing: dict[Which, str] = {}
        """Breaches and steps that were told and not taken back, and their level."""
        self.told: dict[str, set[Which]] = {"recovered": set(), "acknowledged": set()}

    def heard(self, said: Iterable[Alert], now: int) -> None:
        """Alerts of one ring: each follows on what was told, and all that is to be told by now is."""
        fresh: dict[str, set[Which]] = {"recovered": set(), "acknowledged": set()}
        for alert in said:
            which = Which(alert.target, alert.cycle, alert.alert_id)
            if alert.level not in TAKEN:
                assert alert.kind == "raised"
            elif alert.kind == "raised":
                assert which not in self.standing
                self.standing[which] = alert.level
            elif alert.kind == "corrected":
                del self.standing[which]
            else:
                assert which in self.standing
                assert which not in self.told[alert.kind] | fresh[alert.kind]
                assert not alert.late
                if alert.kind == "acknowledged":
                    assert (alert.acknowledged_by, alert.acknowledged_at) == self._taker(which)
                fresh[alert.kind].add(which)
        self._assert_due(fresh, now)
        for kind, which in fresh.items():
            self.told[kind] |= which

    def _assert_due(self, fresh: dict[str, set[Which]], now: int) -> None:
        clocks = {(c.target, c.cycle): c for c in judged(self.events, self.promise.rules, now)}
        for which in self.standing:
            clock = clocks[which.target, which.cycle]
            stopped, cancelled = clock.stopped_at, clock.verdict == "void"
            taker = self._taker(which)
            taken = taker is not None and (stopped is None or instant(taker[1]) < stopped) and not cancelled
            assert (which in fresh["acknowledged"]) is (taken and which not in self.told["acknowledged"])
            answered = stopped is not None and not cancelled
            if not answered or not self._handed_on(clock, clocks):
                assert (which in fresh["recovered"]) is (answered and which not in self.told["recovered"])

    @staticmethod
    def _handed_on(clock: Clock, clocks: dict[tuple[str, int], Clock]) -> bool:
        """Whether it ended as another hand-over began, which is no answer; both may have come at one instant."""
        following = clocks.get((clock.target, clock.cycle + 1))
        return clock.target in HANDED_OVER and following is not None and following.started_at == clock.stopped_at

    def _taker(self, which: Which) -> tuple[str | None, str] | None:
        """Who acknowledged anything of that breach first, and when."""
        ids = {one.alert_id for one in self.standing if (one.target, one.cycle) == (which.target, which.cycle)}
        acks = [event for event in self.events if event.get("alert_id") in ids]
        if not acks:
            return None
        first = min(acks, key=lambda event: (instant(event["occurred_at"]), event["event_id"]))
        return first["by"], first["occurred_at"]


@settings(max_examples=200)
@given(histories, chances)
def test_each_breach_that_was_told_is_followed_once_by_who_took_it_and_that_it_was_answered(
    events: list[Event], rng: Random
) -> None:
    """Events in disorder, rings between them, acknowledgements of what was told, restarts, and alerts read again by a
    worker that knows of none.
    """
    story = Story(escalating(rng))
    kept = Ticket(story.promise.policies.fingerprint)
    clock = 0
    for n, one in enumerate([*events, None]):
        if one is not None:
            story.events.append(one)
            kept.apply(fact(one), story.promise.policies)
        told = sorted(story.standing)
        clock = max(clock, random_moment(rng, events[: n + 1]), *(instant(e["occurred_at"]) for e in story.events))
        if told and rng.random() < 0.5:
            at = clock - rng.choice((0, 1, MINUTE, HOUR))
            ack = acknowledgement(n, at, rng.choice(told).alert_id, rng.choice(("a17", "a4")))
            story.events.append(ack)
            kept.apply(fact(ack), story.promise.policies)
        assume(kept.summary is None)
        before = copy(kept)
        said = ring(kept, story.promise, clock)
        if kept.state is None:  # another content under the creation's id: nothing more is said of an orphan
            assert not said
            return
        story.heard(said, clock + 1)
        assert ring(copy(kept), story.promise, clock) == []
        kept = _heir(before, said) if rng.random() < 0.3 else copy(kept)
        assert ring(kept, story.promise, clock) == []


def _heir(before: Ticket, said: list[Alert]) -> Ticket:
    """The ticket of a worker that died between the alerts and their ticket, as the next one finds it."""
    for alert in said:
        assert alerts.recall(before, alert_record.read(msgspec.json.encode(alert)))
        assert not alerts.recall(before, alert)
    return before


LIMITED = promises(
    {"version": 1, "policies": [{"name": "all", "targets": {"first_response": {"limit": "15m", "escalate": "10m"}}}]}
)
LIMIT = 15 * MINUTE


def breached(until: int) -> tuple[Ticket, list[Alert]]:
    """A ticket after so long, and what it announced."""
    ticket, _ = arrived([created("T", BEGUN)], LIMITED.policies)
    return ticket, ring(ticket, LIMITED, BEGUN + until)


def said(found: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.level, alert.kind) for alert in found]


def test_the_answer_says_after_how_long_and_who_had_taken_it() -> None:
    ticket, raised = breached(LIMIT + 11 * MINUTE)
    at = BEGUN + LIMIT + 12 * MINUTE
    arrived([event("alert_acknowledged", "T", at, alert_id=raised[0].alert_id, by="a17")], LIMITED.policies, ticket)
    taken = ring(ticket, LIMITED, at + SECOND)
    assert said(taken) == [("breach", "acknowledged"), ("escalation", "acknowledged")]
    arrived([replied("T", at + MINUTE)], LIMITED.policies, ticket)
    answered = ring(ticket, LIMITED, at + MINUTE)
    assert said(answered) == [("breach", "recovered"), ("escalation", "recovered")]
    for alert, first in zip([*taken, *answered], [*raised, *raised], strict=True):
        assert (alert.alert_id, alert.step) == (first.alert_id, first.step)
        assert (alert.acknowledged_by, alert.acknowledged_at) == ("a17", format_instant(at))
    assert {alert.elapsed_seconds for alert in answered} == {28 * 60.0}


def test_who_takes_what_was_answered_already_is_told_nobody() -> None:
    ticket, raised = breached(LIMIT + MINUTE)
    at = BEGUN + LIMIT + 2 * MINUTE
    ack = event("alert_acknowledged", "T", at + MINUTE, alert_id=raised[0].alert_id, by="a17")
    arrived([replied("T", at), ack], LIMITED.policies, ticket)
    assert said(ring(ticket, LIMITED, at + HOUR)) == [("breach", "recovered")]


def test_an_answer_of_long_ago_is_told_nobody() -> None:
    """As a breach of long ago is: a history that is read in wakes nobody, and changes no message."""
    for max_age, expected in ((HOUR, [("breach", "recovered")]), (HOUR - 1, [])):
        ticket, _ = breached(LIMIT + MINUTE)
        arrived([replied("T", BEGUN + LIMIT + 2 * MINUTE)], LIMITED.policies, ticket)
        up_to = BEGUN + LIMIT + 2 * MINUTE + HOUR - GRACE
        assert said(ring(ticket, LIMITED, up_to, max_age)) == expected
        assert alerts.next_alarm("T", ticket, LIMITED.policies, up_to + GRACE - max_age) is None


def test_a_clock_that_a_second_hand_over_ended_was_not_answered() -> None:
    promise = promises({"version": 1, "policies": [{"name": "all", "targets": {"acceptance": {"limit": "15m"}}}]})
    first, second = BEGUN + MINUTE, BEGUN + HOUR
    story = [event("ticket_updated", "T", at, team=team) for at, team in ((first, "payments"), (second, "fraud"))]
    ticket, _ = arrived([created("T", BEGUN, team="desk"), *story], promise.policies)
    assert said(ring(ticket, promise, second + MINUTE)) == [("breach", "raised")]
    arrived([replied("T", second + 2 * MINUTE)], promise.policies, ticket)
    assert ring(ticket, promise, second + HOUR) == []


def test_a_ticket_kept_by_a_version_before_reads_as_it_was() -> None:
    """Marks had fewer fields then; what follows on them is told once."""
    ticket, _ = breached(LIMIT + MINUTE)
    row = list(ticket.row())
    row[7] = [[mark.level, mark.target, mark.cycle, mark.detail, mark.corrected] for mark in ticket.marks]
    assert decode(msgspec.msgpack.encode(row)) == ticket
