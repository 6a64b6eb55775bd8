"""The table of docs/quality.md: every figure with its formula and source, as the docstrings of its measure say them."""

from __future__ import annotations

import inspect
from typing import Final

from config.figures import FIGURES
from reports.measures.figures import MEASURED

UNITS: Final = {
    "share": "share",
    "score": "score",
    "seconds": "duration",
    "per_thousand": "per 1,000",
    "per_day": "a day",
}


def figure_rows() -> list[tuple[str, str, str, str, str]]:
    """Name, labels, unit and better way, formula, source."""
    rows = []
    for name, measure in MEASURED.items():
        figure = FIGURES[name]
        formula, _, source = (inspect.getdoc(measure) or "").partition("\n\nSource: ")
        better = "more" if figure.more_is_better else "less"
        rows.append(
            (
                f"`{name}`",
                f"{figure.zh}<br>{figure.en}",
                f"{UNITS[figure.unit]}, {better}",
                " ".join(formula.split()).rstrip("."),
                " ".join(source.split()).rstrip("."),
            )
        )
    return rows
