"""What is allowed and yet doubtful: calendars that end, gaps, changes that reach into the past."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from config.errors import Problem, shown
from config.policies import promise_terms
from config.rota import LOOK_AHEAD, Feed, gaps
from streams.alert_record import OPERATIONS
from streams.instants import DAY, format_instant, to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.calendars import BusinessHours
    from config.policies import PolicyFile
    from config.routes import Routing
    from streams.policies import Policy

_NEAR = 60 * DAY
"""How long before the last known holiday a calendar is called ending."""
_DESTINATION, _ROTA, _QUIET = "the destination", "the rota", "the quiet hours"


def advice(file: PolicyFile, now: int) -> list[Problem]:
    """What its owner should look at, as of the instant now."""
    return [*_calendars(file, now), *_gaps(file)]


def routing_advice(routing: Routing, file: PolicyFile, routing_file: str, now: int) -> list[Problem]:
    """Routes that ask for a policy which is not there, what no route names, and when nobody would be told or called."""
    asked = {name for route in routing.routes for name in route.when.get("policy", ())}
    unknown = [f"asks for the policy {shown(name)}, which is not in {file.file}" for name in asked - file.lines.keys()]
    unused = sorted(f"{what} {shown(name)}: no route names it" for what, name in _unused(routing))
    problems = [Problem(routing_file, None, "routes", reason) for reason in [*sorted(unknown), *unused]]
    if (reason := _untold(routing)) is not None:
        problems.append(Problem(routing_file, None, "routes", reason))
    return [*problems, *_rota_gaps(routing, routing_file, now)]


def _unused(routing: Routing) -> Iterator[tuple[str, str]]:
    named: dict[str, Mapping[str, object]] = {_DESTINATION: routing.destinations, _ROTA: routing.rotas}
    used = {
        _DESTINATION: {name for route in routing.routes for name in route.to},
        _ROTA: {name for route in routing.routes for name in route.on_call},
    }
    yield from ((what, name) for what in named for name in named[what].keys() - used[what])
    quiet = {name for route in routing.routes for name in route.quiet}
    yield from ((_QUIET, name) for name, each in routing.quiets.items() if not each.to and name not in quiet)


def _untold(routing: Routing) -> str | None:
    """Why those who run the monitor may not hear that it is not well."""
    own = [route for route in routing.routes if OPERATIONS in route.when.get("level", ())]
    if not own:
        return "the monitor's own alerts have no route (write one that asks for level: operations)"
    told = {name for route in own for name in route.to}
    if not told:
        return "the monitor's own alerts are told to nobody (name destinations in the route for level: operations)"
    if len(told | {name for route in routing.routes for name in route.to}) == 1:
        return f"nobody is told when {shown(*told)} fails (name a second destination for level: operations)"
    return None


def _rota_gaps(routing: Routing, file: str, now: int) -> Iterator[Problem]:
    for rota in routing.rotas.values():
        if isinstance(rota.turns, Feed):
            continue  # what it says is known where it is fetched
        holes = gaps(rota, now, now + LOOK_AHEAD)
        if holes:
            since, until = holes[0]
            end = f"until {format_instant(until)}" if until < now + LOOK_AHEAD else "on"
            again = ", and then again" if len(holes) > 1 else ""
            reason = f"nobody is on call from {format_instant(since)} {end}{again} (add somebody, or an override)"
            yield Problem(file, rota.line, f"rotas.{rota.name}", reason)


def reaches_back(old: PolicyFile, new: PolicyFile, now: int) -> list[Problem]:
    """Changes that judge clocks anew which started before now.

    Limits are changed by ending a policy and adding one that begins there; what is promised to clocks that
    started before stays as it was.
    """
    before = {policy.name: policy for policy in old.policies if _began(policy, now)}
    after = {policy.name: policy for policy in new.policies if _began(policy, now)}
    instant = format_instant(now)
    problems = []
    for name in [*after, *(name for name in before if name not in after)]:
        if name not in before:
            reason = f"is new and holds for clocks that started before {instant} (give it effective: {{from: ...}})"
        elif name not in after:
            reason = f"held before {instant} and is gone (keep it, and end it with effective: {{until: ...}})"
        elif changes := list(_changes(before[name], after[name], old, new, now)):
            reason = (
                f"{', '.join(changes)} changed for clocks that started before {instant} (keep it as it was, end"
                " it with effective: {until: ...}, and add a policy that begins there)"
            )
        else:
            continue
        problems.append(Problem(new.file, new.lines.get(name), f"policy {shown(name)}", reason))
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        reason = f"their order changed, also for clocks that started before {instant} (keep it)"
        problems.append(Problem(new.file, None, "policies", reason))
    return problems


def _calendars(file: PolicyFile, now: int) -> Iterator[Problem]:
    used = {promise.calendar.name for policy in file.policies for promise in policy.promises.values()}
    today = to_datetime(now).date()
    for name, hours in file.calendars.items():
        known_until = hours.calendar.known_until
        field = f"calendars.{name}"
        if hours.line is not None and name not in used:
            yield Problem(file.file, hours.line, field, "no policy uses it")
        elif known_until is not None and known_until <= to_datetime(now + _NEAR).date():
            library = "chinesecalendar" if "CN" in hours.countries else "holidays"
            reason = (
                f"public holidays of {', '.join(hours.countries)} are known until {known_until}: later dates follow"
                f" the weekly hours (install a newer {library} once they are published, or write them as overrides)"
            )
            yield Problem(file.file, hours.line, field, reason)
        elif hours.special and not hours.countries and max(hours.special) < today:
            reason = f"its last holiday or override was {max(hours.special)} (add those to come)"
            yield Problem(file.file, hours.line, field, reason)


def _gaps(file: PolicyFile) -> Iterator[Problem]:
    """Between two periods of the same tickets nothing of the two holds."""
    periods: dict[frozenset[tuple[str, frozenset[str]]], list[Policy]] = {}
    for policy in file.policies:
        periods.setdefault(frozenset(policy.when.items()), []).append(policy)
    for alike in periods.values():
        for earlier, later in pairwise(sorted(alike, key=_beginning)):
            until, since = earlier.effective_until, later.effective_from
            if until is not None and since is not None and until < since:
                reason = (
                    f"begins at {format_instant(since)}, and {shown(earlier.name)} for the same tickets ends at"
                    f" {format_instant(until)}: neither holds between (let one begin where the other ends)"
                )
                yield Problem(file.file, file.lines[later.name], f"policy {shown(later.name)}", reason)


def _beginning(policy: Policy) -> float:
    return -inf if policy.effective_from is None else policy.effective_from


def _began(policy: Policy, now: int) -> bool:
    return _beginning(policy) < now


def _changes(before: Policy, after: Policy, old: PolicyFile, new: PolicyFile, now: int) -> Iterator[str]:
    """What differs between two policies that both began before now, as far as it was in force by then."""
    if dict(before.when) != dict(after.when):
        yield "when"
    if _past(before, now) != _past(after, now):
        yield "effective"
    for target in sorted(before.promises.keys() | after.promises.keys()):
        was, is_now = before.promises.get(target), after.promises.get(target)
        if was is None or is_now is None or promise_terms(was) != promise_terms(is_now):
            yield target
        elif not _alike(old.calendars[was.calendar.name], new.calendars[is_now.calendar.name], now):
            yield f"the calendar of {target}"


def _past(policy: Policy, now: int) -> tuple[int | None, int]:
    until = policy.effective_until
    return policy.effective_from, now if until is None else min(until, now)


def _alike(was: BusinessHours, is_now: BusinessHours, now: int) -> bool:
    today = to_datetime(now).date()
    return was.content(before=today) == is_now.content(before=today)
