"""`slawatch ack`: somebody takes an alert, or those of a ticket."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from agents.ack.events import LONGEST_NAME, LONGEST_NOTE, Acknowledgements, NotWritten, acknowledged
from agents.ack.open_alerts import Found
from agents.engine import wall_clock
from agents.kafka import Fault, connection, faults
from agents.loop import run
from agents.topic_reading import records
from agents.topics import Topics, present
from config.settings import load_settings
from streams.events import TOPIC_OF

if TYPE_CHECKING:
    from config.settings import Settings
    from streams.alert_record import Alert


@click.command(name="ack")
@click.argument("alert_id", required=False)
@click.option("--ticket", metavar="TICKET", help="Take every breach of this ticket that still holds.")
@click.option("--by", help="Who takes it; your user name by default.")
@click.option("--note", help="What you say to it.")
def command(alert_id: str | None, ticket: str | None, by: str | None, note: str | None) -> None:
    """Take the alert ALERT_ID, as its message names it, or those of a ticket: nobody further is alerted of it.

    It is an event on the topic alert-acknowledged, with who and when. Taking an alert again does no harm: the first
    counts.
    """
    if (alert_id is None) == (ticket is None):
        raise click.UsageError("name an ALERT_ID, or a ticket with --ticket TICKET")
    who = (by if by is not None else _user()).strip()
    if not 0 < len(who) <= LONGEST_NAME:
        raise click.UsageError(f"--by: 1 to {LONGEST_NAME} characters (others must know who takes care)")
    if note is not None and len(note) > LONGEST_NOTE:
        raise click.UsageError(f"--note: at most {LONGEST_NOTE} characters")
    settings = load_settings()
    with faults(settings):
        taken = run(_take(settings, Found(alert_id=alert_id, ticket_id=ticket), who, note))
    if not taken:
        what = f"alert {alert_id!r}" if alert_id is not None else f"breach of ticket {ticket!r}"
        raise click.ClickException(f"no {what} that still holds is on the topic sla-alerts (it keeps the last 7 days)")
    for alert in taken:
        told = f"acknowledged by {who}"
        if alert.kind == "acknowledged":
            told = f"was acknowledged by {alert.acknowledged_by or 'somebody'} at {alert.acknowledged_at}"
        click.echo(f"{alert.alert_id}  {alert.level} {alert.target} of {alert.ticket_id}: {told}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise click.UsageError("your user has no name here: write --by NAME") from None


async def _take(settings: Settings, found: Found, who: str, note: str | None) -> list[Alert]:
    topics, reach = Topics(settings.topic_prefix), connection(settings)
    written = topics.name(TOPIC_OF["alert_acknowledged"])
    numbers = range((await present(reach, [topics.alerts]))[topics.alerts])
    await present(reach, [written], to_write=True)
    async for record in records(reach, topics.alerts, numbers):
        found.read([record.value])
    onto = Acknowledgements(reach, written)
    try:
        for alert in found.alerts:
            if alert.kind != "acknowledged":
                await onto.write(acknowledged(alert.alert_id, alert.ticket_id, who, note, wall_clock()))
    except NotWritten as error:
        raise Fault(f"Kafka did not acknowledge it ({error}); take it again") from error
    finally:
        await onto.close()
    return found.alerts
