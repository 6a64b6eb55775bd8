"""A ticket is its history: the set of its facts, what they came to, and what was announced of it.

An event newer than all others is applied to the state; any other refolds the history. Both give the same.
Old facts are folded into a summary, sixteen at a time, so that a ticket stays small however long it lives.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from hashlib import blake2b

import msgspec

from streams.facts import AnyFact, Created, Fact, Key, Mark, Summary, Updated, preference
from streams.fold import State, StateRow, apply, found, state_of
from streams.instants import DAY
from streams.policies import Policies

STEP = 16
AT_LEAST = 16
AT_MOST = 256
KEPT_FOR = DAY
"""Facts leave for the summary by sixteens, when all sixteen are older than a day before the newest fact and sixteen
remain, or when more than 256 are kept."""
REMEMBERED = 8_192
"""So many ids of summarised facts are remembered, the newest; a repeat of an older one counts as too old."""

_ID_BYTES = 8
_HEADER = 5


class Outcome(Enum):
    """What became of an event."""

    APPLIED = "applied"  # newest of all: the fast path
    REFOLDED = "refolded"  # it belonged somewhere before the newest
    REPEATED = "repeated"
    CONFLICTING = "conflicting"  # another content under a known id: one of the two was dropped
    TOO_OLD = "too_old"  # older than what is kept in full: nothing was changed
    ORPHANED = "orphaned"  # kept until the ticket's creation arrives
    ORPHANED_TOO_MANY = "orphaned_too_many"  # nothing was changed

    __hash__ = object.__hash__  # Enum's own hashes the name, in Python, for every event that is counted


REJECTED = frozenset({Outcome.TOO_OLD, Outcome.ORPHANED_TOO_MANY})


TicketRow = tuple[str, StateRow | None, Key | None, int, bytes, int, Summary | None, list[Mark], int, int]


class Ticket:
    """What is kept of a ticket. `judged_by` tells what its state was judged by: see `judgement`."""

    __slots__ = (
        "count", "full_at", "history", "judged_by", "marks", "newest", "received_at", "settled_at", "state", "summary"
    )  # fmt: skip

    def __init__(self, judged_by: str, received_at: int = 0) -> None:
        self.judged_by = judged_by
        self.state: State | None = None
        self.newest: Key | None = None
        self.count = 0
        self.history = _array(0, b"")
        """A MessagePack array of the `count` facts that are kept in full, in no order."""
        self.full_at = 0
        """No fact leaves for the summary before the newest is later than this."""
        self.summary: Summary | None = None
        self.marks: list[Mark] = []
        self.settled_at = 0
        """Up to this instant its overdue clocks were recognised by the alarm."""
        self.received_at = received_at
        """The wall clock when its last event was applied: what its forgetting counts from."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ticket) and self.row() == other.row()

    def row(self) -> TicketRow:
        """As it is kept: its attributes in their order."""
        return (
            self.judged_by, self.state.row() if self.state is not None else None, self.newest, self.count,
            self.history, self.full_at, self.summary, self.marks, self.settled_at, self.received_at,
        )  # fmt: skip

    def apply(self, fact: Fact, policies: Policies) -> Outcome:
        """Add an event; the outcome tells whether and how it changed the ticket."""
        newest, key = self.newest, fact.key
        if (
            self.state is not None
            and newest is not None
            and key > newest
            and _encode(fact.id) not in self.history
            and not self._summarised(fact.id)
        ):
            self.count += 1
            self.history = _array(self.count, self.history[_HEADER:] + _encode(fact))
            self.newest = key
            apply(self.state, fact, policies)
            if isinstance(fact, Updated):
                self.judged_by = policies.fingerprint
            outcome = Outcome.APPLIED
        elif newest is None and isinstance(fact, Created):
            self.count = 1
            self.history = _array(1, _encode(fact))
            self.newest = key
            self.state = found(fact, policies)
            outcome = Outcome.APPLIED
        else:
            outcome = self._insert(fact, policies)
        if self.count >= STEP + AT_LEAST and (fact.at > self.full_at or self.count > AT_MOST):
            self._summarise(policies)
        return outcome

    def judgement(self, policies: Policies) -> str:
        """The fingerprint of what decides its state: of what is promised to tickets of its attributes where these
        are no others than at the beginning of what is kept in full, else of the policies as a whole."""
        if self.state is None or UPDATED in self.history:
            return policies.fingerprint
        return policies.to(self.state).fingerprint

    def is_judged_by(self, policies: Policies) -> bool:
        """Whether its state is what these policies make of it, as far as `judged_by` tells: a `judgement` of then."""
        if self.judged_by == policies.fingerprint:
            return True
        return self.state is not None and self.judged_by == policies.to(self.state).fingerprint

    def judge_anew(self, policies: Policies) -> None:
        """Judge by other policies: all kept facts, on top of what the summary's clocks come to under them."""
        past: State | None = None
        if self.summary is not None:
            past = state_of(_decode_state(self.summary.state))
            past.look_anew(policies.to(past))
            self.summary.state = _encode(past.row())
        self.judged_by = policies.fingerprint
        self.state = _fold(past, _in_order(self.facts(), founded=past is not None), policies)

    def facts(self) -> list[Fact]:
        """The facts kept in full, as they came."""
        return _decode_facts(self.history)

    def _insert(self, fact: Fact, policies: Policies) -> Outcome:
        facts = self.facts()
        twin = next((kept for kept in facts if kept.id == fact.id), None)
        if twin == fact or (twin is None and self._summarised(fact.id)):
            return Outcome.REPEATED
        if twin is not None:
            if preference(twin) < preference(fact):
                return Outcome.CONFLICTING
            facts.remove(twin)
        if self.summary is not None and self._before_summary(fact):
            return Outcome.TOO_OLD
        if self.state is None and len(facts) >= AT_MOST and not isinstance(fact, Created):
            return Outcome.ORPHANED_TOO_MANY
        self._refold([*facts, fact], policies)
        if twin is not None:
            return Outcome.CONFLICTING
        return Outcome.ORPHANED if self.state is None else Outcome.REFOLDED

    def _summarised(self, event_id: str) -> bool:
        if self.summary is None:
            return False
        digest = _digest(event_id)
        place = self.summary.ids.find(digest)
        while place % _ID_BYTES and place > 0:
            place = self.summary.ids.find(digest, place + 1)
        return place >= 0

    def _before_summary(self, fact: Fact) -> bool:
        assert self.summary is not None
        assert self.state is not None
        if isinstance(fact, Created) and fact.at <= self.state.created_at:
            return True
        return fact.key <= self.summary.last

    def _refold(self, facts: list[Fact], policies: Policies) -> None:
        self.judged_by = policies.fingerprint
        self.count = len(facts)
        self.history = _array(self.count, b"".join(map(_encode, facts)))
        self.newest = max(fact.key for fact in facts)
        self.full_at = 0
        past = state_of(_decode_state(self.summary.state)) if self.summary is not None else None
        self.state = _fold(past, _in_order(facts, founded=past is not None), policies)

    def _summarise(self, policies: Policies) -> None:
        """Fold the oldest facts into the summary, as many sixteens as may go."""
        while self.count >= STEP + AT_LEAST:
            ordered = _in_order(self.facts(), founded=self.summary is not None)
            if not isinstance(ordered[0], Created) and self.summary is None:
                return
            older, kept = ordered[:STEP], ordered[STEP:]
            assert self.newest is not None
            self.full_at = max(fact.at for fact in older) + KEPT_FOR
            if self.newest[0] <= self.full_at and self.count <= AT_MOST:
                return
            past = state_of(_decode_state(self.summary.state)) if self.summary is not None else None
            ids = self.summary.ids if self.summary is not None else b""
            state = _fold(past, older, policies)
            assert state is not None
            self.summary = Summary(
                _encode(state.row()),
                last=older[-1].key,
                ids=(ids + b"".join(_digest(fact.id) for fact in older))[-_ID_BYTES * REMEMBERED :],
                count=STEP + (self.summary.count if self.summary is not None else 0),
            )
            self.count = len(kept)
            self.history = _array(self.count, b"".join(map(_encode, kept)))


