"""A ticket's state, and what each fact does to it and its clocks, one after the other in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.clocks import (
    ACCEPTANCE,
    COMPLAINT_RESOLUTION,
    FIRST_RESPONSE,
    FOLLOW_UP,
    NEXT_RESPONSE,
    RESOLUTION,
    TEAM_ANSWER,
    Clock,
    ClockRow,
    Totals,
    TotalsRow,
    clock_of,
)
from streams.facts import (
    CANCELLED,
    CLOSED,
    OPEN,
    RESOLVED,
    Acknowledged,
    CalledBack,
    Complained,
    Created,
    CustomerWrote,
    Fact,
    Rated,
    Replied,
    Reviewed,
    StatusSet,
    Updated,
)
from streams.policies import TARGETS, Policies, Promises

KEPT_CLOCKS = 64
KEPT_NOTES = 64
KEPT_CHANGES = 256
"""Of a target's stopped clocks; of ratings, replies and the like; of changes of status."""

_RESPONSES = (FIRST_RESPONSE, NEXT_RESPONSE)
_HAND_OVER = (ACCEPTANCE, TEAM_ANSWER)
_ALL = tuple(range(len(TARGETS)))
_ANSWERED = (*_RESPONSES, FOLLOW_UP)
_ANSWERED_BY_US = (*_ANSWERED, *_HAND_OVER)


StateRow = tuple[
    int, bool, str | None, str | None, str | None, str | None, str | None, str | None, str | None, list[str] | None,
    int, str | None, int, int | None, bool, list[int], list[ClockRow], list[int], dict[int, TotalsRow], int,
    list[Replied], int, list[Rated], list[Reviewed], list[Complained], list[CalledBack], list[Acknowledged],
]  # fmt: skip
"""A state as it is kept: its attributes in their order."""


class State:
    """What a ticket's facts have come to. It exists from the creation on."""

    __slots__ = (
        "acknowledged", "agent_id", "by_agent", "callbacks", "category", "channel", "clocks", "complaints",
        "created_at", "customer_id", "cycles", "done_at", "kind", "last_at", "owed", "priority", "ratings",
        "reason", "reopenings", "replies", "reply_count", "reviews", "status", "tags", "team", "timeline",
        "totals",
    )  # fmt: skip

    def __init__(self, created_at: int) -> None:
        self.created_at = created_at
        self.by_agent = False
        self.priority: str | None = None
        self.channel: str | None = None
        self.team: str | None = None
        self.agent_id: str | None = None
        self.customer_id: str | None = None
        self.category: str | None = None
        self.kind: str | None = None
        self.tags: list[str] | None = None
        self.status = OPEN
        self.reason: str | None = None
        self.last_at = created_at
        """The instant of the last fact applied."""
        self.done_at: int | None = None
        """Since when it is resolved, closed or cancelled."""
        self.owed = False
        """The customer wrote while it was done: a clock for it starts at a reopening."""
        self.timeline = [created_at, OPEN]
        """Instant, status, instant, status, ... from the creation on."""
        self.clocks: list[Clock] = []
        self.cycles = [0] * len(TARGETS)
        self.totals: dict[int, Totals] = {}
        self.reopenings = 0
        self.replies: list[Replied] = []
        """Public, not automated, the newest; like the lists below."""
        self.reply_count = 0
        self.ratings: list[Rated] = []
        self.reviews: list[Reviewed] = []
        self.complaints: list[Complained] = []
        self.callbacks: list[CalledBack] = []
        self.acknowledged: list[Acknowledged] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.row() == other.row()

    def row(self) -> StateRow:
        """As it is kept."""
        return (
            self.created_at, self.by_agent, self.priority, self.channel, self.team, self.agent_id, self.customer_id,
            self.category, self.kind, self.tags, self.status, self.reason, self.last_at, self.done_at, self.owed,
            self.timeline, [clock.row() for clock in self.clocks], self.cycles,
            {target: totals.row() for target, totals in self.totals.items()}, self.reopenings,
            self.replies, self.reply_count, self.ratings, self.reviews, self.complaints, self.callbacks,
            self.acknowledged,
        )  # fmt: skip

    @property
    def done(self) -> bool:
        """Resolved, closed or cancelled."""
        return self.status >= RESOLVED

    def open_clocks(self) -> list[Clock]:
        """The clocks that have not stopped."""
        return [clock for clock in self.clocks if clock.stop is None]

    def look_anew(self, promises: Promises) -> None:
        """Measure every open clock under the promises of now."""
        for clock in self.open_clocks():
            clock.measure(promises.of(clock.target, clock.start), self.timeline)
            clock.breached = clock.overdue(self.last_at, self.last_at)

    def settle(self, now: int) -> None:
        """Check every open clock at an instant."""
        for clock in self.clocks:
            if clock.stop is None and clock.breached is None:
                clock.breached = clock.overdue(now, self.last_at)


