"""Routes: where an alert goes and why, what quiet hours hold of it, and who is named as on call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from config.matching import unfit
from config.quiet import held_until
from config.rota import in_order
from streams.alert_record import OPERATIONS, follows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.destination_types import Destination
    from config.hours import Hours
    from config.people import Person
    from config.quiet import Quiet
    from config.rota import Rota

HOURS = "hours"
"""The key by which a route asks for hours of the day."""


@dataclass(frozen=True, slots=True)
class Route:
    """Alerts that `when` describes, within any of the hours if there are some, go to `to`.

    `on_call` names rotas, primary first; `quiet` the quiet hours of this route alone.
    """

    when: Mapping[str, frozenset[str]]
    hours: tuple[Hours, ...]
    to: tuple[str, ...]
    on_call: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    line: int | None = None

    def matches(self, alert: Mapping[str, Any], now: int) -> bool:
        """Whether an alert record is one of those it describes, at the instant now."""
        return not self.against(alert, now)

    def against(self, alert: Mapping[str, Any], now: int) -> list[str]:
        """The conditions that an alert record does not fulfil at the instant now."""
        failed = list(unfit(self.when, alert))
        if self.hours and not any(hours.hold(now) for hours in self.hours):
            failed.append(HOURS)
        return failed


class Tried(NamedTuple):
    """A route that was looked at: its number from 1, and the conditions that failed; none: it was taken."""

    number: int
    route: Route
    failed: list[str]


class Stop(NamedTuple):
    """A destination of an alert; quiet hours of the name `quiet` hold its message until `until` (microseconds)."""

    destination: str
    until: int | None = None
    quiet: str | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """Destinations by name, and the routes of which the first that matches is taken."""

    destinations: Mapping[str, Destination]
    routes: tuple[Route, ...]
    rotas: Mapping[str, Rota] = field(default_factory=dict)
    quiets: Mapping[str, Quiet] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)

    def route(self, alert: Mapping[str, Any], now: int) -> list[str]:
        """Names of the destinations of an alert record at an instant; none where its route says so.

        What became of an alert is a message only where the route asks for that kind by name.
        """
        found = self.taken(alert, now)
        if found is None or (follows(alert.get("kind"), alert.get("level")) and "kind" not in found.when):
            return []
        return self._around(alert, list(found.to))

    def taken(self, alert: Mapping[str, Any], now: int) -> Route | None:
        """The route of an alert record at an instant."""
        return next((route for route in self.routes if route.matches(alert, now)), None)

    def tried(self, alert: Mapping[str, Any], now: int) -> list[Tried]:
        """Every route that was looked at, the one that was taken last."""
        found = []
        for number, route in enumerate(self.routes, 1):
            found.append(Tried(number, route, route.against(alert, now)))
            if not found[-1].failed:
                break
        return found

    def stops(self, alert: Mapping[str, Any], now: int) -> list[Stop]:
        """As `route`, each with what quiet hours say. An alert read again stops where it did before."""
        route = self.taken(alert, now)
        stops = []
        for name in self.route(alert, now):
            quiets = [
                quiet for quiet in self.quiets.values() if name in quiet.to or (route and quiet.name in route.quiet)
            ]
            until, quiet = held_until(quiets, alert, now) or (None, None)
            stops.append(Stop(name, until, quiet))
        return stops

    def on_call(
        self, alert: Mapping[str, Any], now: int, at: int | None = None, rotas: Mapping[str, Rota] | None = None
    ) -> Person | None:
        """Who is named in the messages of an alert record that was decided at `now`, as of `at` (else `now`).

        Of the people on call, in the order of the route's rotas, the first; for an escalation the one after for each
        step, and the last for those beyond. `rotas`: as they are by their feeds now.
        """
        route = self.taken(alert, now)
        known = self.rotas if rotas is None else rotas
        named = [known[name] for name in route.on_call if name in known] if route is not None else []
        people = in_order(named, now if at is None else at)
        return people[min(_step(alert), len(people) - 1)] if people else None

    def _around(self, alert: Mapping[str, Any], to: list[str]) -> list[str]:
        """That a destination fails is not told there, but by the others of its route, else by any other."""
        failing = alert.get("destination") if alert.get("level") == OPERATIONS else None
        if failing not in to:
            return to
        others = [name for name in to if name != failing]
        return others or self._first_other(failing)

    def _first_other(self, failing: str) -> list[str]:
        used: Sequence[str] = [name for route in self.routes for name in route.to if name != failing]
        return list(used[:1])


def _step(alert: Mapping[str, Any]) -> int:
    step = alert.get("step")
    return step if alert.get("level") == "escalation" and isinstance(step, int) and step > 0 else 0
