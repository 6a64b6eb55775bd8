"""The routing file: which alert goes to which destinations, and how each of those is reached."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple, get_args

from config.calendars import read_calendars
from config.destinations import read_destination
from config.errors import ConfigError, shown
from config.hours import read_hours
from config.matching import Rule, never_reached, read_when
from config.people import read_people
from config.quiet import read_quiets
from config.rota_file import read_rotas
from config.routes import HOURS, Route, Routing
from config.source import Node, read_file, read_version
from streams.alert_record import Subject
from streams.policies import MATCHED, TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.calendar import Calendar

FILE_KEYS = ("version", "calendars", "people", "rotas", "quiet", "destinations", "routes")
ROUTE_KEYS = ("when", "to", "on_call", "quiet")
SUBJECTS: tuple[str, ...] = get_args(Subject)
"""The targets of operations alerts."""
ALERT_KEYS = ("level", "step", "target", "kind", "policy", "priority", "team", "channel")
"""Fields of an alert record that a route may ask for."""
ALERT_VALUES = {
    "level": ("warning", "breach", "escalation", "operations"),
    "target": (*TARGETS, *SUBJECTS),
    "kind": ("raised", "corrected", "recovered", "acknowledged"),
}
STEP_PATTERN = r"[1-9]\d?"

_NOT_IN_ALERTS = tuple(name for name in MATCHED if name not in ALERT_KEYS)


def load_routing(path: Path, environ: Mapping[str, str] = os.environ) -> Routing:
    """The routing of a file, `${NAME}` in it taken from `environ`; raises ConfigError with all that is wrong."""
    root = read_file(path)
    found = root.entries(FILE_KEYS, required=("version", "destinations", "routes"))
    read_version(found.get("version"))
    calendars = {name: hours.calendar for name, hours in read_calendars(found.get("calendars")).items()}
    people = read_people(found.get("people"))
    rotas = read_rotas(found.get("rotas"), people, environ)
    named = found["destinations"].mapping() if "destinations" in found else {}
    destinations = {name: read_destination(name, node, environ) for name, node in named.items()}
    quiets = read_quiets(found.get("quiet"), calendars, list(destinations), ALERT_KEYS, ALERT_VALUES)
    names = _Names(list(destinations), list(_keys(found.get("rotas"))), list(_keys(found.get("quiet"))), calendars)
    routes = _routes(found["routes"], names) if "routes" in found else ()
    if root.problems:
        raise ConfigError(sorted(root.problems, key=lambda problem: problem.line or 0))
    whole = {name: destination for name, destination in destinations.items() if destination is not None}
    return Routing(whole, routes, rotas, quiets, people)


class _Names(NamedTuple):
    """What a route may name."""

    destinations: list[str]
    rotas: list[str]
    quiets: list[str]
    calendars: Mapping[str, Calendar]


def _keys(node: Node | None) -> Mapping[str, Node]:
    return node.mapping() if node is not None and node.is_mapping() else {}


def _routes(node: Node, names: _Names) -> tuple[Route, ...]:
    routes: list[Route] = []
    rules: list[Rule] = []
    catch_all = False
    for item in node.items(empty="nothing would be told to anybody (write a route)"):
        problems_before = len(node.problems)
        found = item.entries(ROUTE_KEYS, required=("to",))
        when = read_when(found.get("when"), (*ALERT_KEYS, HOURS, *_NOT_IN_ALERTS), ALERT_VALUES)
        catch_all |= not when
        asked = _keys(found.get("when"))
        for name in when.keys() & set(_NOT_IN_ALERTS):
            asked[name].bad("an alert does not carry it (ask for the policy's name instead)")
        for step in asked["step"].many() if "step" in asked else []:
            step.read(_step)
        hours = read_hours(asked[HOURS], names.calendars) if when.pop(HOURS, None) else ()
        to = _named(found.get("to"), names.destinations, "destination")
        on_call = _named(found.get("on_call"), names.rotas, "rota")
        quiet = _named(found.get("quiet"), names.quiets, "quiet hours")
        if len(node.problems) > problems_before:
            continue
        rule = Rule(when | {HOURS: frozenset(each.text for each in hours)} if hours else when)
        if never_reached(rule, rules):
            item.bad("can never match: the routes before it take all that it describes (put it first, or remove it)")
        rules.append(rule)
        routes.append(Route(when, hours, to, on_call, quiet, item.line))
    if not catch_all:
        node.bad("an alert that no route describes would be lost (end with '- to: [NAME]', or '- to: []' to drop it)")
    return tuple(routes)


def _named(node: Node | None, known: list[str], what: str) -> tuple[str, ...]:
    named = [each.choice(known, what) for each in node.many()] if node is not None else []
    return tuple(dict.fromkeys(name for name in named if name is not None))


def _step(text: str) -> int:
    if not re.fullmatch(STEP_PATTERN, text):
        raise ValueError(f"not a step of an escalation: {shown(text)} (write 1 for the first)")
    return int(text)
