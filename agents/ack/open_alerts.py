"""Which alerts there are to acknowledge: found on `sla-alerts`, where the ticket of each is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.alert_record import STANDING, Alert, read

if TYPE_CHECKING:
    from collections.abc import Iterable


class Found:
    """Reads alerts in the order of their partition, and knows which of them are asked for and still hold."""

    def __init__(self, *, alert_id: str | None = None, ticket_id: str | None = None) -> None:
        self._alert_id = alert_id
        self._ticket_id = ticket_id
        self._open: dict[str, Alert] = {}

    def read(self, values: Iterable[bytes | None]) -> None:
        """More of them."""
        for value in values:
            try:
                alert = read(value or b"")
            except msgspec.MsgspecError:
                continue
            if not alert.ticket_id or (alert.alert_id != self._alert_id and alert.ticket_id != self._ticket_id):
                continue
            if alert.kind in ("corrected", "recovered"):
                self._open.pop(alert.alert_id, None)
            elif alert.kind == "acknowledged":
                if alert.alert_id in self._open:
                    self._open[alert.alert_id] = alert
            elif self._alert_id is not None or alert.level in STANDING:
                self._open[alert.alert_id] = alert

    @property
    def alerts(self) -> list[Alert]:
        """Those that were raised and still hold; of kind `acknowledged` where that was told by whom."""
        return list(self._open.values())
