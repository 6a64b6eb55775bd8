"""Promises: which policy holds for a ticket, and what it promises of each target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import attrgetter
from typing import Literal, Protocol

from streams.calendar import Calendar

TARGETS = (
    "first_response",
    "next_response",
    "resolution",
    "follow_up",
    "acceptance",
    "team_answer",
    "complaint_resolution",
)
STATUSES = ("open", "waiting_on_customer", "on_hold", "resolved", "closed", "cancelled")
MATCHED = ("priority", "channel", "team", "kind", "category", "customer_id", "tags")
"""Attributes that a policy may ask for; `tags` matches where any is in common."""

DEFAULT_PAUSE_ON: Mapping[str, frozenset[str]] = {
    "resolution": frozenset({"waiting_on_customer", "on_hold"}),
    "follow_up": frozenset({"waiting_on_customer"}),
}
"""Statuses in which a target's clock rests unless the policy says otherwise; others: none."""

MET_BY = frozenset({"reply", "resolved"})


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a warning rings: a share of the limit (`50%`) or so much before its end (`5m`)."""

    text: str
    percent: float | None = None
    before: int | None = None

    def at(self, limit: int) -> int:
        """The elapsed microseconds at which it rings."""
        if self.percent is not None:
            return round(limit * self.percent / 100)
        assert self.before is not None
        return limit - self.before


@dataclass(frozen=True, slots=True)
class Promise:
    """What the policy of that name promises of one target. `limit` is open, unpaused microseconds."""

    policy: str
    target: str
    limit: int
    calendar: Calendar
    warn: tuple[Threshold, ...] = ()
    pause_on: frozenset[str] = frozenset()
    met_by: frozenset[str] = MET_BY
    after_reopen: Literal["total", "first"] = "total"
    escalate: tuple[int, ...] = ()
    """How long after a breach the next people are told, once each, while nobody answers or acknowledges it."""
    rests: frozenset[int] = field(init=False)
    """Codes of the statuses in which its clock does not run."""

    def __post_init__(self) -> None:
        always = {"cancelled"} if self.target == "complaint_resolution" else {"resolved", "closed", "cancelled"}
        resting = frozenset(STATUSES.index(name) for name in self.pause_on | always)
        object.__setattr__(self, "rests", resting)


@dataclass(frozen=True, slots=True)
class Policy:
    """Promises for the tickets that `when` describes and the clocks that start in its effective period.

    `fingerprint` differs where what it promises differs, or when; `when` is no part of it. Empty: it is not known.
    """

    name: str
    when: Mapping[str, frozenset[str]]
    promises: Mapping[str, Promise]
    effective_from: int | None = None
    effective_until: int | None = None
    fingerprint: str = ""

    def effective(self, start: int) -> bool:
        """Whether it holds for a clock that started then; half-open."""
        after = self.effective_from is None or self.effective_from <= start
        return after and (self.effective_until is None or start < self.effective_until)


class Attributes(Protocol):
    """What policies match on."""

    priority: str | None
    channel: str | None
    team: str | None
    kind: str | None
    category: str | None
    customer_id: str | None
    tags: list[str] | None


class Promises:
    """What is promised to tickets of certain attributes.

    `fingerprint` differs where that differs, whatever else the policies say; that of the policies where one of these
    has none.
    """

    __slots__ = ("_candidates", "fingerprint", "policies", "timeless")

    def __init__(self, policies: Policies, candidates: Sequence[Policy]) -> None:
        self.policies = policies
        self.fingerprint = policies.fingerprint
        told = [policy.fingerprint for policy in candidates]
        if "" not in told:
            self.fingerprint = blake2b(",".join(told).encode(), digest_size=8).hexdigest()
        self._candidates = candidates
        first = candidates[0] if candidates else None
        always = first is None or (first.effective_from is None and first.effective_until is None)
        # By far the most: no later policy is ever asked.
        self.timeless = [first.promises.get(target) if first else None for target in TARGETS] if always else None
        """What is promised of each target, whenever its clock started; None: that makes a difference."""

    def of(self, target: int, start: int) -> Promise | None:
        """What is promised of a target's clock that started then; None where nothing is. `target`: of TARGETS."""
        if self.timeless is not None:
            return self.timeless[target]
        for policy in self._candidates:
            if policy.effective(start):
                return policy.promises.get(TARGETS[target])
        return None


MEMO_LIMIT = 20_000


@dataclass(slots=True)
class Policies:
    """Ordered policies, the first match wins. `fingerprint` differs where their meaning differs."""

    policies: Sequence[Policy]
    fingerprint: str
    asked: Sequence[str] = field(init=False)
    """The attributes that any of them asks for."""
    _values: Callable[[Attributes], tuple[object, ...]] = field(init=False)
    _asks_tags: bool = field(init=False)
    _memo: dict[tuple[object, ...], Promises] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.asked = [name for name in MATCHED if any(name in policy.when for policy in self.policies)]
        self._asks_tags = "tags" in self.asked
        # Two names at least, so that the getter gives a tuple; `tags` is the last of all.
        self._values = attrgetter("priority", "priority", *self.asked)

    def __iter__(self) -> Iterator[Policy]:
        return iter(self.policies)

    def to(self, attributes: Attributes) -> Promises:
        """What is promised to a ticket with these attributes: by the first policy in effect that describes it."""
        key = self._values(attributes)
        if self._asks_tags:
            key = (*key[:-1], frozenset(attributes.tags or ()))
        promises = self._memo.get(key)
        if promises is None:
            if len(self._memo) >= MEMO_LIMIT:
                self._memo.clear()
            matching = [policy for policy in self.policies if _matches(policy, attributes)]
            promises = self._memo[key] = Promises(self, matching)
        return promises


def _matches(policy: Policy, attributes: Attributes) -> bool:
    for name, wanted in policy.when.items():
        if name == "tags":
            if wanted.isdisjoint(attributes.tags or ()):
                return False
        elif getattr(attributes, name) not in wanted:
            return False
    return True
