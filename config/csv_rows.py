"""CSV files that people write: their rows by the columns' names, and all that is wrong, by line and field."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from config.errors import ConfigError, Problem, near_miss, shown
from streams.instants import from_datetime, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo


@dataclass
class Row:
    """A row: reading a cell notes what is wrong with it, and gives None then."""

    file: str
    line: int
    cells: dict[str, str]
    problems: list[Problem] = field(default_factory=list)

    def bad(self, name: str, reason: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(self.file, self.line, name, reason))

    def text(self, name: str) -> str | None:
        """What stands there; empty is none."""
        return self.cells.get(name) or None

    def needed(self, name: str) -> str | None:
        """The same, where something must stand."""
        text = self.text(name)
        if text is None:
            self.bad(name, "empty (write one)")
        return text

    def number(self, name: str, default: float | None = None) -> float | None:
        """A finite number, not negative; `default` where the cell is empty, which without one is a problem."""
        text = self.text(name)
        if text is None:
            if default is None:
                self.bad(name, "empty (write a number)")
            return default
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= 0):
            self.bad(name, f"not a number of 0 or more: {shown(text)} (write 12 or 12.5)")
            return None
        return number

    def whole(self, name: str) -> int | None:
        """A whole number, not negative."""
        number = self.number(name)
        if number is not None and number != int(number):
            self.bad(name, f"not a whole number: {shown(self.cells[name])} (write 12)")
            return None
        return None if number is None else int(number)

    def instant(self, name: str, zone: ZoneInfo) -> int | None:
        """RFC 3339, or a local time of the zone where it has no offset; microseconds since the epoch."""
        text = self.needed(name)
        if text is None:
            return None
        try:
            local = datetime.fromisoformat(text)
            if len(text) > len("2026-11-11"):
                return from_datetime(local.replace(tzinfo=zone)) if local.tzinfo is None else parse_instant(text)
        except ValueError:
            pass
        self.bad(name, f"not a time: {shown(text)} (write 2026-11-11T09:00, or with an offset behind it)")
        return None

    def span(self, zone: ZoneInfo) -> tuple[int, int] | None:
        """The columns `from` and `to`, the one before the other."""
        since, until = self.instant("from", zone), self.instant("to", zone)
        if since is None or until is None:
            return None
        if since >= until:
            self.bad("to", f"not after from: {shown(self.cells['to'])} (midnight is 00:00 of the next day)")
            return None
        return since, until


def rows(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a file whose first line names its columns, in any order.

    Raises ConfigError at the end with all that is wrong: with the file, its columns, and what was noted of the rows.
    """
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem(file, None, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(file, None, "", "is not UTF-8 (save it as CSV UTF-8)")]) from None
    reader = csv.reader(text.splitlines())
    header = [name.strip().casefold() for name in next(reader, [])]
    problems = _columns(file, header, required, optional)
    if problems:
        raise ConfigError(problems)
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        row = Row(file, reader.line_num, dict(zip(header, map(str.strip, cells), strict=False)))
        if len(cells) != len(header):
            row.bad("", f"has {len(cells)} cells, not {len(header)} as the first line (put quotes around commas)")
        else:
            yield row
        problems += row.problems
    if problems:
        raise ConfigError(problems)


def _columns(file: str, header: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> list[Problem]:
    missing = [name for name in required if name not in header]
    known = [*required, *optional]
    found = []
    if missing:
        example = ",".join(required)
        found.append(Problem(file, 1, missing[0], f"no such column (the first line names the columns: {example})"))
    for name in header:
        if name not in known:
            reason = f"unknown column {shown(name)}{near_miss(name, known)} (known: {', '.join(known)})"
            found.append(Problem(file, 1, name, reason))
        elif header.count(name) > 1:
            found.append(Problem(file, 1, name, "is there twice (remove one)"))
            break
    return found
