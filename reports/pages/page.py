"""A report as one HTML file that needs nothing else: no script, no link, nothing fetched; it prints to A4."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.inert import plain
from reports.pages.charts import HEIGHT, WIDTH, picture
from reports.pages.labels import Labels

if TYPE_CHECKING:
    from reports.pages.charts import Picture
    from reports.pages.document import Cell, Document, Table

ROWS: Final = 40
"""Rows of a table on the page, which people read; the files beside it hold the rest."""

_SHORT: Final = 20
_SMALL: Final = 12  # rows of a table that is kept on one page

_TEMPLATES = Environment(
    loader=PackageLoader("reports.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def _css_string(text: str) -> Markup:
    """A text as CSS has it between quotes, inside an element whose content HTML does not unescape."""
    return Markup('"' + "".join(sign if sign.isalnum() or sign == " " else f"\\{ord(sign):x} " for sign in text) + '"')  # noqa: S704  nothing of the text is left but letters and digits


_TEMPLATES.filters["css_string"] = _css_string


def page_of(document: Document) -> str:
    """The report as HTML. Every text of a ticket is escaped by the templates."""
    say = Labels(document.language)

    def pictures(table: Table) -> list[Picture]:
        drawn = (picture(table, panel, say("chart_summary")) for panel in table.panels)
        return [each for each in drawn if each is not None]

    return _TEMPLATES.get_template("report.html.jinja").render(
        document=document,
        pictures=pictures,
        rows=ROWS,
        small=_SMALL,
        say=say,
        shown=_shown,
        numeric=_numeric,
        is_short=_is_short,
        size=(WIDTH, HEIGHT),
    )


def _numeric(table: Table) -> set[int]:
    """The columns that hold numbers."""
    return {index for row in table.rows for index, cell in enumerate(row) if isinstance(cell, (int, Decimal))}


def _is_short(cell: Cell) -> bool:
    """A day, an instant, an id: not to be broken at its hyphens."""
    return isinstance(cell, date) or (isinstance(cell, str) and len(cell) <= _SHORT and " " not in cell)


def _shown(cell: Cell) -> str:
    match cell:
        case None:
            return "–"
        case str():
            return plain(cell)
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case date():
            return cell.isoformat()
        case _:
            return f"{cell:,}"
