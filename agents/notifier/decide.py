"""Whether a message is sent: a pure decision that gives its reason, for metrics and explanations alike."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from agents.notifier.claims import Claim, Held


class Action(StrEnum):
    """What is done with a message now."""

    SEND = "send"
    REPEAT = "repeat"  # sent again, marked, for nobody can know whether it arrived
    SKIP = "skip"
    WAIT = "wait"
    REFILL = "refill"
    EXPIRE = "expire"
    SILENCE = "silence"
    RESOLVE = "resolve"  # ask what became of the digest it was in


class Decision(NamedTuple):
    """An action and why; the reason is a fixed word, fit for a label."""

    action: Action
    reason: str


def decide(claim: Claim, *, unknown: bool, age: int, max_age: int, silenced: bool = False) -> Decision:
    """What to do with a message, by its claim, whether an attempt of our own may have arrived (`unknown`),
    its age since it was decided (microseconds), and whether its alert falls under a silence.
    """
    if claim.held is Held.FLUSHED:
        return Decision(Action.REFILL, "claims_flushed")
    if claim.held is Held.UNREADABLE:
        return Decision(Action.REFILL, "claims_unreadable")
    if claim.held is Held.DONE:
        return Decision(Action.SKIP, f"already_{claim.state}")
    if claim.held is Held.IN_DIGEST:
        return Decision(Action.RESOLVE, "in_digest")
    if claim.held is Held.ELSEWHERE:
        return Decision(Action.WAIT, "claimed_elsewhere")
    if silenced:
        return Decision(Action.SILENCE, "silenced")
    if age > max_age:
        return Decision(Action.EXPIRE, "too_old")
    if unknown:
        return Decision(Action.REPEAT, "result_unknown")
    if claim.held is Held.LEFT_BEHIND:
        return Decision(Action.REPEAT, "left_behind")
    return Decision(Action.SEND, "claimed")
