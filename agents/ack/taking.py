"""Somebody takes an alert: reserved, written to Kafka, and only then said to be done; whichever way they came."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from agents.ack.events import NotWritten, acknowledged
from agents.ack.uses import UNDER_WAY, Use, UsesUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.ack.uses import Uses
    from streams.events import AlertAcknowledged

    Write = Callable[[AlertAcknowledged], Awaitable[None]]


class Taken(NamedTuple):
    """What came of it; `use`: who has taken it and when, where anybody has."""

    how: Literal["done", "already", "under_way", "kafka_away", "redis_away"]
    use: Use | None = None


async def take(uses: Uses, write: Write, alert_id: str, ticket_id: str, by: str, note: str, now: int) -> Taken:
    """Acknowledge an alert once; `write` puts the event on Kafka and raises NotWritten."""
    try:
        use = await uses.begin(alert_id)
        if use is not None:
            return used(use)
        try:
            await write(acknowledged(alert_id, ticket_id, by, note, now))
        except NotWritten:
            await uses.undo(alert_id)
            return Taken("kafka_away")
    except UsesUnavailable:
        return Taken("redis_away")
    use = Use(by, now)
    with suppress(UsesUnavailable):  # it is on Kafka, and once more would be the same event
        await uses.done(alert_id, use)
    return Taken("done", use)


def used(use: Use) -> Taken:
    """Somebody was there before."""
    return Taken("under_way") if use == UNDER_WAY else Taken("already", use)
