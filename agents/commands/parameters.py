"""Types of command line parameters that several commands take, and what is said of a file that cannot be written."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import click

from streams.instants import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Instant(click.ParamType):
    """An RFC 3339 instant with an offset, as microseconds since the epoch."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_instant(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Day(click.ParamType):
    """A day, as 2026-01-31."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"no day: {str(value)!r} (write 2026-01-31)", param, ctx)


INSTANT = Instant()
DAY = Day()


@contextmanager
def to_file(path: Path | str) -> Iterator[None]:
    """Around what writes a file or folder: raises FileError, with its name and why, where that cannot be done."""
    try:
        yield
    except OSError as error:
        raise click.FileError(str(error.filename or path), error.strerror or str(error)) from None
