"""Taking an alert, once, whoever asks and wherever: the first counts, and it is taken when Kafka has it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from agents.ack.events import NotWritten, acknowledged
from agents.ack.uses import Use, UsesUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.ack.uses import Uses
    from streams.events import AlertAcknowledged


class Taken(NamedTuple):
    """Who has the alert, `uses.UNDER_WAY` while somebody is at it; and whether this call gave it to them."""

    use: Use
    now: bool


class Taking:
    """`uses` knows what is taken already; `write` puts an event on Kafka (`events.Acknowledgements.write`) and raises
    NotWritten; `clock` gives microseconds since the epoch.
    """

    def __init__(
        self, uses: Uses, write: Callable[[AlertAcknowledged], Awaitable[None]], clock: Callable[[], int]
    ) -> None:
        self._uses = uses
        self._write = write
        self._clock = clock

    async def take(self, alert_id: str, ticket_id: str, by: str, note: str | None = None) -> Taken:
        """Give the alert of this ticket to somebody, if nobody has it. Raises NotWritten and UsesUnavailable: then
        nothing is taken, and it can be tried again.
        """
        now = self._clock()
        use = await self._uses.begin(alert_id)
        if use is not None:
            return Taken(use, now=False)
        try:
            await self._write(acknowledged(alert_id, ticket_id, by, note, now))
        except NotWritten:
            await self._uses.undo(alert_id)
            raise
        mine = Use(by, now)
        with suppress(UsesUnavailable):  # it is on Kafka, and once more would be the same event
            await self._uses.done(alert_id, mine)
        return Taken(mine, now=True)

    async def taken(self, alert_id: str) -> Use | None:
        """Who has it, if anybody. Raises UsesUnavailable."""
        return await self._uses.of(alert_id)
