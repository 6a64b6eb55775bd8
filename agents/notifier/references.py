"""Which message of a service tells of an alert, so that it can be changed: the service's own ids of what was sent."""

from __future__ import annotations

from collections import OrderedDict

MOST = 100_000
"""References kept; those used least lately go first. A message without one cannot be changed: a new one is sent."""


class References:
    """Filled from `sla-deliveries` as the claims are, and with each message sent."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[str, str] = OrderedDict()

    def note(self, key: str, reference: str) -> None:
        """The service took the message of this key, and calls it so."""
        self._kept[key] = reference
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def of(self, key: str) -> str | None:
        """What the service calls the message of this key."""
        return self._kept.get(key)