def _in_order(facts: list[Fact], *, founded: bool) -> list[Fact]:
    """By key; but the creation that founds the ticket comes first."""
    ordered = sorted(facts, key=lambda fact: fact.key)
    if not founded:
        creation = next((fact for fact in ordered if isinstance(fact, Created)), None)
        if creation is not None:
            ordered.remove(creation)
            ordered.insert(0, creation)
    return ordered


def _fold(state: State | None, ordered: list[Fact], policies: Policies) -> State | None:
    rest = iter(ordered)
    if state is None:
        first = next(rest, None)
        if not isinstance(first, Created):
            return None
        state = found(first, policies)
    for fact in rest:
        apply(state, fact, policies)
    return state


def _digest(event_id: str) -> bytes:
    return blake2b(event_id.encode(), digest_size=_ID_BYTES).digest()


def _array(count: int, items: bytes) -> bytes:
    """A MessagePack array of encoded items; its head has a fixed size, so that items can be put behind it."""
    return b"\xdd" + count.to_bytes(4, "big") + items


_encode = msgspec.msgpack.Encoder().encode
UPDATED = _encode(Updated(0, 0, "", None, None, None, None, None, None, None, None))[:2]
"""How an `Updated` begins, its length and its tag: a history without these bytes holds none. One with them may."""
_decode_facts: Callable[[bytes], list[Fact]] = msgspec.msgpack.Decoder(list[AnyFact]).decode  # type: ignore[assignment]  # each AnyFact is a Fact
_decode_state = msgspec.msgpack.Decoder(StateRow).decode
_decode_ticket = msgspec.msgpack.Decoder(TicketRow).decode


def encode(ticket: Ticket) -> bytes:
    """The bytes that RocksDB and the changelog hold."""
    return _encode(ticket.row())


def decode(value: bytes) -> Ticket:
    """The ticket of `encode`d bytes. Raises msgspec.DecodeError where they are none."""
    row = _decode_ticket(value)
    ticket = Ticket(row[0], row[9])
    if row[1] is not None:
        ticket.state = state_of(row[1])
    ticket.newest = row[2]
    ticket.count = row[3]
    ticket.history = row[4]
    ticket.full_at = row[5]
    ticket.summary = row[6]
    ticket.marks = row[7]
    ticket.settled_at = row[8]
    return ticket
