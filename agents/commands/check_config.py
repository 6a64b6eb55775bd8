"""`slawatch check-config`: what the files say in plain words, or all that is wrong with them."""

from __future__ import annotations

import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.quality_words import goal_lines, quality_lines
from config.advice import advice, reaches_back, routing_advice
from config.calendars import format_hours
from config.errors import ConfigError, Problem
from config.goals import load_goals
from config.policies import default_policy_file, read_policy_file
from config.quality import load_quality
from config.rota import LOOK_AHEAD, Feed, stretches
from config.routing import load_routing
from config.secret import StandIns
from config.settings import load_settings
from config.staffing import load_staffing
from streams.instants import HOUR, MINUTE, SECOND, format_instant, to_datetime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeVar

    from config.calendars import BusinessHours
    from config.policies import PolicyFile
    from config.quiet import Quiet
    from config.rota import Rota
    from config.routes import Routing
    from streams.demand import Staffing
    from streams.policies import Policy, Promise

    T = TypeVar("T")

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SPECIAL_DAYS_SHOWN = 5
_ALL_ANSWERS = 2

_path = click.Path(path_type=Path)


@click.command(name="check-config")
@click.option("--policies", type=_path, help="policy file; else SLAWATCH_POLICIES, else the shipped defaults")
@click.option("--routing", type=_path, help="routing file; else SLAWATCH_ROUTING")
@click.option("--staffing", type=_path, help="staffing file; else SLAWATCH_STAFFING")
@click.option("--quality", type=_path, help="quality file; else SLAWATCH_QUALITY")
@click.option("--goals", type=_path, help="goals file; else SLAWATCH_GOALS")
@click.option("--against", type=_path, help="the policy file in force: warn where a change reaches into the past")
def command(
    policies: Path | None,
    routing: Path | None,
    staffing: Path | None,
    quality: Path | None,
    goals: Path | None,
    against: Path | None,
) -> None:
    """Check the settings, and the files of policies, routing, staffing, quality and goals.

    Prints what they say in plain words, with warnings; or every problem as FILE:LINE: FIELD: REASON, and ends with 2.
    """
    problems: list[Problem] = []
    now = int(time.time()) * SECOND
    settings = _try(load_settings, problems)
    policies = policies or (settings.policies if settings else None)
    routing = routing or (settings.routing if settings else None)
    staffing = staffing or (settings.staffing if settings else None)
    quality = quality or (settings.quality if settings else None)
    goals = goals or (settings.goals if settings else None)
    file = _try(lambda: read_policy_file(policies) if policies else default_policy_file(), problems)
    old = _try(lambda: read_policy_file(against), problems) if against is not None else None
    unset = StandIns()
    routes = _try(lambda: load_routing(routing, unset), problems) if routing is not None else None
    staffed = _try(lambda: load_staffing(staffing), problems) if staffing is not None else None
    measured = _try(lambda: load_quality(quality, staffed), problems) if quality is not None else None
    aims = _try(lambda: load_goals(goals), problems) if goals is not None else None
    if problems or file is None:
        raise ConfigError(problems)
    for line in policy_lines(file, now):
        click.echo(line)
    warnings = advice(file, now) + (reaches_back(old, file, now) if old is not None else [])
    if routing is not None and routes is not None:
        for line in routing_lines(routes, str(routing), now):
            click.echo(line)
        warnings += routing_advice(routes, file, str(routing), now)
        warnings += [Problem(str(routing), None, f"${{{name}}}", "is not set here") for name in unset.asked]
    if staffing is not None and staffed is not None:
        for line in staffing_lines(staffed, str(staffing)):
            click.echo(line)
    if measured is not None:
        click.echo("\n".join(["", *quality_lines(measured, str(quality))]))
    if aims is not None:
        click.echo("\n".join(["", *goal_lines(aims, str(goals))]))
    for warning in warnings:
        click.echo(f"warning: {warning}")


def policy_lines(file: PolicyFile, now: int) -> Iterator[str]:
    """A policy file in words, as of the instant now."""
    policies = list(file.policies)
    count = f"{len(policies)} {'policy' if len(policies) == 1 else 'policies'}"
    yield f"{file.file}: OK, {count}; the first that fits a ticket holds"
    for number, policy in enumerate(policies, 1):
        yield f"\n{number}. {policy.name}: {_described(policy)}"
        yield from (f"   {_promised(promise)}" for promise in policy.promises.values())
        if not policy.promises:
            yield "   promises nothing"
    yield "\nCalendars"
    for name, hours in file.calendars.items():
        yield f"  {name}: {_weekly(hours)}"
        if special := _special_days(hours, now):
            yield f"    next: {'; '.join(special)}"


