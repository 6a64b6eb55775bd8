"""A process of a site, through all its lives, and its metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Callable

    from processes import Program
    from prometheus_client.samples import Sample

_WITHIN = 3.0  # seconds for an answer


@dataclass
class Supervised:
    """A process of the site, through all its lives."""

    name: str
    program: Program
    again: Callable[[], Program]
    restarts: int = 0
    exits: list[tuple[float, int]] = field(default_factory=list)
    """Time and code of each end, negative for a signal."""
    held: bool = False
    """It is not to be started again."""
    frozen: bool = False
    """Stopped by SIGSTOP."""
    left: bool = False

    async def scrape(self) -> list[Sample] | None:
        """Its metrics; None where it does not run, is stopped, or does not answer."""
        if self.frozen or not self.program.running:
            return None
        try:
            url = f"http://127.0.0.1:{self.program.port}/metrics"
            async with aiohttp.request("GET", url, timeout=aiohttp.ClientTimeout(_WITHIN)) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return None
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]
