"""`slawatch silence`: alerts that are told to nobody for a while, with an end, a reason and a name."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from uuid import uuid4

import click
import msgspec

from agents.commands.parameters import INSTANT
from agents.dead_letters import printable
from agents.errors import Refused
from agents.kafka import connection, faults
from agents.notifier.silences import ASKED, BadSilence, Silence, checked, encode, known
from agents.one_partition import OnePartition, append, whoami
from agents.topics import Topics, present
from config.routing import ALERT_VALUES
from config.settings import load_settings
from streams.instants import SECOND, format_instant, parse_duration

if TYPE_CHECKING:
    from agents.engine.connection import Connection

_ID_LENGTH = 6


class _Reach:
    """The topic sla-silences of the Kafka that the settings name."""

    def __init__(self) -> None:
        self.settings = load_settings()
        self.connection: Connection = connection(self.settings)
        self.topic = Topics(self.settings.topic_prefix).silences

    def all(self) -> dict[str, Silence]:
        """Every silence there ever was, by id; says what is wrong with records that are none."""
        with faults(self.settings):
            silences, refused = asyncio.run(self._read())
        for error in refused:
            click.echo(f"a record that has no effect: {printable(str(error))}", err=True)
        return silences

    async def _read(self) -> tuple[dict[str, Silence], list[BadSilence]]:
        await present(self.connection, [self.topic])
        async with OnePartition(self.connection, self.topic) as topic:
            return known((entry.value for entry in await topic.whole()), self.settings.silence_limit)

    def put(self, silence: Silence) -> None:
        """Write one, in the place of any with its id."""
        with faults(self.settings):
            asyncio.run(self._put(silence))

    async def _put(self, silence: Silence) -> None:
        await present(self.connection, [self.topic], to_write=True)
        await append(self.connection, self.topic, silence.id, encode(silence))


@click.group(name="silence")
def command() -> None:
    """Have alerts told to nobody for a while, for maintenance.

    What is decided in that time gets no message; its outcome is recorded as `silenced`. What the monitor tells of
    itself is silenced by --level operations alone.
    """


@command.command()
@click.option("--team", multiple=True, help="Tickets of this team; each option may be given several times.")
@click.option("--priority", multiple=True, help="Tickets of this priority.")
@click.option("--channel", multiple=True, help="Tickets of this channel.")
@click.option("--policy", multiple=True, help="Clocks of this policy.")
@click.option("--target", multiple=True, type=click.Choice(ALERT_VALUES["target"]), help="Clocks of this target.")
@click.option("--level", multiple=True, type=click.Choice(ALERT_VALUES["level"]), help="Alerts of this level.")
@click.option("--kind", multiple=True, type=click.Choice(ALERT_VALUES["kind"]), help="Alerts of this kind.")
@click.option("--everything", is_flag=True, help="Every alert of a ticket: in the place of the options above.")
@click.option("--from", "since", type=INSTANT, help="From this instant on; else from now on.")
@click.option("--until", type=INSTANT, help="To this instant (2026-01-31T09:00:00+08:00).")
@click.option("--for", "length", help="For so long: 2h, 1d; in the place of --until.")
@click.option("--reason", required=True, help="Why: it stands in the list.")
def add(
    *,
    everything: bool,
    since: int | None,
    until: int | None,
    length: str | None,
    reason: str,
    **asked: tuple[str, ...],
) -> None:
    """Silence alerts from now on, or from an instant on, until an end that there must be."""
    when = {name: list(asked[name]) for name in ASKED if asked[name]}
    if bool(when) == everything:
        raise click.UsageError("say which alerts (--team, --priority, ...), or --everything")
    if (until is None) == (length is None):
        raise click.UsageError("a silence needs an end: --until INSTANT or --for 2h")
    if not reason.strip():
        raise click.UsageError("say why: --reason TEXT")
    reach = _Reach()
    now = int(time.time()) * SECOND
    begin = now if since is None else since
    if begin < now:
        raise click.UsageError("--from: that is past, and what was decided by then has been told")
    silence = Silence(
        id=uuid4().hex[:_ID_LENGTH],
        when=when,
        since=format_instant(begin),
        until=format_instant(begin + _length(length) if until is None else until),
        reason=reason.strip(),
        by=asyncio.run(whoami()),
        at=format_instant(now),
    )
    try:
        checked(silence, reach.settings.silence_limit)
    except BadSilence as error:
        raise Refused(f"not silenced: {error}") from None
    reach.put(silence)
    click.echo(line(silence, now))


@command.command(name="list")
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a silence a line.")
def list_(*, every: bool, as_json: bool) -> None:
    """List the silences that are in force or yet to come, the one that ends first on top."""
    now = int(time.time()) * SECOND
    shown = sorted(_Reach().all().values(), key=lambda silence: silence.span()[::-1])
    shown = [silence for silence in shown if every or silence.span()[1] > now]
    for silence in shown:
        click.echo(msgspec.json.encode(silence).decode() if as_json else line(silence, now))
    if not shown and not as_json:
        click.echo("nothing is silenced")


@command.command()
@click.argument("silence_id", metavar="ID")
def end(silence_id: str) -> None:
    """End a silence now: what is decided from now on is told again. What it kept from people is not told later."""
    reach = _Reach()
    now = int(time.time()) * SECOND
    silence = reach.all().get(silence_id)
    if silence is None:
        raise Refused(f"there is no silence {printable(silence_id)} (`slawatch silence list` shows those there are)")
    if silence.span()[1] <= now:
        raise Refused(f"the silence {silence_id} is over already")
    ended = msgspec.structs.replace(silence, ended_at=format_instant(now), ended_by=asyncio.run(whoami()))
    reach.put(ended)
    click.echo(line(ended, now))


def line(silence: Silence, now: int) -> str:
    """A silence in a line, as of the instant now."""
    since, until = silence.span()
    which = (
        "; ".join(f"{name} {' or '.join(values)}" for name, values in silence.when.items()) or "every alert of a ticket"
    )
    state = "over since" if until <= now else "until" if since <= now else f"from {format_instant(since)} until"
    ended = f", ended by {silence.ended_by}" if silence.ended_at is not None else ""
    return printable(f"{silence.id}  {state} {format_instant(until)}  {which}  ({silence.reason}; {silence.by}{ended})")


def _length(text: str | None) -> int:
    try:
        return parse_duration(text or "", days=True)
    except ValueError as error:
        raise click.UsageError(f"--for: {error}") from None
