"""Where a report's tickets come from: the ledger's folder, a file of its records, or events judged on the spot."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click
import msgspec

from agents.errors import Refused
from agents.events_io import open_events, take_lines
from agents.progress import progress
from agents.replay import Replay
from config.errors import shown, suggestion
from config.policies import load_policies
from reports.store.folder import Damaged, NoLedger
from reports.store.reading import opened
from reports.store.views import memory
from streams import ledger
from streams.events import Reader
from streams.ledger_record import decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from streams.ledger_record import LedgerRecord

_STEP = 5_000
_KNOWN = {
    "team": "SELECT DISTINCT team FROM tickets ORDER BY 1",
    "agent": """
        SELECT agent_id FROM tickets UNION SELECT agent_id FROM replies UNION SELECT agent_id FROM reviews
        ORDER BY 1
    """,
}
_NAMED = 20  # teams or agents in a message


@contextmanager
def stored(path: Path, since: datetime, until: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
    """The views over the ledger's folder, or over a file of records; raises Refused where there is no ledger.

    Of a folder only what holds tickets of that time is read.
    """
    if path.is_file():
        with closing(_of_records(path)) as connection:
            yield connection
        return
    try:
        with opened(path, since, until, copied=True) as connection:
            connection.execute("SET enable_progress_bar = false")
            yield connection
    except (NoLedger, Damaged) as error:
        raise Refused(str(error)) from None


def _of_records(path: Path) -> duckdb.DuckDBPyConnection:
    """The views over a file of the topic's records, a JSON object a line, of a ticket the last one.

    Raises ClickException with the line that is no record.
    """
    with open_events(str(path)) as file, progress("reading", file.size) as come_to:

        def records() -> Iterator[LedgerRecord]:
            for number, line in file:
                if not number % _STEP:
                    come_to(file.position)
                try:
                    yield decode(line)
                except msgspec.DecodeError as error:
                    said = f"{path}:{number}: not a record of the ledger: {error}"
                    raise click.ClickException(f"{said} (events are given with --events)") from None

        return memory(records())


@contextmanager
def judged(path: Path, policies_file: Path, as_of: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """The views over what events come to under these promises, up to an instant (microseconds since the epoch).

    Lines that are no events are named and passed over.
    """
    replay = Replay(load_policies(policies_file), as_of=as_of)
    read = Reader().read
    _, bad = take_lines(str(path), "judging", lambda line: replay.feed(read(line)))
    if bad:
        click.echo(f"{bad} lines are no events and were passed over", err=True)
    replay.settle(as_of)
    records = (
        ledger.record(ticket_id, ticket.state, ticket.settled_at)
        for ticket_id, ticket in sorted(replay.tickets.items())
        if ticket.state is not None
    )
    with closing(memory(records)) as connection:
        yield connection


def known(connection: duckdb.DuckDBPyConnection, option: str, wanted: str | None) -> None:
    """Raises UsageError for a `team` or an `agent` that the views hold nothing of."""
    if wanted is None:
        return
    found = connection.execute(_KNOWN[option]).fetchall()
    names = [name for (name,) in found if name is not None]
    if wanted not in names:
        others = suggestion(wanted, names[:_NAMED])
        raise click.UsageError(f"--{option}: nothing of {shown(wanted)} in the ledger{others}")
