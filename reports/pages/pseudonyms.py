"""Agents under other names, put into the views themselves: nothing that reads them can let a real name through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from config.goals import Goal
    from config.quality import Quality
    from reports.pseudonyms import Pseudonyms

_PLACES: Final = {
    "tickets": ("agent_id",),
    "replies": ("agent_id",),
    "reviews": ("agent_id", "reviewer_id"),
    "callbacks": ("agent_id",),
}


def hide_names(connection: duckdb.DuckDBPyConnection, pseudonyms: Pseudonyms) -> None:
    """From here on the connection's views name agents and reviewers by their pseudonyms alone."""
    columns = [f"SELECT {column} AS id FROM {view}" for view, names in _PLACES.items() for column in names]
    known = connection.execute(f"SELECT DISTINCT id FROM ({' UNION ALL '.join(columns)}) WHERE id IS NOT NULL")
    pairs = [(agent, pseudonyms.of(agent)) for (agent,) in known.fetchall()]
    connection.execute("CREATE TEMP TABLE pseudonyms (id VARCHAR, pseudonym VARCHAR)")
    if pairs:
        connection.executemany("INSERT INTO pseudonyms VALUES (?, ?)", pairs)
    for view, names in _PLACES.items():
        hidden = ", ".join(f"p_{name}.pseudonym AS {name}" for name in names)
        joins = " ".join(f"LEFT JOIN temp.pseudonyms AS p_{name} ON p_{name}.id = open.{name}" for name in names)
        kept = f"open.* EXCLUDE ({', '.join(names)})"
        connection.execute(  # a temporary view is found before another of its name
            f"CREATE TEMP VIEW {view} AS SELECT {kept}, {hidden} FROM memory.main.{view} AS open {joins}"
        )


def hidden_levels(quality: Quality, pseudonyms: Pseudonyms) -> Quality:
    """The quality file with its agents under their pseudonyms."""
    return replace(
        quality,
        levels=tuple(
            level if level.agents is None else replace(level, agents=frozenset(map(pseudonyms.of, level.agents)))
            for level in quality.levels
        ),
    )


def hidden_goals(goals: Iterable[Goal], pseudonyms: Pseudonyms) -> tuple[Goal, ...]:
    """The goals with their agents and owners under their pseudonyms."""

    def hidden(name: str | None) -> str | None:
        return None if name is None else pseudonyms.of(name)

    return tuple(replace(goal, agent=hidden(goal.agent), owner=hidden(goal.owner)) for goal in goals)
