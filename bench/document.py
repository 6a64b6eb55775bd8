"""Writes docs/performance.md between its marks, and its plots, from what the subjects measured (var/bench/*.json).

A section is a subject's docstring, which says what it measures and how, its plots, and its rows as tables. A subject
that was not run has none: python bench/document.py
"""

from __future__ import annotations

import ast
import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import results
import svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "performance.md"
PLOTS = PAGE.with_suffix("")
BEGIN, END = "<!-- measured: written by `make bench` -->", "<!-- end of measured -->"

SECTIONS = {
    "throughput": "Events a second",
    "flames": "Where the time goes",
    "lateness": "Lateness of alerts",
    "chat": "From the deadline to the chat",
    "recovery": "Back after a crash",
    "cost": "What an event costs",
    "replay": "Replay",
    "reload": "Changed policies",
    "boards": "Boards and metrics",
}
"""Every subject of the bench, in the order in which it is run and shown, and the title of its section."""

_NAMES = {"what": "", "at_most": "at most", "at_least": "at least"}

Row = dict[str, Any]


def main() -> None:
    sections = []
    for subject, title in SECTIONS.items():
        measured = results.read(subject)
        if measured is not None:
            drawn = plots(measured)
            if drawn is not None:
                PLOTS.mkdir(exist_ok=True)
                (PLOTS / f"{subject}.svg").write_text(drawn, "utf-8")
            sections.append(section(subject, title, measured, drawn=drawn is not None))
    PAGE.write_text(written(PAGE.read_text("utf-8"), sections), "utf-8")
    print(f"{PAGE.relative_to(REPOSITORY)}: {len(sections)} of {len(SECTIONS)} subjects")


def section(subject: str, title: str, measured: Mapping[str, Any], *, drawn: bool) -> str:
    """One subject's part of the page."""
    about_it = about(Path(__file__).with_name(f"{subject}.py").read_text("utf-8"))
    parts = [f"## {title}", about_it, *tables(measured["rows"])]
    if drawn:
        parts.append(f"![{title}]({PLOTS.name}/{subject}.svg)")
    machine = measured["machine"]
    options = measured.get("options")
    asked = f'"{subject} {options}"' if options else subject
    parts.append(
        f"Measured on {measured['at']}: {machine['cores']} cores of {machine['model']}, Python {machine['python']}; "
        f"`make bench ARGS={asked}`."
    )
    return "\n\n".join(parts) + "\n"


def about(source: str) -> str:
    """What a program says of itself, without how it is called."""
    first, _, rest = (ast.get_docstring(ast.parse(source)) or "").partition("\n")
    first = re.sub(r": python bench/\S+.*$", ".", first)
    return f"{first}\n{rest}".strip()


def plots(measured: Mapping[str, Any]) -> str | None:
    """What it gave to be drawn: `bars`, charts of a title and values by label, or `stacks`, samples by call stack."""
    if "bars" in measured:
        return svg.bars([(chart["title"], chart["values"]) for chart in measured["bars"]])
    return svg.flame(measured["stacks"]) if "stacks" in measured else None


def tables(rows: Iterable[Row]) -> list[str]:
    """Rows whose first key is the same are one table. What is the same in all of several rows is said once below."""
    found = []
    for _, group in groupby(rows, key=lambda row: next(iter(row), "")):
        found += _table(list(group))
    return found


def _table(rows: Sequence[Row]) -> list[str]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    same = [
        name
        for name in columns[1:]
        if len(rows) > 1 and all(name in row and row[name] == rows[0][name] for row in rows)
    ]
    shown = [name for name in columns if name not in same]
    if len(shown) == 1:
        shown, same = columns, []
    lines = [
        _line(_NAMES.get(name, name.replace("_", " ")) for name in shown),
        "|" + "---|" * len(shown),
        *(_line(cell(row.get(name)) for name in shown) for row in rows),
    ]
    more = [f"{name.replace('_', ' ')}: {cell(rows[0][name])}" for name in same if rows[0][name] not in (None, "")]
    return ["\n".join(lines), *(["In all of them: " + "; ".join(more) + "."] if more else [])]


def cell(value: object) -> str:
    """A value as it is read best: three digits of a fraction's, thousands parted."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
        return f"{value:,.{digits}f}"
    if isinstance(value, list):
        return "; ".join(map(cell, value))
    return str(value).replace("|", "\\|").replace("\n", " ")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def written(page: str, sections: Sequence[str]) -> str:
    """The page with the sections between its marks. Raises ValueError where a mark is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN if not begin else END}")
    return before + "\n".join([f"{BEGIN}\n", *sections, END]) + after


if __name__ == "__main__":
    main()
