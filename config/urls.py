"""What is usable as an address on the web."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def on_the_web(text: str) -> bool:
    """Whether it is an http or https URL with a host, and nothing in it that no URL holds."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    return bool(usable) and not re.search(r"[\s\x00-\x1f\x7f]", text)
