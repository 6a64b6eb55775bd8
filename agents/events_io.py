"""Files of events: JSON Lines, plain or gzip, from a path or standard input, line by line and numbered."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click
import msgspec

from agents.progress import progress
from streams.events import BadEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER = 1 << 20
_LINES = 1_000
_STEP = 5_000  # lines between two looks at how far it has come
_BAD_SHOWN = 10


class BrokenFile(click.ClickException):
    """The file cannot be read to its end; the message says where and why."""

    exit_code = 2


class EventFile:
    """An open file of events. Gzip is recognised by its first bytes, whatever the name.

    Iterating gives (line number from 1, the line without its ends); blank lines are passed over. Raises
    BrokenFile where gzip data is damaged or ends early.
    """

    def __init__(self, name: str, stored: io.BufferedReader, size: int | None) -> None:
        self.name = name
        self.size = size
        """Bytes as stored, None for standard input."""
        self._stored = stored

    @property
    def position(self) -> int:
        """Bytes as stored that have been read, to compare with `size`; 0 for standard input."""
        return 0 if self.size is None else self._stored.tell()

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        lines = self._stored
        if lines.peek(2).startswith(_GZIP_MAGIC):
            lines = io.BufferedReader(gzip.GzipFile(fileobj=lines), _BUFFER)
        number = 0
        try:
            for number, line in enumerate(lines, 1):
                stripped = line.strip()
                if stripped:
                    yield number, stripped
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BrokenFile(f"{self.name}:{number + 1}: the gzip data is damaged: {error}") from error


@contextmanager
def open_events(source: str) -> Iterator[EventFile]:
    """The file at a path, or standard input for `-`. Raises OSError where it cannot be opened."""
    if source == "-":
        # A reader of our own, never closed: at exit Python would wait for a thread that reads that of sys.stdin.
        stdin = open(sys.stdin.fileno(), "rb", closefd=False)  # noqa: SIM115  see above
        yield EventFile("<stdin>", stdin, None)
        return
    path = Path(source)
    with path.open("rb") as stored:
        yield EventFile(source, stored, path.stat().st_size)


def take_lines(source: str, doing: str, take: Callable[[bytes], object]) -> tuple[int, int]:
    """Hand over every line of a file, or of standard input for `-`; how many were taken, and how many were not.

    What `take` refuses (BadEvent, msgspec.DecodeError, UnicodeDecodeError) is named on standard error, the first few
    of it, and passed over. Raises as `open_events`.
    """
    taken = bad = 0
    with open_events(source) as file, progress(doing, file.size) as come_to:
        for number, line in file:
            try:
                take(line)
                taken += 1
            except (BadEvent, msgspec.DecodeError, UnicodeDecodeError) as error:
                bad += 1
                if bad <= _BAD_SHOWN:
                    click.echo(f"{file.name}:{number}: {error}", err=True)
            if not number % _STEP:
                come_to(file.position)
    return taken, bad


@contextmanager
def write_lines(target: str) -> Iterator[Callable[[bytes], None]]:
    """Gives the function that writes a line: to a path (gzip if it ends in `.gz`) or to standard output, `-`.

    The same lines give the same bytes: the gzip header holds neither name nor time. Raises OSError.
    """
    if target == "-":
        with _batched(sys.stdout.buffer) as write:
            yield write
        return
    with Path(target).open("wb") as stored:
        if not target.endswith(".gz"):
            with _batched(stored) as write:
                yield write
            return
        packed = gzip.GzipFile("", "wb", fileobj=stored, mtime=0)
        with packed, _batched(cast("BinaryIO", packed)) as write:
            yield write


@contextmanager
def _batched(file: BinaryIO) -> Iterator[Callable[[bytes], None]]:
    """A thousand lines at a time: gzip costs more for each call than for each line."""
    waiting: list[bytes] = []

    def write(line: bytes) -> None:
        waiting.append(line)
        if len(waiting) == _LINES:
            drain()

    def drain() -> None:
        file.write(b"".join(line + b"\n" for line in waiting))
        waiting.clear()

    try:
        yield write
    finally:
        drain()
        file.flush()
