"""One message in place of many: how many, by team and priority, the worst of them, from when to when."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from agents.notifier.message import DIGEST, Alert, Message
from streams.instants import format_instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WORST = 5

_SEVERITY = {"operations": 4, "escalation": 3, "breach": 2, "warning": 1}
_NO_HARM = ("corrected", "recovered", "acknowledged")


def digest(digest_id: str, destination: str, messages: Sequence[Message], now: int) -> Message:
    """The messages as one, for their destination; `now` in microseconds since the epoch.

    It is as old as the youngest of them, so it is given up only when all of them would be.
    """
    alerts = [message.told for message in messages]
    counts = Counter((_text(a.record, "team"), _text(a.record, "priority"), level_of(a)) for a in alerts)
    decided = [message.alert.decided_at for message in messages]
    worst = worst_of(alerts)
    level = max((alert.level for alert in alerts), key=lambda level: _SEVERITY.get(level, 0))
    record = {
        "alert_id": digest_id,
        "kind": DIGEST,
        "level": level,
        "alert_ids": [alert.alert_id for alert in alerts],
        "count": len(alerts),
        "counts": [
            {"team": team, "priority": priority, "level": level, "count": count}
            for (team, priority, level), count in sorted(
                counts.items(), key=lambda item: (-item[1], _sortable(item[0]))
            )
        ],
        "worst": [dict(alert.record) for alert in worst],
        "since": format_instant(min(decided)),
        "until": format_instant(max(decided)),
        "decided_at": format_instant(now),
    }
    return Message(Alert(digest_id, DIGEST, level, "", max(decided), None, record), destination)


def level_of(alert: Alert) -> str:
    """What it counts as: its level, or what became of it where it tells of that."""
    return alert.kind if alert.kind in _NO_HARM else alert.level


def worst_of(alerts: Sequence[Alert]) -> list[Alert]:
    """The worst first: by level, then by how long they are overdue; without those that are over by now."""
    over = {alert.alert_id for alert in alerts if alert.kind in _NO_HARM}
    left = [alert for alert in alerts if alert.alert_id not in over]
    return sorted(left, key=lambda alert: (-_SEVERITY.get(alert.level, 0), -_overdue(alert.record)))[:WORST]


def _overdue(record: Mapping[str, Any]) -> float:
    elapsed, limit = record.get("elapsed_seconds"), record.get("limit_seconds")
    return elapsed - limit if isinstance(elapsed, int | float) and isinstance(limit, int | float) else 0.0


def _text(record: Mapping[str, Any], field: str) -> str | None:
    value = record.get(field)
    return None if value is None else str(value)


def _sortable(names: tuple[str | None, ...]) -> tuple[str, ...]:
    return tuple(name or "" for name in names)
