"""The policy file: which promises hold for which tickets, when, and in which calendar."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from importlib import resources
from math import inf
from typing import TYPE_CHECKING, Any, Literal, cast

from config.calendars import ALWAYS_OPEN, BusinessHours, read_calendars
from config.errors import ConfigError, shown
from config.matching import Rule, never_reached, read_when
from config.source import Node, read_file, read_name, read_text, read_version
from streams.instants import SECOND, format_duration, parse_duration, parse_instant
from streams.policies import (
    DEFAULT_PAUSE_ON,
    MATCHED,
    MET_BY,
    STATUSES,
    TARGETS,
    Policies,
    Policy,
    Promise,
    Threshold,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FILE_KEYS = ("version", "calendars", "policies")
POLICY_KEYS = ("name", "when", "effective", "targets")
EFFECTIVE_KEYS = ("from", "until")
PROMISE_KEYS = ("limit", "calendar", "warn", "pause_on", "met_by", "after_reopen", "escalate")
AFTER_REOPEN = ("total", "first")
ANSWERED = ("first_response", "next_response")
"""The targets that `met_by` may be written for."""

RUNNING = ("open", "waiting_on_customer", "on_hold")
"""The statuses in which a clock runs unless it is paused there."""

MOST_STEPS = 9
_WEEKS = 520
_PERCENT = re.compile(r"(\d{1,2}(?:\.\d{1,3})?)%")


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy file that may take effect; `lines` tells where each policy begins, by its name."""

    file: str
    policies: Policies
    calendars: Mapping[str, BusinessHours]
    lines: Mapping[str, int]


def load_policies(path: Path) -> Policies:
    """The policies of a file; raises ConfigError with everything that is wrong with it."""
    return read_policy_file(path).policies


def default_policies() -> Policies:
    """The shipped promises, in force where no policy file is set."""
    return default_policy_file().policies


def read_policy_file(path: Path) -> PolicyFile:
    """The policies of a file with what surrounds them; raises ConfigError as `load_policies` does."""
    return _policy_file(read_file(path))


def read_policy_text(content: bytes, name: str) -> PolicyFile:
    """The same of a text that lies in no file; `name` stands for the file in problems."""
    return _policy_file(read_text(content, name))


def default_policy_file() -> PolicyFile:
    """The shipped defaults with what surrounds them."""
    content = resources.files("config").joinpath("defaults/policies.yaml").read_bytes()
    return read_policy_text(content, "defaults/policies.yaml")


def _policy_file(root: Node) -> PolicyFile:
    found = root.entries(FILE_KEYS, required=("version", "policies"))
    read_version(found.get("version"))
    calendars = read_calendars(found.get("calendars"))
    policies: list[Policy] = []
    lines: dict[str, int] = {}
    nodes = found["policies"].items(empty="promises nothing: write a policy") if "policies" in found else []
    for node in nodes:
        policy = _policy(node, calendars, lines)
        if policy is not None:
            _check_reach(node, policy, policies, lines)
            policies.append(policy)
    if root.problems:
        raise ConfigError(sorted(root.problems, key=lambda problem: problem.line or 0))
    return PolicyFile(root.file, Policies(policies, _fingerprint(policies, calendars)), calendars, lines)


def _policy(node: Node, calendars: Mapping[str, BusinessHours], lines: dict[str, int]) -> Policy | None:
    """A policy, or None where it has a problem; `lines` gains its name."""
    problems_before = len(node.problems)
    found = node.entries(POLICY_KEYS, required=("name", "targets"))
    name = found["name"].read(read_name) if "name" in found else None
    if name in lines:
        found["name"].bad(f"the policy in line {lines[name]} has this name too (rename one)")
    elif name is not None:
        lines[name] = node.line
    when = read_when(found.get("when"), MATCHED)
    since, until = _effective(found.get("effective"))
    promises = {}
    for target, promise in (found["targets"].entries(TARGETS) if "targets" in found else {}).items():
        promises[target] = _promise(name or "", target, promise, calendars)
    if len(node.problems) > problems_before:
        return None
    kept = {target: promise for target, promise in promises.items() if promise is not None}
    policy = Policy(name or "", when, kept, since, until)
    return replace(policy, fingerprint=_hashed(_content([policy], calendars)))


def _effective(node: Node | None) -> tuple[int | None, int | None]:
    if node is None:
        return None, None
    found = {key: edge for key, edge in node.entries(EFFECTIVE_KEYS).items() if not edge.is_null()}
    since = found["from"].read(parse_instant) if "from" in found else None
    until = found["until"].read(parse_instant) if "until" in found else None
    if since is not None and until is not None and since >= until:
        node.bad("ends before it begins, so that the policy never holds (until must be after from)")
    return since, until


def _promise(policy: str, target: str, node: Node, calendars: Mapping[str, BusinessHours]) -> Promise | None:
    found = node.entries(PROMISE_KEYS, required=("limit",))
    hours = ALWAYS_OPEN
    if "calendar" in found and (name := found["calendar"].choice(calendars, "calendar")) is not None:
        hours = calendars[name]
    limit = _limit(found["limit"], hours) if "limit" in found else None
    warn = _warn(found["warn"], limit) if "warn" in found else ()
    pause_on = DEFAULT_PAUSE_ON.get(target, frozenset())
    if "pause_on" in found:
        pause_on = _choices(found["pause_on"], STATUSES, "status")
        if pause_on.issuperset(RUNNING):
            found["pause_on"].bad("the clock would never run (leave one of these statuses out)")
    met_by = MET_BY
    if "met_by" in found:
        met_by = _choices(found["met_by"], sorted(MET_BY), "answer", empty="nothing would meet it: name one")
        if target not in ANSWERED:
            found["met_by"].bad(f"only {' and '.join(ANSWERED)} have it (leave it out)")
    after_reopen = "total"
    if "after_reopen" in found:
        after_reopen = found["after_reopen"].choice(AFTER_REOPEN, "way to go on") or after_reopen
        if target != "resolution":
            found["after_reopen"].bad("only resolution has it (leave it out)")
    escalate = _escalate(found["escalate"], hours) if "escalate" in found else ()
    if limit is None:
        return None
    way = cast("Literal['total', 'first']", after_reopen)
    return Promise(policy, target, limit, hours.calendar, warn, pause_on, met_by, way, escalate)


