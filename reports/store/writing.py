"""How records become the ledger's files: a batch goes into a small file, and that now and then into the months' files.

The small file, the `delta`, is written anew with each batch, so a batch costs what has changed lately and not what the
ledger holds. Once it is large its tickets move to the files of their months; of the older files those are written
anew that hold one of them.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import msgspec

from reports.store.columns import COLUMNS, FILLED, NAMES, PLACE, STORED
from reports.store.database import connected, quoted, rows_of
from reports.store.folder import OPEN, DataFile, Manifest
from reports.store.rules import WITHOUT_PERSON, Rules, broken, gone
from streams.ledger_record import LedgerRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from reports.store.folder import Folder

FOLD: Final = 100_000
"""Tickets in the delta from which on they move to the files."""
SMALL: Final = 200_000
"""Tickets in a file up to which new ones of its month join it."""
_MEMORY: Final = "1GB"
_PARQUET: Final = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000"
_LONGEST: Final = 64 << 20  # bytes of a record in JSON

_STORED: Final = ", ".join(f'"{name}"' for name in STORED)
_PLACE: Final = ", ".join(PLACE)
_LISTS: Final = ("replies", "ratings", "reviews", "complaints", "callbacks")
_LATEST: Final = ", ".join(
    [
        "created_at",
        "done_at",
        "list_max(list_transform(clocks, lambda one: greatest(one.started_at, one.stopped_at, one.breached_at)))",
        *(f"list_max(list_transform({name}, lambda one: one.at))" for name in _LISTS),
    ]
)
MONTH: Final = f"if(done_at IS NULL, '{OPEN}', strftime(greatest({_LATEST}), '%Y-%m'))"
"""SQL: the month of the last instant that a done ticket's row holds; OPEN for one that is not done."""


class Line(msgspec.Struct):
    """A record of the topic; `record` None: a tombstone.

    `position` orders what is said of a ticket: the offset. Of a copy (`is_copy`) it is that of its original.
    """

    ticket_id: str
    partition: int
    position: int
    record: bytes | None
    is_copy: bool = False


class Copy(msgspec.Struct, frozen=True):
    """What is to take the place of a record on the topic, as the rules want it; `record` None: a tombstone."""

    ticket_id: str
    partition: int
    position: int
    record: LedgerRecord | None


