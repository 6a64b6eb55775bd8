"""The documents that follow from the code: schemas, the AsyncAPI file, tables in docs/events.md, docs/metrics.md
and docs/quality.md, pictures of the cards.

`python -m agents.documents` (`make docs`) writes them anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agents.documents import asyncapi, cards, pages, schemas

if TYPE_CHECKING:
    from pathlib import Path


def documents(docs: Path) -> dict[str, str]:
    """The text of each generated file by its name in the folder docs/, whose pages' own words are kept."""
    written = {
        f"schemas/{name}": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.files().items()
    }
    written |= {f"cards/{name}": text for name, text in cards.files().items()}
    parts = {
        "events.md": pages.events_parts(),
        "metrics.md": pages.metrics_parts(),
        "quality.md": pages.quality_parts(),
    }
    for name, of_page in parts.items():
        written[name] = pages.filled((docs / name).read_text(encoding="utf-8"), of_page)
    return written | {"asyncapi.yaml": asyncapi.written()}
