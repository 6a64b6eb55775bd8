"""`slawatch route explain`: where an alert would go, and why."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agents.commands.parameters import INSTANT
from agents.dead_letters import printable
from agents.engine import wall_clock
from agents.errors import Refused
from agents.kafka import connection, faults
from agents.notifier.http import open_session
from agents.notifier.metrics import NotifierMetrics
from agents.notifier.rota_feeds import RotaFeeds, fetcher
from agents.notifier.silences import Silence, known, silencing
from agents.one_partition import OnePartition
from agents.topics import Topics, present
from config.errors import ConfigError, Problem
from config.rota import Feed, on_call
from config.routes import HOURS
from config.routing import ALERT_VALUES, load_routing
from config.secret import UNSET, StandIns
from config.settings import load_settings, variable
from streams.alert_record import follows
from streams.instants import SECOND, format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.people import Person
    from config.rota import Rota
    from config.routes import Route, Routing, Tried
    from config.settings import Settings

_BREACH = {"level": "breach", "kind": "raised"}


@click.group(name="route")
def command() -> None:
    """Look at the routes of the routing file."""


@command.command()
@click.option("--routing", type=click.Path(path_type=Path), help="The routing file; else SLAWATCH_ROUTING.")
@click.option("--team", help="The ticket's team.")
@click.option("--priority", help="The ticket's priority.")
@click.option("--channel", help="The ticket's channel.")
@click.option("--policy", help="The policy that promised it.")
@click.option("--target", type=click.Choice(ALERT_VALUES["target"]), help="Which kind of clock.")
@click.option("--level", type=click.Choice(ALERT_VALUES["level"]), help="A breach unless told otherwise.")
@click.option("--kind", type=click.Choice(ALERT_VALUES["kind"]), help="Raised unless told otherwise.")
@click.option("--step", type=click.IntRange(1, 99), help="Of an escalation: which.")
@click.option("--file", type=click.File("rb"), help="An alert record as JSON (- for standard input), as on sla-alerts.")
@click.option("--ticket", help="With --file of several records, one a line: the last of this ticket.")
@click.option("--at", type=INSTANT, help="As decided at this instant; else as the record says, or now.")
@click.option("--no-silences", is_flag=True, help="Ask nothing of Kafka.")
def explain(
    *,
    routing: Path | None,
    file: Any,
    ticket: str | None,
    at: int | None,
    no_silences: bool,
    **fields: str | int | None,
) -> None:
    """Say where an alert would go and why: each route that is tried and what of it fails, silences, quiet hours, rotas.

    The alert is what the options say, or a record; options then take the place of its fields.
    """
    settings = load_settings()
    path = routing or settings.routing
    if path is None:
        raise ConfigError([Problem("environment", None, variable("routing"), "not set, and no --routing given")])
    routes = load_routing(path, StandIns())
    given = {name: value for name, value in fields.items() if value is not None}
    if ticket is not None and file is None:
        raise click.UsageError("--ticket goes with --file: alerts of a ticket are read there")
    alert = (_record(file.read(), ticket) if file is not None else dict(_BREACH)) | given
    now = at if at is not None else _decided(alert) if file is not None else wall_clock() // SECOND * SECOND
    rotas = asyncio.run(_rotas(settings, routes))
    silences = None if no_silences or settings.kafka is None else _silences(settings)
    for line in explained(Question(alert, now), routes, rotas, silences):
        click.echo(printable(line))


class Question(NamedTuple):
    """An alert record, and the instant at which it is or was decided."""

    alert: Mapping[str, Any]
    now: int


def explained(
    question: Question, routing: Routing, rotas: Mapping[str, Rota], silences: Mapping[str, Silence] | None
) -> Iterator[str]:
    """What would become of an alert, a line each. `silences` None: they are not known."""
    alert, now = question
    yield f"as decided at {format_instant(now)}: {_about(alert)}"
    tried = routing.tried(alert, now)
    yield from (_tried(each, alert) for each in tried)
    taken = tried[-1].route if tried and not tried[-1].failed else None
    stops = routing.stops(alert, now)
    if follows(alert.get("kind"), alert.get("level")):
        yield "changes the messages that its alert has, where their service can"
        if not stops:
            yield "goes to nobody else: the route does not ask for this kind by name"
            return
    if not stops:
        yield "goes to nobody: its route says so"
        return
    for stop in stops:
        held = f", held until {format_instant(stop.until)} by the quiet hours {stop.quiet}" if stop.until else ""
        yield f"goes to {stop.destination}{held}"
    if taken is not None and taken.on_call:
        yield from _on_call(question, taken, routing, rotas)
    yield _silenced(question, silences)


def _about(alert: Mapping[str, Any]) -> str:
    shown = ("ticket_id", "level", "step", "kind", "target", "policy", "priority", "team", "channel")
    return ", ".join(f"{name} {alert[name]}" for name in shown if alert.get(name) not in (None, ""))


def _tried(tried: Tried, alert: Mapping[str, Any]) -> str:
    number, route, failed = tried
    where = f"route {number}" + (f" (line {route.line})" if route.line is not None else "")
    if not failed:
        return f"{where}: taken{'' if route.when or route.hours else ', for it asks for nothing'}"
    return f"{where}: no, {'; '.join(_wants(route, name, alert) for name in failed)}"


def _wants(route: Route, name: str, alert: Mapping[str, Any]) -> str:
    if name == HOURS:
        return f"it is not within {' or '.join(hours.text for hours in route.hours)}"
    value = alert.get(name)
    return f"{name} is {'not known' if value is None else value}, not {' or '.join(sorted(route.when[name]))}"


def _on_call(question: Question, route: Route, routing: Routing, rotas: Mapping[str, Rota]) -> Iterator[str]:
    alert, now = question
    for name in route.on_call:
        person = on_call(rotas[name], now)
        yield f"on call by {name}: {_named(person) if person is not None else 'nobody'}"
    named = routing.on_call(alert, now, rotas=rotas)
    yield f"names {_named(named)}" if named is not None else "names nobody: nobody is on call"


def _named(person: Person) -> str:
    ids = ", ".join(f"{service} {known}" for service, known in person.ids.items())
    return f"{person.name} ({ids})" if ids else person.name


def _silenced(question: Question, silences: Mapping[str, Silence] | None) -> str:
    if silences is None:
        return "silences: not asked"
    silence = silencing(silences.values(), question.alert, question.now)
    if silence is None:
        return "silences: none"
    until = format_instant(silence.span()[1])
    return f"but nobody is told: silenced until {until} by {silence.id}: {silence.reason} ({silence.by})"


def _record(content: bytes, ticket: str | None) -> dict[str, Any]:
    """The alert record of a file, or the last of a ticket's in a file of several; raises Refused."""
    try:
        try:
            records = [json.loads(content)]
        except ValueError:
            records = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError as error:
        raise Refused(f"--file: not JSON: {error}") from None
    found = [each for each in records if isinstance(each, dict) and ticket in (None, each.get("ticket_id"))]
    if not found:
        raise Refused("--file: no alert record of that ticket" if ticket is not None else "--file: not an alert record")
    record: dict[str, Any] = found[-1]
    return record


