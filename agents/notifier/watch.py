"""From what is wrong with the monitor, looked at now and then, to alerts: when it has lasted, and once it is over.

What was told is on `sla-alerts`, and is recalled from there: a restart tells nothing twice, and that it is over once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.alert_record import OPERATIONS, operations
from streams.instants import MINUTE, parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from agents.notifier.http import Result
    from streams.alert_record import Alert, Subject

LASTS = 5 * MINUTE
"""How long a destination takes nothing, or partitions have no worker, until operations are told."""


ROUTING = "routing"
"""The name of trouble with the routing file."""


class Trouble(NamedTuple):
    """Something wrong: what about, since when (microseconds), and in words. `name`: of a destination, a rota, ..."""

    subject: Subject
    name: str
    since: int
    message: str


class Watch:
    """Remembers what was told. `after`: how long trouble lasts until it is told, by subject; none: at once."""

    def __init__(self, after: Mapping[Subject, int] | None = None) -> None:
        self._after = {"delivery": LASTS, "workers": LASTS} if after is None else after
        self._told: dict[str, Trouble] = {}  # by the id of its alert

    def recall(self, alerts: Iterable[Alert]) -> list[Trouble]:
        """Go by what any notifier told, in its order; returns the troubles that were told and are not over."""
        self._told = {}
        for alert in alerts:
            trouble = _trouble(alert)
            if trouble is None:
                continue
            if alert.kind == "raised":
                self._told[alert.alert_id] = trouble
            else:
                self._told.pop(alert.alert_id, None)
        return list(self._told.values())

    def look(self, troubles: Iterable[Trouble], now: int, unknown: Collection[Subject] = ()) -> list[Alert]:
        """What is to be told now that these are all the troubles there are; of `unknown` subjects nobody can say."""
        present = {trouble[:2]: trouble for trouble in troubles}
        told = {trouble[:2] for trouble in self._told.values()}
        alerts = []
        for about, trouble in present.items():
            if about not in told and now - trouble.since >= self._after.get(trouble.subject, 0):
                alerts.append(_alert(trouble, now))
                self._told[alerts[-1].alert_id] = trouble
        over = [
            alert_id
            for alert_id, trouble in self._told.items()
            if trouble[:2] not in present and trouble.subject not in unknown
        ]
        return alerts + [_alert(self._told.pop(alert_id), now, over=True) for alert_id in over]


def _alert(trouble: Trouble, now: int, *, over: bool = False) -> Alert:
    subject, name, since, message = trouble
    destination = name if subject == "delivery" else ""
    said = f"over: {message}" if over else message
    return operations(subject, said, since, now, over=over, about=name, destination=destination)


def _trouble(alert: Alert) -> Trouble | None:
    """What a notifier told of; None of another's alert. The id tells, for of a name it is all that an alert holds."""
    if alert.level != OPERATIONS or alert.started_at is None:
        return None
    names: dict[Subject, object] = {"delivery": alert.destination, "workers": "", "config": ROUTING}
    for subject, name in names.items():
        if subject == alert.target and isinstance(name, str):
            trouble = Trouble(subject, name, parse_instant(alert.started_at), str(alert.message))
            return trouble if _alert(trouble, 0).alert_id == alert.alert_id else None
    return None


class Health:
    """How the destinations take what they are sent. `clock` gives microseconds since the epoch."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._failing: dict[str, tuple[int, str]] = {}
        self._heard: set[str] = set()

    def attempted(self, destination: str, result: Result) -> None:
        """An attempt to send came to this. Only a message that was taken ends a failure."""
        self._heard.add(destination)
        if result.outcome.name == "SENT":
            self._failing.pop(destination, None)
        else:
            since, _ = self._failing.get(destination, (self._clock(), ""))
            self._failing[destination] = since, result.error

    def recall(self, troubles: Iterable[Trouble], destinations: Collection[str]) -> None:
        """Of these destinations some were failing before, and are until an attempt says otherwise; others are gone."""
        for trouble in troubles:
            if trouble.subject == "delivery" and trouble.name not in self._heard:
                self._failing.setdefault(trouble.name, (trouble.since, trouble.message.partition(": ")[2]))
        self._failing = {name: failing for name, failing in self._failing.items() if name in destinations}

    def failing(self, longer_than: int = 0) -> list[Trouble]:
        """The destinations that have taken nothing since an attempt failed, so many microseconds ago or more."""
        now = self._clock()
        return [
            Trouble("delivery", name, since, f"the destination {name} takes no messages: {error}")
            for name, (since, error) in self._failing.items()
            if now - since >= longer_than
        ]
