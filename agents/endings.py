"""What of the promises and rotas runs out: public holidays known no further, periods without a next, rotas that end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from config.rota import begins, gaps
from streams.alert_record import operations
from streams.instants import DAY, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from config.rota import Rota
    from config.routes import Routing
    from streams.alert_record import Alert
    from streams.calendar import Calendar
    from streams.policies import Policies, Policy


STAGES = tuple(days * DAY for days in (30, 14, 7, 3, 1, 0))
"""How long before its end what runs out is told of, once each."""


class Ending(NamedTuple):
    """Something that runs out: at what instant, in words."""

    until: int
    message: str


class Reminders:
    """Remembers what this process has told; others tell the same under the same id."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def due(self, endings: Iterable[Ending], now: int) -> list[Alert]:
        """An alert for each that ends soon, by the latest stage that it has reached, if that was not told."""
        alerts = []
        for until, message in endings:
            reached = [until - stage for stage in STAGES if until - stage <= now]
            if reached and now < until + DAY:
                alerts.append(operations("calendar", message, reached[-1], now, about=message))
        fresh = [alert for alert in alerts if alert.alert_id not in self._told]
        self._told.update(alert.alert_id for alert in fresh)
        return fresh


def endings_of_policies(policies: Policies) -> list[Ending]:
    """The ends that are known of these promises, whenever they are."""
    calendars = [promise.calendar for policy in policies for promise in policy.promises.values()]
    return [*_holidays(calendars), *_periods(list(policies))]


def endings_of_routing(routing: Routing, rotas: Iterable[Rota], now: int) -> list[Ending]:
    """The ends that are known of a routing file's hours, and of its rotas as they are now."""
    asked = [route.hours for route in routing.routes] + [quiet.hours for quiet in routing.quiets.values()]
    calendars = [each.calendar for hours in asked for each in hours]
    return [*_holidays(calendars), *_rotas(rotas, now)]


def _holidays(calendars: Iterable[Calendar]) -> Iterator[Ending]:
    for name, calendar in sorted({calendar.name: calendar for calendar in calendars}.items()):
        if calendar.known_until is not None:
            until = begins(calendar.zone, calendar.known_until + timedelta(days=1), 0)
            message = (
                f"public holidays of the calendar {name} are known until {calendar.known_until}: later dates follow "
                "the weekly hours (install a newer holidays or chinesecalendar, or write them as overrides)"
            )
            yield Ending(until, message)


def _periods(policies: list[Policy]) -> Iterator[Ending]:
    for policy in policies:
        until = policy.effective_until
        if until is not None and not any(_goes_on(other, policy, until) for other in policies):
            message = f"the policy {policy.name} ends at {format_instant(until)}, and none for the same tickets goes on"
            yield Ending(until, message)


def _goes_on(other: Policy, policy: Policy, until: int) -> bool:
    same = dict(other.when) == dict(policy.when) and other is not policy
    return same and other.effective(until)


def _rotas(rotas: Iterable[Rota], now: int) -> Iterator[Ending]:
    """The first instant of each rota, within the longest notice, from which on nobody is on call."""
    for rota in rotas:
        ahead = [since for since, _ in gaps(rota, now, now + STAGES[0]) if since > now]
        if ahead:
            said = f"the rota {rota.name} has nobody on call from {format_instant(ahead[0])} on"
            yield Ending(ahead[0], said)