def state_of(row: StateRow) -> State:
    """The state of a row."""
    state = State(row[0])
    state.by_agent = row[1]
    state.priority = row[2]
    state.channel = row[3]
    state.team = row[4]
    state.agent_id = row[5]
    state.customer_id = row[6]
    state.category = row[7]
    state.kind = row[8]
    state.tags = row[9]
    state.status = row[10]
    state.reason = row[11]
    state.last_at = row[12]
    state.done_at = row[13]
    state.owed = row[14]
    state.timeline = row[15]
    state.clocks = [clock_of(clock) for clock in row[16]]
    state.cycles = row[17]
    if row[18]:
        state.totals = {target: Totals(*totals) for target, totals in row[18].items()}
    state.reopenings = row[19]
    state.replies = row[20]
    state.reply_count = row[21]
    state.ratings = row[22]
    state.reviews = row[23]
    state.complaints = row[24]
    state.callbacks = row[25]
    state.acknowledged = row[26]
    return state


def found(fact: Created, policies: Policies) -> State:
    """The state of a ticket that has just been created."""
    state = State(fact.at)
    state.by_agent = fact.by_agent
    state.priority = fact.priority
    state.channel = fact.channel
    state.team = fact.team
    state.agent_id = fact.agent_id
    state.customer_id = fact.customer_id
    state.category = fact.category
    state.kind = fact.kind
    state.tags = fact.tags
    promises = policies.to(state)
    if not fact.by_agent:
        _start(state, FIRST_RESPONSE, fact.at, promises)
    _start(state, RESOLUTION, fact.at, promises)
    return state


def apply(state: State, fact: Fact, policies: Policies) -> None:
    """What a fact does, in order after all facts applied before; one stamped before the creation acts at it."""
    at = max(fact.at, state.created_at)
    effect = _EFFECTS.get(type(fact))
    if effect is None:  # a further creation
        return
    state.settle(at)
    state.last_at = at
    effect(state, fact, at, policies.to(state))
    state.settle(at)


def _start(state: State, target: int, at: int, promises: Promises) -> None:
    clock = Clock(target, state.cycles[target], at, at)
    state.cycles[target] += 1
    promise = promises.of(target, at)
    if promise is not None:
        clock.policy, clock.limit = promise.policy, promise.limit
        if state.status not in promise.rests:
            clock.run_from(at, promise)
    state.clocks.append(clock)


def _stop(state: State, targets: tuple[int, ...], at: int, promises: Promises, answer: str = "") -> None:
    """Stop the open clocks of these targets, unless their promise wants another answer than this one."""
    for clock in state.open_clocks():
        target = clock.target
        if target in targets:
            promise = promises.of(target, clock.start)
            if answer and target in _RESPONSES and promise is not None and answer not in promise.met_by:
                continue
            clock.halt(at, promise)
            if state.cycles[target] > KEPT_CLOCKS:
                _forget_oldest(state, target)


def _forget_oldest(state: State, target: int) -> None:
    stopped = [clock for clock in state.clocks if clock.target == target and clock.stop is not None]
    for clock in stopped[:-KEPT_CLOCKS]:
        state.totals.setdefault(target, Totals()).add(clock)
        state.clocks.remove(clock)


def _move(state: State, status: int, at: int, promises: Promises) -> None:
    """Change the status; clocks rest and run with it."""
    if status == state.status:
        return
    state.status = status
    state.timeline += (at, status)
    for clock in state.clocks:
        if clock.stop is None and clock.policy is not None:
            promise = promises.of(clock.target, clock.start)
            assert promise is not None
            if status in promise.rests:
                if clock.since is not None:
                    clock.rest_from(at, promise)
            elif clock.since is None:
                clock.run_from(at, promise)
    if len(state.timeline) > 2 * KEPT_CHANGES:
        _cut_timeline(state, promises)


def _cut_timeline(state: State, promises: Promises) -> None:
    """Fold the older half of a very long timeline into what each clock has elapsed, by the promise of now."""
    older, state.timeline = state.timeline[:KEPT_CHANGES], state.timeline[KEPT_CHANGES:]
    cut = state.timeline[0]
    for clock in state.clocks:
        if (clock.stop is None or clock.target == RESOLUTION) and clock.origin < cut:
            promise = promises.of(clock.target, clock.start)
            past = Clock(clock.target, 0, clock.start, clock.origin, clock.base)
            past.measure(promise, [*older, cut, CANCELLED])
            clock.base, clock.origin = past.accrued, cut


