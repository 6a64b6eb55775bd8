"""What a measure stands on: the things that happened in a period and a scope, each with what it is grouped by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reports.measures.things import Asked, classes, thing_query
from streams.instants import format_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    import duckdb

    from config.quality import Quality

DIMENSIONS: Final = (
    "agent", "team", "type", "kind", "category", "priority", "channel", "shift", "complexity", "day",
)  # fmt: skip
"""What figures may be grouped by. `agent`: whom a thing counts for, which is the ticket's handler (to whom it is
assigned, else who replied last) but for replies, reviews and callbacks, which name theirs. `type`: the ticket's kind,
else its category. `shift`: in which it was created. `day`: of the thing, as 2026-01-31, by the quality file's zone.
"""

By = tuple[str, ...]
Key = tuple[str | None, ...]
"""The values of what was grouped by, None where a ticket has none; () for everything together."""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant up to, and without, another (microseconds since the epoch)."""

    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose and which tickets; None: all."""

    team: str | None = None
    agent: str | None = None
    kind: str | None = None
    category: str | None = None
    priority: str | None = None
    channel: str | None = None


class Reading(NamedTuple):
    """A figure's value, None where there is nothing to measure, and on how many tickets it stands."""

    value: float | None
    tickets: int


class Ground:
    """The things of a period and a scope, kept from when they are first asked for, and the sums over them likewise.

    Each thing counts in the period in which it happened: a ticket at its creation, a clock when it was judged (met: at
    its stop; breached: at its breach), a resolved ticket when it was resolved, a reply, rating, review, complaint and
    callback at its own instant. A cancelled ticket counts nowhere but in the effective share.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, period: Period, scope: Scope, quality: Quality) -> None:
        self.connection = connection
        self.period = period
        self.scope = scope
        self.quality = quality
        self._name = f"ground{next(_numbers)}"
        self._made: list[str] = []
        self._known: dict[str, dict[Key, tuple[Any, ...]]] = {}

    def __enter__(self) -> Ground:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop its tables."""
        for table in self._made:
            self.connection.execute(f"DROP VIEW {table}; DROP TABLE {table}_kept")
        self._made.clear()
        self._known.clear()

    def table(self, thing: str) -> str:
        """The name of the table of one of THINGS; it is made if it is not there yet."""
        table = f"{self._name}_{thing}"
        if table not in self._made:
            wanted = {field.name: value for field in fields(Scope) if (value := getattr(self.scope, field.name))}
            agent = wanted.pop("agent", None)
            where = " AND ".join(["true", *(f"tickets.{name} = ${name}" for name in wanted)])
            since, until = _literal(self.period.since), _literal(self.period.until)
            query = thing_query(thing, Asked(self.quality, since, until, where))
            if agent is not None:
                query = f"SELECT * FROM ({query}) WHERE agent = $agent"
                wanted["agent"] = agent
            self.connection.execute(f"CREATE TEMP TABLE {table}_kept AS {query}", wanted or None)
            more = classes(self.quality, self.period.since, self.period.until)
            self.connection.execute(f"CREATE TEMP VIEW {table} AS SELECT *, {more} FROM {table}_kept")
            self._made.append(table)
        return table

    def grouped(self, thing: str, sums: str, by: By = (), where: str = "true") -> dict[Key, tuple[Any, ...]]:
        """The aggregates `sums` over a thing's rows; without `by` there is one row, also of nothing."""
        if unknown := set(by) - set(DIMENSIONS):
            raise ValueError(f"no dimension: {', '.join(sorted(unknown))} (known: {', '.join(DIMENSIONS)})")
        keys = "".join(f"{name}, " for name in by)
        grouped = f"GROUP BY {', '.join(by)} ORDER BY {', '.join(by)}" if by else ""
        query = f"SELECT {keys}{sums} FROM {self.table(thing)} WHERE {where} {grouped}"
        if query not in self._known:  # several figures follow from the same sums
            self._known[query] = {row[: len(by)]: row[len(by) :] for row in self.rows(query)}
        return self._known[query]

    def rows(self, query: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """A query's rows."""
        return self.connection.execute(query, values).fetchall()


def _literal(instant: int) -> str:
    return f"TIMESTAMPTZ '{format_instant(instant)}'"
