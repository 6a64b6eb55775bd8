"""Which message of a service tells of an alert: the service's own ids of what was sent.

A message that tells of it alone can be changed. A digest cannot, for it tells of many; what becomes of those that it
names goes below it, into its thread.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.notifier.message import Delivery

MOST = 100_000
"""References kept; those used least lately go first. A message without one cannot be changed: a new one is sent."""


class References:
    """Filled from `sla-deliveries` as the claims are, and with each message sent."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._own: OrderedDict[str, str] = OrderedDict()
        self._digests: OrderedDict[str, str] = OrderedDict()

    def learn(self, delivery: Delivery) -> None:
        """From a record of what was sent."""
        if delivery.reference is None:
            return
        self._note(self._own, delivery.key, delivery.reference)
        for key in delivery.named or ():
            self._note(self._digests, key, delivery.reference)

    def of(self, key: str) -> str | None:
        """What the service calls the message of this key."""
        return self._own.get(key)

    def thread(self, key: str) -> str | None:
        """What the service calls the message below which belongs what follows on the message of this key."""
        return self._own.get(key) or self._digests.get(key)

    def _note(self, kept: OrderedDict[str, str], key: str, reference: str) -> None:
        kept[key] = reference
        kept.move_to_end(key)
        if len(kept) > self._most:
            kept.popitem(last=False)