def _replied(state: State, fact: Replied, at: int, promises: Promises) -> None:
    if fact.automated:
        return
    ours = fact.team is None or fact.team == state.team
    if not fact.public:
        if ours:
            _stop(state, _HAND_OVER, at, promises)
        return
    state.owed = False
    state.reply_count += 1
    _note(state.replies, fact)
    _stop(state, _ANSWERED_BY_US if ours else _ANSWERED, at, promises, answer="reply")
    if not state.done:
        _start(state, FOLLOW_UP, at, promises)


def _customer_wrote(state: State, fact: CustomerWrote, at: int, promises: Promises) -> None:
    for clock in state.clocks:
        if clock.stop is None and clock.target in _RESPONSES:
            return
    if state.done:
        state.owed = True
    else:
        _start_response(state, at, promises)


def _start_response(state: State, at: int, promises: Promises) -> None:
    """The clock for a customer's message: the first response's, or once that has been, the next's."""
    _start(state, NEXT_RESPONSE if state.cycles[FIRST_RESPONSE] else FIRST_RESPONSE, at, promises)


def _updated(state: State, fact: Updated, at: int, promises: Promises) -> None:
    before = state.team
    changed = False
    for name in ("priority", "channel", "team", "customer_id", "category", "kind", "tags"):
        value = getattr(fact, name)
        if value is not None and value != getattr(state, name):
            setattr(state, name, value)
            changed = True
    if fact.agent_id is not None:
        state.agent_id = fact.agent_id
    if changed:
        promises = promises.policies.to(state)
        state.look_anew(promises)
    if before is not None and before != state.team:
        withdrawn = [clock for clock in state.open_clocks() if clock.target in _HAND_OVER]
        _stop(state, _HAND_OVER, at, promises)
        for clock in withdrawn:
            clock.withdrawn = True
        _start(state, ACCEPTANCE, at, promises)
        _start(state, TEAM_ANSWER, at, promises)
    elif fact.agent_id is not None:
        _stop(state, (ACCEPTANCE,), at, promises)


def _status_set(state: State, fact: StatusSet, at: int, promises: Promises) -> None:
    was_done = state.done
    if fact.accepted_by is not None and fact.accepted_by == state.team:
        _stop(state, (ACCEPTANCE,), at, promises)
    if fact.status in (RESOLVED, CLOSED):
        _stop(state, _ALL, at, promises, answer="resolved")
    _move(state, fact.status, at, promises)
    state.reason = fact.reason
    if not state.done:
        state.done_at = None
        if was_done:
            _reopen(state, at, promises)
    elif not was_done:
        state.done_at = at


def _reopen(state: State, at: int, promises: Promises) -> None:
    state.reopenings += 1
    for clock in state.clocks:
        if clock.target == RESOLUTION and clock.stop is not None and not clock.final:
            promise = promises.of(clock.target, clock.start)
            if promise is not None and promise.after_reopen == "first":
                clock.final = True
            else:
                clock.stop = clock.elapsed = None
                clock.measure(promise, state.timeline)
    if state.owed:
        state.owed = False
        _start_response(state, at, promises)


def _complained(state: State, fact: Complained, at: int, promises: Promises) -> None:
    _note(state.complaints, fact)
    if fact.valid:
        _start(state, COMPLAINT_RESOLUTION, at, promises)


def _rated(state: State, fact: Rated, at: int, promises: Promises) -> None:
    _note(state.ratings, fact)


def _reviewed(state: State, fact: Reviewed, at: int, promises: Promises) -> None:
    _note(state.reviews, fact)


def _called_back(state: State, fact: CalledBack, at: int, promises: Promises) -> None:
    _note(state.callbacks, fact)


def _acknowledged(state: State, fact: Acknowledged, at: int, promises: Promises) -> None:
    _note(state.acknowledged, fact)


def _note(notes: list[Any], fact: Fact) -> None:
    notes.append(fact)
    del notes[:-KEPT_NOTES]


_EFFECTS: dict[type[Fact], Callable[[State, Any, int, Promises], None]] = {
    Replied: _replied,
    CustomerWrote: _customer_wrote,
    Updated: _updated,
    StatusSet: _status_set,
    Complained: _complained,
    Rated: _rated,
    Reviewed: _reviewed,
    CalledBack: _called_back,
    Acknowledged: _acknowledged,
}
