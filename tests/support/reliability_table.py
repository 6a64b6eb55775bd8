"""Writes the table of docs/reliability.md from what the fault tests measured (var/faults/*.json).

python tests/support/reliability_table.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_REPOSITORY = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- measured: written by `make faults` -->", "<!-- end of measured -->"


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """A line for each row, as `figures` of the fault tests writes it, ordered by subject and fault."""
    lines = ["| fault | what held | measured |", "|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row["subject"], row["fault"])):
        measured = [f"{name.replace('_', ' ')}: {value}" for name, value in row["measured"].items()]
        form = [] if row["full"] else ["(short form)"]
        lines.append(
            "| " + " | ".join(_cell(text) for text in (row["fault"], row["shown"], "; ".join(measured + form)))
        )
        lines[-1] += " |"
    return "\n".join(lines)


def written(page: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """The page with the table between its two marks. Raises ValueError where a mark is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    rows = [json.loads(file.read_text("utf-8")) for file in (_REPOSITORY / "var" / "faults").glob("*.json")]
    page = _REPOSITORY / "docs" / "reliability.md"
    page.write_text(written(page.read_text("utf-8"), rows), "utf-8")
    print(f"{page.relative_to(_REPOSITORY)}: {len(rows)} rows")


if __name__ == "__main__":
    main()
