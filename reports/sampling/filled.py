"""A sheet that reviewers filled in, read back: the reviews in it, or every row that is wrong, with its line."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from config.errors import Problem, shown, suggestion
from config.quality import HIGHEST
from reports.sampling.sheet import FILLED, GIVEN, restored
from streams.events import BadEvent, Reader
from streams.instants import format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from config.quality import Quality

LARGEST: Final = 20_000_000
"""Bytes of a file; a year's sheet of a large centre has a tenth of it."""
MOST_ROWS: Final = 200_000
_NEEDED: Final = ("ticket_id", "reviewed_at")
_SEPARATORS: Final = str.maketrans({"；": ";", "，": ";", "、": ";", "\n": ";"})
_encode = msgspec.json.Encoder(order="sorted").encode
_read_event = Reader().read


@dataclass
class Filled:
    """What a sheet holds: the events of its reviews, in its order; how many rows nobody filled in; what is wrong."""

    events: list[bytes] = field(default_factory=list)
    empty: int = 0
    problems: list[Problem] = field(default_factory=list)


def read_filled(path: Path, quality: Quality, now: int, reviewer: str | None = None) -> Filled:
    """The reviews of a sheet (.xlsx, else CSV); `reviewer`: of the rows that name none. Raises OSError.

    Where `problems` are found nothing of the sheet is to be taken. A review's event_id follows from ticket, reviewer
    and `reviewed at`, so a sheet that is read twice gives the same events.
    """
    filled = Filled()
    rows = _rows(path, filled)
    header = next(rows, None)
    if header is None:
        if not filled.problems:
            filled.problems.append(Problem(str(path), None, "", "holds no row (write a sheet with `slawatch sample`)"))
        return filled
    places = _places(header[1], quality, Problems(str(path), header[0], filled))
    if filled.problems:
        return filled
    seen: dict[str, int] = {}
    for line, cells in rows:
        row = {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
        _row(row, Problems(str(path), line, filled), quality, now, reviewer, seen)
    return filled


def written_before(path: Path, quality: Quality) -> frozenset[str]:
    """The tickets of a sheet that was handed out; raises OSError, ValueError with what is wrong."""
    filled = Filled()
    rows = _rows(path, filled)
    header = next(rows, (1, []))
    place = _headings(header[1], quality).get("ticket_id")
    if place is None:
        said = str(filled.problems[0]) if filled.problems else f"{path}: no column {GIVEN['ticket_id']['en']}"
        raise ValueError(said)
    return frozenset(cells[place] for _, cells in rows if place < len(cells) and cells[place])


@dataclass(frozen=True)
class Problems:
    """Where a row's problems are noted."""

    file: str
    line: int
    filled: Filled

    def note(self, column: str, reason: str) -> None:
        """One thing that is wrong; the reason holds the remedy."""
        self.filled.problems.append(Problem(self.file, self.line, column, reason))


def _rows(path: Path, filled: Filled) -> Iterator[tuple[int, list[str]]]:
    """Each row that holds anything, with its line in the sheet."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"over {LARGEST // 1_000_000} MB: no sheet that `slawatch sample` wrote")
        found = _workbook_rows(path) if path.suffix.lower() == ".xlsx" else _csv_rows(path)
        for line, cells in found:
            if line > MOST_ROWS:
                raise ValueError(f"over {MOST_ROWS} rows: no sheet that `slawatch sample` wrote")
            if any(cells):
                yield line, cells
    except (ValueError, KeyError, csv.Error, zipfile.BadZipFile, InvalidFileException) as error:
        said = str(error) if type(error) is ValueError else "cannot be read as a sheet (save it as .xlsx, or as CSV)"
        filled.problems.append(Problem(str(path), None, "", said))


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Of UTF-8; the separator is the one that the first line has more of, a comma, a semicolon or a tab."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 (save it as .xlsx, or as CSV UTF-8)") from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    begins = 1
    for cells in reader:
        yield begins, [restored(cell.strip()) for cell in cells]
        begins = reader.line_num + 1


def _workbook_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        for line, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            yield line, [restored(_cell(value)) for value in cells]
    finally:
        book.close()


def _cell(value: Any) -> str:
    """A cell as the text that stands in it: a number that a spreadsheet made of an id has no decimals."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _headings(header: Sequence[str], quality: Quality) -> dict[str, int]:
    """The place of each column that is known, by its name or by its heading in any language."""
    called = {name: {name, *words.values()} for name, words in (GIVEN | FILLED).items()}
    called |= {each.name: {each.name, *each.label.values()} for each in quality.criteria}
    return {name: place for name, said in called.items() for place, heading in enumerate(header) if heading in said}


def _places(header: Sequence[str], quality: Quality, problems: Problems) -> dict[str, int]:
    places = _headings(header, quality)
    for name in (*_NEEDED, *quality.names):
        if name not in places:
            problems.note(name, f"no such column{suggestion(name, [heading for heading in header if heading])}")
    return places


def _row(
    row: Mapping[str, str],
    problems: Problems,
    quality: Quality,
    now: int,
    reviewer: str | None,
    seen: dict[str, int],
) -> None:
    """Add the row's review, or what is wrong with it."""
    texts = [row[name] for name in (*quality.names, *FILLED) if name in row and (name != "reviewer_id" or not reviewer)]
    if not any(texts):
        problems.filled.empty += 1
        return
    count = len(problems.filled.problems)
    by = row.get("reviewer_id") or reviewer
    if not row["ticket_id"]:
        problems.note("ticket", "missing (copy it from the sheet that was drawn)")
    if not by:
        problems.note("reviewer", "missing (write who reviewed, or give --reviewer)")
    scores = {name: _score(name, row[name], problems) for name in quality.names}
    at = _instant(row["reviewed_at"], now, problems)
    if len(problems.filled.problems) > count:
        return
    event_id = _event_id(row["ticket_id"], by or "", at)
    event = {
        "type": "quality_reviewed",
        "event_id": event_id,
        "ticket_id": row["ticket_id"],
        "occurred_at": format_instant(at),
        "source": "slawatch import-reviews",
        "reviewer_id": by,
        "scores": scores,
        **{name: each for name in ("deductions", "labels") if (each := _several(row.get(name, "")))},
        **({"agent_id": row["agent_id"]} if row.get("agent_id") else {}),
    }
    line = _encode(event)
    try:
        _read_event(line)
    except BadEvent as error:
        problems.note(error.field, error.reason)
        return
    if event_id in seen:
        problems.note("ticket", f"reviewed by {shown(by or '')} in row {seen[event_id]} too (keep one)")
        return
    seen[event_id] = problems.line
    problems.filled.events.append(line)


def _score(name: str, text: str, problems: Problems) -> int:
    if text in tuple(map(str, range(1, HIGHEST + 1))):
        return int(text)
    found = f"not a score: {shown(text)}" if text else "missing"
    problems.note(name, f"{found} (write a whole number from 1 to {HIGHEST})")
    return 0


def _instant(text: str, now: int, problems: Problems) -> int:
    try:
        at = parse_instant(text)
    except ValueError as error:
        problems.note("reviewed at", str(error))
        return 0
    if at > now:
        problems.note("reviewed at", f"yet to come: {shown(text)} (write when it was reviewed)")
    return at


def _several(text: str) -> list[str]:
    """`a; b` as both."""
    return [part for each in text.translate(_SEPARATORS).split(";") if (part := each.strip())]


def _event_id(ticket_id: str, reviewer: str, at: int) -> str:
    parts: Iterable[str] = (ticket_id, reviewer, str(at))
    return "review-" + hashlib.sha256(_encode(list(parts))).hexdigest()[:32]
