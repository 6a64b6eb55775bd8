"""The ledger's views: what measures and reports read, a row a ticket, a clock, a reply, a rating and so on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reports.store.columns import COLUMNS, FILLED
from reports.store.database import connected
from streams.ledger_record import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from streams.ledger_record import LedgerRecord

_TICKET: Final = (
    "ticket_id, created_at, created_by, status, reason, done_at, reopenings, priority, channel, team, agent_id, "
    "customer_id, category, kind, tags, reply_count"
)


_FILLED: Final = {
    "deductions": "coalesce(one.deductions, []) AS deductions",
    "labels": "coalesce(one.labels, []) AS labels",
}


def _each(listed: str, fields: str) -> str:
    """A row for each member of a list of the ticket's."""
    members = ", ".join(_FILLED.get(field, f"one.{field}") for field in fields.split(", "))
    return f"SELECT ticket_id, {members} FROM (SELECT ticket_id, unnest({listed}) AS one FROM ledger)"


VIEWS: Final = {
    "tickets": f"SELECT {_TICKET} FROM ledger",
    "clocks": _each(
        "clocks",
        "target, cycle, policy, limit_seconds, started_at, stopped_at, elapsed_seconds, breached_at, verdict",
    ),
    "totals": """
        SELECT ticket_id, one.key AS target, one.value.met, one.value.breached, one.value.void,
            one.value.elapsed_count, one.value.elapsed_seconds
        FROM (SELECT ticket_id, unnest(map_entries(totals)) AS one FROM ledger)
    """,
    "replies": _each("replies", "at, agent_id, team, handle_seconds"),
    "ratings": _each("ratings", "at, score, comment"),
    "reviews": _each("reviews", "at, reviewer_id, agent_id, scores, deductions, labels"),
    "complaints": _each("complaints", "at, valid, category"),
    "callbacks": _each("callbacks", "at, reached, agent_id, score"),
}
"""Each view as a query over the nested table `ledger`, which holds the newest record of each ticket.

Instants are TIMESTAMPTZ, durations DOUBLE seconds. `totals` has the clocks older than a target's newest 64.
"""


def create_views(connection: duckdb.DuckDBPyConnection, *, copied: bool = False) -> None:
    """The views over its table `ledger`; `copied`: as tables, with the rows of now."""
    for name, query in VIEWS.items():
        connection.execute(f"CREATE {'TABLE' if copied else 'VIEW'} {name} AS {query}")


def memory(records: Iterable[LedgerRecord]) -> duckdb.DuckDBPyConnection:
    """The views over records in memory, for tests and small sets. Of a ticket's records the last one counts."""
    newest = {record.ticket_id: record for record in records}
    connection = connected()
    with tempfile.TemporaryDirectory(prefix="slawatch-ledger-") as folder:
        lines = Path(folder, "records.jsonl")
        lines.write_bytes(b"\n".join(encode(record) for record in newest.values()))
        connection.execute(
            f"CREATE TABLE ledger AS SELECT {FILLED} FROM read_json(?, format = 'newline_delimited', columns = ?)",
            [str(lines), COLUMNS],
        )
    create_views(connection)
    return connection
