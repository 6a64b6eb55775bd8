"""The fixtures of the fault tests: their length, and where their measured figures go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol

import pytest

_FIGURES = Path(__file__).resolve().parents[2] / "var" / "faults"


class Figures(Protocol):
    """Adds the row of measured facts of a test that held."""

    def __call__(self, *, fault: str, shown: str, **measured: object) -> None: ...


@pytest.fixture
def full() -> bool:
    """Whether the run is of full length (`make faults`), else the short form."""
    return os.environ.get("SLAWATCH_FAULTS") == "full"


@pytest.fixture
def figures(request: pytest.FixtureRequest, full: bool, seed: int) -> Figures:
    """Writes var/faults/TEST.json, from which the table of docs/reliability.md is made."""

    def write(*, fault: str, shown: str, **measured: object) -> None:
        _FIGURES.mkdir(parents=True, exist_ok=True)
        row: dict[str, Any] = {
            "subject": request.node.path.stem,
            "fault": fault,
            "shown": shown,
            "full": full,
            "seed": seed,
        }
        row["measured"] = {name: str(value) for name, value in measured.items()}
        text = json.dumps(row, indent=1, ensure_ascii=False)
        (_FIGURES / f"{request.node.name.replace('/', '-')}.json").write_text(text + "\n")
        print(text)

    return write
