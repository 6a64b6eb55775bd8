"""Where the subjects of the bench leave their figures: var/bench/SUBJECT.json."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "var" / "bench"


def write(subject: str, rows: list[dict[str, object]], **drawn: object) -> None:
    """Replaces what a subject measured before.

    Rows are shown as tables, their keys as the names of columns; a row whose first key is another than that of the row
    before begins the next table. `drawn` is for plots: see `document.plots`.
    """
    found = {
        "machine": machine(),
        "at": datetime.now(UTC).date().isoformat(),
        "options": " ".join(sys.argv[1:]),
        "rows": rows,
        **drawn,
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    draft = FOLDER / f"{subject}.json.draft"
    draft.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    draft.replace(FOLDER / f"{subject}.json")


def read(subject: str) -> dict[str, Any] | None:
    """What a subject measured last; None: it was not run."""
    path = FOLDER / f"{subject}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def machine() -> dict[str, object]:
    """What it was measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return {"cores": os.cpu_count(), "model": model, "python": platform.python_version()}
