"""A report's tables as CSV files and as one workbook, in which no text becomes a formula."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import xlsxwriter

from reports.inert import inert, is_formula, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from reports.pages.document import Cell, Document, Table

_A4: Final = 9
_WIDEST: Final = 40  # characters of a column
_LINE: Final = 15  # points
_FULL_WIDTH: Final = 0x1100  # from here on a character is about as wide as two
_LONGEST_TAB: Final = 31
_NOT_IN_A_TAB: Final = re.compile(r"[\[\]:*?/\\']")
_COLON: Final = re.compile(r": |：")
_TEXT_ONLY: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def csv_of(table: Table) -> bytes:
    """The table as UTF-8 with a mark of it, for which spreadsheets look; instants as local ISO 8601."""
    lines = io.StringIO()
    writer = csv.writer(lines, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(table.columns)
    writer.writerows([_csv_cell(cell) for cell in row] for row in table.rows)
    return lines.getvalue().encode("utf-8-sig", errors="replace")


def _csv_cell(cell: Cell) -> str | int | Decimal:
    match cell:
        case None:
            return ""
        case str():
            return inert(plain(cell))
        case datetime():
            return cell.isoformat(" ", timespec="seconds")
        case date():
            return cell.isoformat()
        case _:
            return cell


class _Formats:
    """The workbook's formats, each made when it is first asked for."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, object], ...], Format] = {}

    def of(self, **properties: object) -> Format:
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"valign": "top", **properties})
        return self._made[key]


def workbook_of(document: Document) -> bytes:
    """The workbook: a sheet a table, charts beside the rows they show. The same document gives the same bytes."""
    stored = io.BytesIO()
    book = xlsxwriter.Workbook(stored, {"in_memory": True, **_TEXT_ONLY})
    made_at = document.made_at.replace(tzinfo=None)  # the file's own date, which would otherwise be that of the writing
    book.set_properties({"title": document.title, "created": made_at})
    formats = _Formats(book)
    for table, tab in zip(document.tables, tabs([table.title for table in document.tables]), strict=True):
        sheet = book.add_worksheet(tab)
        _page(sheet, document, table)
        _fill(sheet, table, formats)
        for index, panel in enumerate(table.panels):
            _draw(book, sheet, table, panel.column, 18 * index)
    book.close()
    return stored.getvalue()


def tabs(titles: Sequence[str]) -> list[str]:
    """Names of sheets: of each title what stands before a colon, no two alike, as spreadsheets take them."""
    found: list[str] = []
    for title in titles:
        whole = " ".join(_NOT_IN_A_TAB.sub(" ", _COLON.split(plain(title), maxsplit=1)[0]).split())
        name = whole if len(whole) <= _LONGEST_TAB else whole[: _LONGEST_TAB + 1].rpartition(" ")[0] or whole
        name, number = name[:_LONGEST_TAB] or "-", 1
        while (told := name if number == 1 else f"{name[: _LONGEST_TAB - 4]} {number}").casefold() in map(
            str.casefold, found
        ):
            number += 1
        found.append(told)
    return found


def _page(sheet: Worksheet, document: Document, table: Table) -> None:
    sheet.set_paper(_A4)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.freeze_panes(1, 0)
    sheet.set_header(f"&L{_header(document.title)} {_header(document.subtitle)}&R{_header(document.reach)}")
    sheet.set_footer(f"&L{_header(table.title)}&R&P / &N")


def _header(text: str) -> str:
    """In a header `&` begins a code."""
    return plain(text).replace("&", "&&")[:80]


def _fill(sheet: Worksheet, table: Table, formats: _Formats) -> None:
    heading = formats.of(bold=True, bg_color="#E8EDF3", bottom=1, text_wrap=True)
    widths = []
    for column, title in enumerate(table.columns):
        sheet.write_string(0, column, title, heading)
        asked = [
            *(1 + _width(word) for word in title.split()),
            *(_width(_shown(row[column])) for row in table.rows[:200]),
        ]
        widths.append(min(_WIDEST, 2 + max(asked)))
        sheet.set_column(column, column, widths[column])
    sheet.set_row(0, _height(table.columns, [width - 2 for width in widths]))  # bold is wider
    for index, row in enumerate(table.rows):
        look: dict[str, object] = {"bg_color": "#FDECEA"} if index in table.flagged else {}
        sheet.set_row(index + 1, _height(row, widths))
        for column, cell in enumerate(row):
            _write(sheet, index + 1, column, cell, look, formats)


def _write(sheet: Worksheet, row: int, column: int, cell: Cell, look: dict[str, object], formats: _Formats) -> None:
    match cell:
        case None:
            sheet.write_blank(row, column, None, formats.of(**look))
        case str():
            text = plain(cell)
            quoted = {"quote_prefix": True} if is_formula(text) else {}  # stays a text also after it was edited
            sheet.write_string(row, column, text, formats.of(text_wrap=True, **look, **quoted))
        case datetime():
            sheet.write_datetime(row, column, cell, formats.of(num_format="yyyy-mm-dd hh:mm", **look))
        case date():
            sheet.write_datetime(row, column, cell, formats.of(num_format="yyyy-mm-dd", **look))
        case _:
            digits = max(0, -int(Decimal(cell).as_tuple().exponent))
            shape = "#,##0" + ("." + "0" * digits if digits else "")
            sheet.write_number(row, column, float(cell), formats.of(num_format=shape, **look))


def _height(cells: Sequence[Cell], widths: Sequence[int]) -> int:
    """Room for the lines of the longest text: not every program that opens the file looks for itself."""
    texts = [(plain(cell), width) for cell, width in zip(cells, widths, strict=True) if isinstance(cell, str)]
    return _LINE * max(
        [1, *(len(textwrap.wrap(_spread(text), width)) for text, width in texts if _width(text) > width)]
    )


def _shown(cell: Cell) -> str:
    return cell.isoformat(" ", "minutes") if isinstance(cell, datetime) else str(cell or "")


def _width(text: str) -> int:
    return len(_spread(text))


def _spread(text: str) -> str:
    """A text as wide in characters as it is shown."""
    return "".join(2 * sign if ord(sign) >= _FULL_WIDTH else sign for sign in text)


def _draw(book: xlsxwriter.Workbook, sheet: Worksheet, table: Table, column: int, row: int) -> None:
    chart = book.add_chart({"type": "line"})
    last = len(table.rows)
    chart.add_series(
        {
            "name": [sheet.name, 0, column],
            "categories": [sheet.name, 1, 0, last, 0],
            "values": [sheet.name, 1, column, last, column],
            "marker": {"type": "circle", "size": 4},
        }
    )
    chart.set_title({"name": table.columns[column], "name_font": {"size": 11}})
    chart.set_legend({"none": True})
    chart.set_x_axis({"date_axis": True, "num_format": "mm-dd", "major_unit": 5, "major_unit_type": "days"})
    chart.set_size({"width": 640, "height": 320})
    sheet.insert_chart(row, len(table.columns) + 1, chart, {"description": table.columns[column]})
