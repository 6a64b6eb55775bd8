"""A record of the topic ticket-ledger as the sync takes it, whoever wrote it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from agents.ledger_topic import COPY_OF, line_of
from reports.store.folder import Folder, Manifest
from reports.store.reading import opened
from reports.store.rules import Rules
from reports.store.writing import Line, Writer

if TYPE_CHECKING:
    from pathlib import Path

RECORD = b'{"ticket_id":"T","created_at":"2026-01-01T00:00:00Z","status":"open","clocks":[]}'
CLOCK = b'{"target":"resolution","cycle":0,"policy":null,"limit_seconds":%b,"started_at":"2026-01-01T00:00:00Z"}'


def taken(value: bytes | None, key: bytes | None = b"T", headers: tuple[tuple[str, bytes], ...] = ()) -> Line | str:
    return line_of(SimpleNamespace(key=key, value=value, headers=headers, partition=0, offset=3))


@pytest.mark.parametrize(
    "value",
    [
        RECORD,
        b"\n " + RECORD.replace(b",", b",\r\n"),
        RECORD.replace(b"T00:00:00Z", b"t00:00:00z"),
        RECORD.replace(b"T00:00:00Z", b"T08:00:00.000000000+08:00"),
        RECORD.replace(b"{", b'{"ticket_id":"T",'),
        RECORD.replace(b"{", b'{"new":{"ticket_id":7},'),
    ],
)
def test_what_means_the_same_is_taken_the_same(value: bytes, tmp_path: Path) -> None:
    line = taken(value)
    assert isinstance(line, Line), line
    folder = Folder(tmp_path)
    writer = Writer(folder, Manifest(number=1), Rules())
    writer.take([line], {0: 4})
    folder.publish(writer.manifest)
    writer.close()
    with opened(tmp_path) as views:
        rows = views.execute("SELECT ticket_id, epoch_us(created_at), reopenings, team FROM tickets").fetchall()
    assert rows == [("T", 1_767_225_600_000_000, 0, None)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "no record of a ticket"),
        (b"\xff", "no record of a ticket"),
        (RECORD.replace(b'"T"', b'"U"'), "key is not its ticket_id"),
        (RECORD.replace(b"{", b'{"team":"\\ud800",'), "no record of a ticket"),
        (RECORD.replace(b"{", b'{"reopenings":2.5,'), "no record of a ticket"),
        (RECORD.replace(b"{", b'{"reopenings":5000000000,'), "number that no count is"),
        (RECORD.replace(b"{", b'{"reviews":[{"at":"2026-01-01T00:00:00Z","scores":{"a":99999999999}}],'), "number"),
        (RECORD.replace(b"[]", b"[" + CLOCK % b"1e999" + b"]"), "no record of a ticket"),
    ],
)
def test_what_no_file_could_hold_is_told_and_stops_nothing(value: bytes, reason: str) -> None:
    said = taken(value)
    assert isinstance(said, str)
    assert reason in said


def test_keys_and_headers_are_looked_at_too() -> None:
    assert taken(RECORD, key=None) == "it has no key"
    assert taken(RECORD, key=b"\xff") == "its key is no text"
    for offset in (b"3", b"-1", b"x", b""):
        assert COPY_OF in str(taken(RECORD, headers=((COPY_OF, offset),)))
    assert taken(None) == Line("T", 0, 3, None)
    assert taken(None, headers=((COPY_OF, b"2"),)) == Line("T", 0, 2, None, True)
    phone = RECORD.replace(b"{", b'{"channel":"8613800000000",')
    assert isinstance(taken(phone), Line)  # digits in a text are no count
