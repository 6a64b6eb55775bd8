"""DuckDB: a connection of ours, and how files are named in its SQL."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb

from reports.store.columns import STORED

if TYPE_CHECKING:
    from collections.abc import Iterable


def connected(**config: Any) -> duckdb.DuckDBPyConnection:
    """A database in memory, in UTC, that loads no extension from elsewhere; `config` as in DuckDB's manual."""
    ours: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": str(Path(tempfile.gettempdir(), f"slawatch-{uuid4().hex}")),  # not where it was started
    }
    connection = duckdb.connect(":memory:", config=ours | config)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def quoted(path: Path) -> str:
    """A path in SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def rows_of(files: Iterable[Path], columns: str) -> str:
    """SQL: these columns (of `STORED`) of the rows of all these files; of no file, no row."""
    paths = ", ".join(map(quoted, files))
    if paths:
        return f"SELECT {columns} FROM read_parquet([{paths}])"
    nulls = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in STORED.items())
    return f"SELECT {columns} FROM (SELECT {nulls}) WHERE false"
