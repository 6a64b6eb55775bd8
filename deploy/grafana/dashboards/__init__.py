"""The dashboards for Grafana 11.6 as code. `python -m dashboards` in this folder's parent writes their JSON."""

from __future__ import annotations

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.delivery import delivery
from dashboards.health import health
from dashboards.overview import overview
from dashboards.queues import queues


def dashboards() -> dict[str, str]:
    """The text of each file of the folder json/, by its name."""
    built = [one.build() for one in (overview(), queues(), delivery(), health())]
    return {f"{one.uid}.json": json.dumps(one, cls=JSONEncoder, indent=2, sort_keys=True) + "\n" for one in built}