def _limit(node: Node, hours: BusinessHours) -> int | None:
    limit = node.read(parse_duration)
    if limit == 0:
        node.bad("a limit of zero is broken at once (write 1s or more)")
        return None
    # A calendar must have the limit's open time within the years that there are.
    if limit is not None and limit > _WEEKS * hours.seconds_a_week() * SECOND:
        node.bad(f"over ten years in calendar {hours.calendar.name} (write a shorter limit)")
        return None
    return limit


def _warn(node: Node, limit: int | None) -> tuple[Threshold, ...]:
    """Thresholds in the order in which they ring."""
    thresholds: list[Threshold] = []
    for item in node.many():
        threshold = item.read(_threshold)
        if threshold is None or limit is None:
            continue
        if not 0 < threshold.at(limit) < limit:
            item.bad(f"not between the start and the limit: {threshold.text} of {format_duration(limit)}")
        if threshold.text in [known.text for known in thresholds]:
            item.bad(f"{threshold.text} is written twice (remove one)")
        thresholds.append(threshold)
    return tuple(sorted(thresholds, key=lambda threshold: threshold.at(limit or 0)))


def _escalate(node: Node, hours: BusinessHours) -> tuple[int, ...]:
    """How long after a breach each step comes, in order."""
    steps: list[int] = []
    for item in node.many():
        after = item.read(parse_duration)
        if after is None:
            continue
        if after <= (steps[-1] if steps else 0):
            item.bad("not after the step before it (write later ones later, the first more than 0s)")
        elif after > _WEEKS * hours.seconds_a_week() * SECOND:
            item.bad(f"over ten years in calendar {hours.calendar.name} (write a shorter time)")
        else:
            steps.append(after)
    if len(steps) > MOST_STEPS:
        node.bad(f"over {MOST_STEPS} steps (leave some out)")
    return tuple(steps)


def _threshold(text: str) -> Threshold:
    if match := _PERCENT.fullmatch(text):
        return Threshold(text, percent=float(match[1]))
    if text.endswith("%"):
        raise ValueError(f"not a share of the limit: {shown(text)} (write 50%, more than 0 and less than 100)")
    try:
        return Threshold(text, before=parse_duration(text))
    except ValueError as error:
        raise ValueError(f"{error}; or a share of the limit, 50%") from None


def _choices(node: Node, known: Sequence[str], what: str, *, empty: str | None = None) -> frozenset[str]:
    chosen = [item.choice(known, what) for item in node.many(empty=empty)]
    return frozenset(choice for choice in chosen if choice is not None)


def _check_reach(node: Node, policy: Policy, before: Sequence[Policy], lines: Mapping[str, int]) -> None:
    """Refuse a policy that can never match because those before it take all that it describes."""
    rule = _rule(policy)
    if not never_reached(rule, map(_rule, before)):
        return
    alone = next((other for other in before if never_reached(rule, [_rule(other)])), None)
    taker = f"{shown(alone.name)} in line {lines[alone.name]} matches" if alone else "the policies before it match"
    node.bad(f"{shown(policy.name)} can never match: {taker} all that it describes (put it first, or remove it)")


def _rule(policy: Policy) -> Rule:
    since, until = policy.effective_from, policy.effective_until
    return Rule(policy.when, -inf if since is None else since, inf if until is None else until)


def promise_terms(promise: Promise) -> dict[str, object]:
    """What a promise says but for the hours of its calendar, as JSON has it: equal where the promises are."""
    return {
        "limit": promise.limit,
        "calendar": promise.calendar.name,
        "warn": [threshold.text for threshold in promise.warn],
        "pause_on": sorted(promise.pause_on),
        "met_by": sorted(promise.met_by),
        "after_reopen": promise.after_reopen,
        # Left out where there are none: so promises that have none mean what they meant before there were any.
        **({"escalate": list(promise.escalate)} if promise.escalate else {}),
    }


def _fingerprint(policies: Sequence[Policy], calendars: Mapping[str, BusinessHours]) -> str:
    """A hash of what decides verdicts: comments, order of keys and unused calendars do not change it."""
    content = _content(policies, calendars)
    for policy, said in zip(policies, content["policies"], strict=True):
        said["when"] = {name: sorted(values) for name, values in policy.when.items()}
    return _hashed(content)


def _content(policies: Sequence[Policy], calendars: Mapping[str, BusinessHours]) -> dict[str, Any]:
    """What policies promise, and when; not to which tickets."""
    used = {promise.calendar.name for policy in policies for promise in policy.promises.values()}
    return {
        "calendars": {name: calendars[name].content() for name in used},
        "policies": [
            {
                "name": policy.name,
                "effective": [policy.effective_from, policy.effective_until],
                "targets": {target: promise_terms(promise) for target, promise in policy.promises.items()},
            }
            for policy in policies
        ],
    }


def _hashed(content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]  # every ticket holds it
