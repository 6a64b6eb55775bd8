"""From what is wrong with the monitor, looked at now and then, to alerts: when it has lasted, and once it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.alert_record import operations
from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agents.notifier.http import Result
    from streams.alert_record import Alert, Subject

LASTS = 5 * MINUTE
"""How long a destination takes nothing, or partitions have no worker, until operations are told."""


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
        self._told: dict[tuple[Subject, str], Trouble] = {}

    def look(self, troubles: Iterable[Trouble], now: int) -> list[Alert]:
        """What is to be told now that these are all the troubles there are."""
        present = {(trouble.subject, trouble.name): trouble for trouble in troubles}
        alerts = []
        for key, trouble in present.items():
            if key not in self._told and now - trouble.since >= self._after.get(trouble.subject, 0):
                self._told[key] = trouble
                alerts.append(_alert(trouble, now))
        over = [key for key in self._told if key not in present]
        return alerts + [_alert(self._told.pop(key), now, over=True) for key in over]


def _alert(trouble: Trouble, now: int, *, over: bool = False) -> Alert:
    subject, name, since, message = trouble
    destination = name if subject == "delivery" else ""
    said = f"over: {message}" if over else message
    return operations(subject, said, since, now, over=over, about=name, destination=destination)


class Health:
    """How the destinations take what they are sent. `clock` gives microseconds since the epoch."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._failing: dict[str, tuple[int, str]] = {}

    def attempted(self, destination: str, result: Result) -> None:
        """An attempt to send came to this. Only a message that was taken ends a failure."""
        if result.outcome.name == "SENT":
            self._failing.pop(destination, None)
        else:
            since, _ = self._failing.get(destination, (self._clock(), ""))
            self._failing[destination] = since, result.error

    def failing(self, longer_than: int = 0) -> list[Trouble]:
        """The destinations that have taken nothing since an attempt failed, so many microseconds ago or more."""
        now = self._clock()
        return [
            Trouble("delivery", name, since, f"the destination {name} takes no messages: {error}")
            for name, (since, error) in self._failing.items()
            if now - since >= longer_than
        ]
