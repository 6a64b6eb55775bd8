"""The command line: one lazy group, so that `slawatch replay` never imports Kafka."""

from __future__ import annotations

import gc
import importlib
import sys

import click

from agents.errors import Refused
from config.errors import ConfigError

COMMANDS = {
    "worker": "read ticket events, judge them, write alerts, ledger, boards and metrics",
    "notifier": "send the alerts of the topic sla-alerts to the chats",
    "board": "the wallboard in the browser: the live queue, overdue tickets, compliance",
    "run": "worker, notifier and board of a small site as one process tree",
    "ack": "take an alert, or those of a ticket: nobody further is alerted of it",
    "demo": "the whole thing on an embedded Kafka with a simulated call centre",
    "replay": "judge a file of events without Kafka",
    "ledger": "the ledger's files, for reports: sync them, show them, compare limits, erase a customer",
    "explain": "every clock of a ticket: the policy, each pause, the deadline and why",
    "report": "what managers read: a day's, week's, month's or quarter's, as HTML, XLSX and CSV",
    "simulate": "write the events of a simulated support centre to a file",
    "send": "put events from a file on their topics",
    "plan": "agents needed for a peak by half-hour, and what becomes of the promises",
    "policies": "put promises on Kafka for all workers, show them, take them back",
    "route": "explain where an alert would go, and why",
    "silence": "have alerts told to nobody for a while: add, list, end",
    "sample": "draw tickets for checking, and write the sheet that reviewers fill in",
    "import-reviews": "put the reviews of a filled sheet on their topic",
    "topics": "create or check the topics",
    "dead-letters": "list, show and put back the records that could not be read",
    "check-config": "check policy and routing files: file, line, field, reason",
    "settings": "every setting with its meaning, value in force and origin",
}

COLLECT = (10_000, 500, 100)
"""How Python's collector of garbage is set. State is bytes and structs without cycles; what little garbage has some can
wait. By default a third of the time went into looking for it. It looks through the newest objects by ten thousand,
some milliseconds of them: at a hundred thousand the stream stood still for up to 75 ms."""


class Commands(click.Group):
    """Imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module("agents.commands." + cmd_name.replace("-", "_"))
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="slawatch")
def cli() -> None:
    """slawatch: a streaming SLA monitor for customer-support centres."""


def main() -> None:
    """Run a command. Exit codes: 0; 2 usage or configuration; 3 refused; 70 a fault, start it again."""
    gc.set_threshold(*COLLECT)
    try:
        cli(standalone_mode=True)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except Refused as error:
        click.echo(str(error), err=True)
        sys.exit(3)
