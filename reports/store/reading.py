"""The ledger read: one state of it, held for as long as it is read."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING

from reports.store.columns import NAMES, SHAPE
from reports.store.database import connected, rows_of
from reports.store.folder import OPEN, Folder, Manifest, NoLedger
from reports.store.views import create_views

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    import duckdb


@contextmanager
def opened(
    path: Path, since: datetime | None = None, until: datetime | None = None, *, copied: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The views over the ledger of a folder, as it was when it was opened, however long it is read.

    With `since` and `until` files and tickets are left out: the views then hold every ticket that was created before
    `until` and is open or had anything happen to it from `since` on, perhaps others that were created before it. With
    `copied` their rows are read at once, into memory: for many questions about a period. Raises NoLedger, Damaged.
    """
    with Folder(path).held() as manifest:
        if manifest.shape != SHAPE:
            raise NoLedger(f"{path}: written by another version of slawatch; `slawatch ledger sync` writes it anew")
        connection = connected()
        try:
            _define(connection, path, manifest, since, until)
            create_views(connection, copied=copied)
            yield connection
        finally:
            connection.close()


def _define(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    manifest: Manifest,
    since: datetime | None,
    until: datetime | None,
) -> None:
    delta = [path / manifest.delta] if manifest.delta is not None else []
    connection.execute(f"CREATE TABLE fresh AS {rows_of(delta, f'deleted, {NAMES}')}")
    first = f"{since.astimezone(UTC):%Y-%m}" if since is not None else ""
    files = [
        path / file.name
        for file in manifest.files
        if (file.month == OPEN or file.month >= first) and (until is None or file.created_from < until)
    ]
    created = f"created_at < TIMESTAMPTZ '{until.astimezone(UTC).isoformat()}'" if until is not None else "true"
    connection.execute(
        f"""
        CREATE VIEW ledger AS
        SELECT {NAMES} FROM ({rows_of(files, NAMES)}) ANTI JOIN fresh USING (ticket_id) WHERE {created}
        UNION ALL SELECT {NAMES} FROM fresh WHERE NOT deleted AND {created}
        """
    )