def routing_lines(routing: Routing, file: str, now: int) -> Iterator[str]:
    """A routing file in words, as of the instant now."""
    yield f"\n{file}: OK, {len(routing.destinations)} destinations; the first route that fits is taken"
    for number, route in enumerate(routing.routes, 1):
        asked = _asked(route.when)
        if route.hours:
            asked = [*asked, f"in the hours of {' or '.join(hours.text for hours in route.hours)}"]
        names = f", naming who is on call by {', then '.join(route.on_call)}" if route.on_call else ""
        held = f", held in {' and '.join(route.quiet)}" if route.quiet else ""
        yield f"{number}. {'; '.join(asked) or 'every other alert'} -> {', '.join(route.to) or 'nobody'}{names}{held}"
    if routing.rotas:
        yield "\nOn call"
        yield from (f"  {name}: {_turns(rota, now)}" for name, rota in routing.rotas.items())
    if routing.quiets:
        yield "\nQuiet hours"
        yield from (f"  {name}: {_quiet(quiet)}" for name, quiet in routing.quiets.items())


def staffing_lines(staffing: Staffing, file: str) -> Iterator[str]:
    """A staffing file in words."""
    yield f"\n{file}: OK"
    yield "  goals: " + "; ".join(f"{_words(target)} {goal * 100:g} %" for target, goal in staffing.goals.items())
    for channel in sorted(staffing.live | staffing.handling.keys()):
        kind = "live" if channel in staffing.live else "not live"
        handle = staffing.handling.get(channel)
        takes = (
            f"a ticket takes {_spelled(handle)} where replies do not say" if handle else "replies say how long it takes"
        )
        yield f"  {channel}: {kind}; {takes}"


def _turns(rota: Rota, now: int) -> str:
    """`Early shift until 2026-01-12T01:00:00Z, then Late shift`."""
    if isinstance(rota.turns, Feed):
        return "by a calendar that the notifier reads"
    first, *later = stretches(rota, now, now + LOOK_AHEAD)
    who = [part.person.name if part.person is not None else "nobody" for part in (first, *later)]
    return f"{who[0]} until {format_instant(first.until)}, then {who[1]}" if later else who[0]


def _quiet(quiet: Quiet) -> str:
    to = f"holds what goes to {' or '.join(sorted(quiet.to))}" if quiet.to else "holds what a route gives to it"
    passes = [" and ".join(_asked(when)) for when in quiet.passes]
    but = f", but for {', or '.join(passes)}" if passes else ""
    return f"{' or '.join(hours.text for hours in quiet.hours)}; {to}{but}"


def _try(read: Callable[[], T], problems: list[Problem]) -> T | None:
    try:
        return read()
    except ConfigError as error:
        problems += error.problems
        return None


def _described(policy: Policy) -> str:
    tickets = "; ".join(_asked(policy.when)) or "every other ticket"
    since, until = policy.effective_from, policy.effective_until
    period = (f" from {format_instant(since)}" if since is not None else "") + (
        f" until {format_instant(until)}" if until is not None else ""
    )
    return tickets + (f", for clocks that start{period}" if period else "")


def _asked(when: Mapping[str, frozenset[str]]) -> list[str]:
    return [f"{name.replace('_', ' ')} {' or '.join(sorted(values))}" for name, values in when.items()]


def _promised(promise: Promise) -> str:
    parts = [f"{_words(promise.target)} within {_spelled(promise.limit)}"]
    if promise.calendar.name != "24x7":
        parts[0] += f" of {promise.calendar.name} hours"
    if promise.warn:
        warnings = [
            f"at {threshold.text}" if threshold.before is None else f"{_spelled(threshold.before)} before its end"
            for threshold in promise.warn
        ]
        parts.append(f"warns {' and '.join(warnings)}")
    if promise.escalate:
        parts.append(f"escalates {' and '.join(_spelled(after) for after in promise.escalate)} after a breach")
    if promise.pause_on:
        parts.append(f"rests while {' or '.join(_words(status) for status in sorted(promise.pause_on))}")
    if len(promise.met_by) < _ALL_ANSWERS:
        parts.append(f"met by {' or '.join(sorted(promise.met_by))} alone")
    if promise.after_reopen == "first":
        parts.append("the first resolution is final")
    return "; ".join(parts)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _spelled(duration: int) -> str:
    """`1 hour 30 minutes`."""
    hours, rest = divmod(duration, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    parts = [(hours, "hour"), (minutes, "minute"), (rest / SECOND, "second")]
    return " ".join(f"{count:g} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)


def _weekly(hours: BusinessHours) -> str:
    """`Asia/Shanghai, Mon-Fri 09:00-18:00, Sat-Sun closed`."""
    if hours.line is None:
        return "always open (built in)"
    runs = []
    for text, days in groupby(range(7), key=lambda day: format_hours(hours.weekly.get(day, ()))):
        first, *others = list(days)
        runs.append(f"{_DAYS[first]}{f'-{_DAYS[others[-1]]}' if others else ''} {text}")
    return f"{hours.calendar.zone}; {'; '.join(runs)}"


def _special_days(hours: BusinessHours, now: int) -> list[str]:
    # A day early, so that today is among them whatever the zone.
    today = to_datetime(now - 14 * HOUR).date()
    days = sorted(day for day in hours.special if day >= today)[:_SPECIAL_DAYS_SHOWN]
    return [
        f"{_DAYS[day.weekday()]} {day} {format_hours(hours.special[day].hours)} ({hours.special[day].reason})"
        for day in days
    ]
