"""The documents that follow from the code: schemas, the AsyncAPI and OpenAPI files, tables in docs/events.md,
docs/metrics.md and docs/quality.md, pictures of the cards, a sale day in docs/planning.md.

`python -m agents.documents` (`make docs`) writes them anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agents.board import openapi
from agents.documents import asyncapi, cards, pages, planning, schemas

if TYPE_CHECKING:
    from pathlib import Path


def documents(docs: Path) -> dict[str, str]:
    """The text of each generated file by its name in the folder docs/, whose pages' own words are kept."""
    written = {
        f"schemas/{name}": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.files().items()
    }
    written |= {f"cards/{name}": text for name, text in cards.files().items()}
    sale_day, chart = planning.sale_day(docs.parent / "examples")
    parts = {
        "events.md": pages.events_parts(),
        "metrics.md": pages.metrics_parts(),
        "quality.md": pages.quality_parts(),
        "planning.md": sale_day,
    }
    for name, of_page in parts.items():
        written[name] = pages.filled((docs / name).read_text(encoding="utf-8"), of_page)
    board = json.dumps(openapi.document(), indent=2, ensure_ascii=False) + "\n"
    return written | {"asyncapi.yaml": asyncapi.written(), "board.openapi.json": board, planning.CHART: chart}