class Writer:
    """Turns one state of the ledger into the next, for whoever holds the folder alone. Nothing is published here.

    `fold`, `small`: in place of FOLD and SMALL.
    """

    def __init__(self, folder: Folder, start: Manifest, rules: Rules, *, fold: int = FOLD, small: int = SMALL) -> None:
        self.manifest = start
        self._folder, self._rules, self._fold_at, self._small = folder, rules, fold, small
        spill = folder.path / "spill"
        shutil.rmtree(spill, ignore_errors=True)
        self._sql = connected(temp_directory=str(spill), memory_limit=_MEMORY)
        self._sql.execute("SET preserve_insertion_order = false")
        rules.prepare(self._sql)

    def close(self) -> None:
        """To be called in the end."""
        self._sql.close()

    def take(self, lines: Iterable[Line], offsets: dict[int, int]) -> list[Copy]:
        """Take a batch of the topic's records, which ends before `offsets`.

        What breaks the rules among them is not taken as it is; the copies that it returns are to be written to the
        topic before the new state is kept.
        """
        path = self._folder.path / f"{uuid4().hex}.lines"
        self._folder.step("before lines")
        has_copies = _write_lines(path, lines)
        self._folder.step("after lines")
        self._read_lines(path)
        path.unlink()
        copies = self._obey()
        self._merge(may_be_older=has_copies)
        self.manifest = msgspec.structs.replace(self.manifest, offsets=offsets)
        return copies

    def purge(self) -> list[Copy]:
        """Take out of the ledger what the rules do not allow in it by now; copies as `take` has them."""
        files = self._paths(file.name for file in self.manifest.files)
        self._sql.execute(
            f"""
            CREATE OR REPLACE TABLE batch AS
            SELECT * FROM (
                SELECT {_STORED} FROM ({rows_of(files, _STORED)})
                    ANTI JOIN (SELECT ticket_id FROM ({self._delta()})) USING (ticket_id)
                UNION ALL SELECT {_STORED} FROM ({self._delta()}) WHERE NOT deleted
            ) AS r
            WHERE {broken("r")}
            """
        )
        copies = self._obey()
        if copies:
            self._merge(may_be_older=False)
            if self.manifest.delta is not None:
                self._sql.execute(f"CREATE OR REPLACE TABLE delta AS {self._delta()}")
                self._fold()  # else the files would still hold what the delta hides
        return copies

    def _read_lines(self, path: Path) -> None:
        """The table `batch` of a file of lines: the newest of each ticket."""
        members = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
        self._sql.execute(
            f"""
            CREATE OR REPLACE TABLE batch AS
            SELECT {_PLACE}, deleted, {MONTH} AS month, {NAMES} FROM (
                SELECT {_PLACE}, deleted, {FILLED.replace('"ticket_id"', "key AS ticket_id")} FROM (
                    SELECT key, {_PLACE}, record IS NULL AS deleted, unnest(record)
                    FROM read_json(?, format = 'newline_delimited', columns = ?, maximum_object_size = {_LONGEST})
                    QUALIFY row_number() OVER (PARTITION BY key ORDER BY kafka_position DESC, number DESC) = 1
                )
            )
            """,
            [str(path), {"key": "VARCHAR", **PLACE, "number": "BIGINT", "record": f"STRUCT({members})"}],
        )

    def _obey(self) -> list[Copy]:
        """Make the batch as the rules want it; what they changed of it."""
        if not self._rules.any:
            return []
        self._sql.execute(f"CREATE OR REPLACE TABLE wrong AS SELECT ticket_id FROM batch AS r WHERE {broken('r')}")
        self._sql.execute(f"UPDATE batch SET deleted = true WHERE {gone('batch')}")
        new = ", ".join(f"{name} = {value}" for name, value in WITHOUT_PERSON.items())
        self._sql.execute(f"UPDATE batch SET {new} WHERE ticket_id IN (FROM wrong)")
        blank = ", ".join(f'"{name}" = NULL' for name in COLUMNS if name != "ticket_id")
        self._sql.execute(f"UPDATE batch SET {blank} WHERE deleted")
        self._sql.execute(f"SELECT {_STORED} FROM batch SEMI JOIN wrong USING (ticket_id)")
        names = list(STORED)
        return [_copy(dict(zip(names, row, strict=True))) for row in self._sql.fetchall()]

    def _merge(self, *, may_be_older: bool) -> None:
        """Put the batch into the delta, and that into the files where it has become large."""
        if may_be_older:  # a copy that came after a newer record than its original says nothing new
            columns = f"ticket_id, {_PLACE}"
            files = rows_of(self._paths(self.manifest.names()), columns)
            self._sql.execute(
                f"""
                DELETE FROM batch USING ({files}) AS known
                WHERE known.ticket_id = batch.ticket_id AND known.kafka_partition = batch.kafka_partition
                    AND known.kafka_position > batch.kafka_position
                """
            )
        self._sql.execute(
            f"""
            CREATE OR REPLACE TABLE delta AS
            SELECT {_STORED} FROM batch
            UNION ALL SELECT {_STORED} FROM ({self._delta()}) ANTI JOIN batch USING (ticket_id)
            """
        )
        self._sql.execute("DROP TABLE batch")
        (rows,) = self._row("SELECT count(*) FROM delta")
        if rows >= self._fold_at:
            self._fold()
        else:
            path, size = self._write(f"SELECT {_STORED} FROM delta")
            self.manifest = msgspec.structs.replace(self.manifest, delta=path.name, delta_rows=rows, delta_bytes=size)
        self._sql.execute("DROP TABLE delta")

    def _fold(self) -> None:
        """Move the delta's tickets to the files of their months, and out of the others."""
        self._sql.execute("SELECT DISTINCT month FROM delta WHERE NOT deleted")
        gaining = {month for (month,) in self._sql.fetchall()}
        files: list[DataFile] = []
        joined: dict[str, list[DataFile]] = {month: [] for month in sorted(gaining)}
        for file in self.manifest.files:
            if file.month in gaining and file.rows <= self._small:
                joined[file.month].append(file)
            elif self._row(
                f"SELECT exists(FROM {quoted(self._folder.path / file.name)} SEMI JOIN delta USING (ticket_id))"
            )[0]:
                files += self._rewritten(file.month, [file])
            else:
                files.append(file)
        for month, of in joined.items():
            files += self._rewritten(month, of, and_of=f"SELECT {_STORED} FROM delta WHERE month = '{month}'")
        self.manifest = msgspec.structs.replace(
            self.manifest, files=tuple(files), delta=None, delta_rows=0, delta_bytes=0
        )

    def _rewritten(self, month: str, of: list[DataFile], and_of: str | None = None) -> list[DataFile]:
        """A file of what these hold of tickets that are not in the delta, and of what is given; none for nothing."""
        rows = rows_of(self._paths(file.name for file in of), _STORED)
        query = f"SELECT {_STORED} FROM ({rows}) ANTI JOIN delta USING (ticket_id)"
        if and_of is not None:
            query += f" UNION ALL SELECT {_STORED} FROM ({and_of}) WHERE NOT deleted"
        path, size = self._write(query)
        number, created_from = self._row(f"SELECT count(*), min(created_at) FROM {quoted(path)}")
        return [DataFile(path.name, number, size, month, created_from)] if number else []

    def _write(self, query: str) -> tuple[Path, int]:
        """A new file, and its size."""
        path = self._folder.path / f"{uuid4().hex}.parquet"
        self._folder.step("before file")
        self._sql.execute(f"COPY ({query}) TO {quoted(path)} ({_PARQUET})")
        self._folder.step("after file")
        return path, path.stat().st_size

    def _delta(self) -> str:
        """SQL: the rows of the delta's file."""
        return rows_of(self._paths([self.manifest.delta] if self.manifest.delta is not None else []), _STORED)

    def _paths(self, names: Iterable[str]) -> Iterator[Path]:
        return (self._folder.path / name for name in names)

    def _row(self, query: str) -> tuple[Any, ...]:
        row = self._sql.execute(query).fetchone()
        assert row is not None
        return row


def _write_lines(path: Path, lines: Iterable[Line]) -> bool:
    """A file that the database reads; whether there are copies among them."""
    has_copies = False
    with path.open("wb") as file:
        for number, line in enumerate(lines):
            file.write(
                b'{"key":%b,"kafka_partition":%d,"kafka_position":%d,"number":%d,"record":%b}\n'
                % (
                    msgspec.json.encode(line.ticket_id),
                    line.partition,
                    line.position,
                    number,
                    line.record if line.record is not None else b"null",
                )
            )
            has_copies = has_copies or line.is_copy
    return has_copies


def _copy(row: dict[str, Any]) -> Copy:
    record = None
    if not row["deleted"]:
        values = {name: row[name] for name in COLUMNS}
        for name in _LISTS:
            values[name] = [{key: value for key, value in one.items() if value is not None} for one in values[name]]
        record = msgspec.convert(values, LedgerRecord)
    return Copy(row["ticket_id"], row["kafka_partition"], row["kafka_position"], record)
