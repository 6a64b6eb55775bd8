"""The routing file: which alert goes to which destinations, and how each of those is reached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.calendars import read_calendars
from config.destinations import Destination, read_destination
from config.errors import ConfigError
from config.matching import Rule, never_reached, read_when
from config.source import Node, read_file, read_version
from streams.policies import MATCHED, TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.calendar import Calendar

FILE_KEYS = ("version", "calendars", "destinations", "routes")
ROUTE_KEYS = ("when", "to")
ALERT_KEYS = ("level", "target", "kind", "policy", "priority", "team", "channel")
"""Fields of an alert record that a route may ask for."""
ALERT_VALUES = {
    "level": ("warning", "breach", "escalation", "operations"),
    "target": TARGETS,
    "kind": ("raised", "corrected", "recovered"),
}
HOURS = "hours"
"""The key by which a route asks for the open time of calendars."""

_NOT_IN_ALERTS = tuple(name for name in MATCHED if name not in ALERT_KEYS)


@dataclass(frozen=True, slots=True)
class Route:
    """Alerts that `when` describes, at the hours of any of the calendars if there are some, go to `to`."""

    when: Mapping[str, frozenset[str]]
    hours: tuple[Calendar, ...]
    to: tuple[str, ...]

    def matches(self, alert: Mapping[str, Any], now: int) -> bool:
        """Whether an alert record is one of those it describes, at the instant now."""
        return all(alert.get(name) in values for name, values in self.when.items()) and (
            not self.hours or any(calendar.next_open(now) == now for calendar in self.hours)
        )


@dataclass(frozen=True, slots=True)
class Routing:
    """Destinations by name, and the routes of which the first that matches is taken."""

    destinations: Mapping[str, Destination]
    routes: tuple[Route, ...]

    def route(self, alert: Mapping[str, Any], now: int) -> list[str]:
        """Names of the destinations of an alert record at an instant; none where its route says so."""
        return list(next((route.to for route in self.routes if route.matches(alert, now)), ()))


def load_routing(path: Path, environ: Mapping[str, str] = os.environ) -> Routing:
    """The routing of a file, `${NAME}` in it taken from `environ`; raises ConfigError with all that is wrong."""
    root = read_file(path)
    found = root.entries(FILE_KEYS, required=("version", "destinations", "routes"))
    read_version(found.get("version"))
    calendars = {name: hours.calendar for name, hours in read_calendars(found.get("calendars")).items()}
    named = found["destinations"].mapping() if "destinations" in found else {}
    destinations = {name: read_destination(name, node, environ) for name, node in named.items()}
    routes = _routes(found["routes"], list(destinations), calendars) if "routes" in found else ()
    if root.problems:
        raise ConfigError(sorted(root.problems, key=lambda problem: problem.line or 0))
    whole = {name: destination for name, destination in destinations.items() if destination is not None}
    return Routing(whole, routes)


def _routes(node: Node, destinations: list[str], calendars: Mapping[str, Calendar]) -> tuple[Route, ...]:
    routes: list[Route] = []
    rules: list[Rule] = []
    values = {**ALERT_VALUES, HOURS: list(calendars)}
    catch_all = False
    for item in node.items(empty="nothing would be told to anybody (write a route)"):
        problems_before = len(node.problems)
        found = item.entries(ROUTE_KEYS, required=("to",))
        when = read_when(found.get("when"), (*ALERT_KEYS, HOURS, *_NOT_IN_ALERTS), values)
        catch_all |= not when
        for name in when.keys() & set(_NOT_IN_ALERTS):
            found["when"].mapping()[name].bad("an alert does not carry it (ask for the policy's name instead)")
        named = [each.choice(destinations, "destination") for each in found["to"].many()] if "to" in found else []
        if len(node.problems) > problems_before:
            continue
        rule = Rule(dict(when))
        if never_reached(rule, rules):
            item.bad("can never match: the routes before it take all that it describes (put it first, or remove it)")
        rules.append(rule)
        hours = tuple(calendars[name] for name in sorted(when.pop(HOURS, frozenset())))
        routes.append(Route(when, hours, tuple(dict.fromkeys(name for name in named if name is not None))))
    if not catch_all:
        node.bad("an alert that no route describes would be lost (end with '- to: [NAME]', or '- to: []' to drop it)")
    return tuple(routes)