def _decided(alert: Mapping[str, Any]) -> int:
    try:
        return parse_instant(str(alert.get("decided_at")))
    except ValueError as error:
        raise Refused(f"--file: decided_at: {error}; or give --at") from None


async def _rotas(settings: Settings, routing: Routing) -> Mapping[str, Rota]:
    """As they are now: feeds are fetched, or are what a notifier of this host fetched last."""
    unset = {name for name, rota in routing.rotas.items() if isinstance(rota.turns, Feed) and UNSET in rota.turns.url}
    for name in sorted(unset):
        click.echo(f"the calendar of the rota {name} is not asked: its address holds what is not set here", err=True)
    asked = {name: rota for name, rota in routing.rotas.items() if name not in unset}
    async with open_session() as session:
        folder = settings.data_dir / "rotas"
        feeds = RotaFeeds(asked, routing.people, fetcher(session), wall_clock, NotifierMetrics(), folder)
        await feeds.refresh()
        return {**routing.rotas, **feeds.rotas}


def _silences(settings: Settings) -> Mapping[str, Silence]:
    reached = connection(settings)
    name = Topics(settings.topic_prefix).silences

    async def read() -> Mapping[str, Silence]:
        await present(reached, [name])
        async with OnePartition(reached, name) as topic:
            return known((entry.value for entry in await topic.whole()), settings.silence_limit)[0]

    with faults(settings):
        return asyncio.run(read())
