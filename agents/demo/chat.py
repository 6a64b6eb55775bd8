"""The chat on the screen: a destination of the notifier that keeps the newest cards instead of posting them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.notifier.http import Outcome, Result
from agents.notifier.sentence import sentence
from agents.notifier.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.notifier.message import Message

KEPT = 100


@dataclass(frozen=True, slots=True)
class Card:
    """A message as the chat shows it. `arrived` is in microseconds since the epoch; `tone` its level or its kind."""

    arrived: int
    tone: str
    text: str
    ticket: str
    details: str

    @property
    def opening(self) -> str:
        """The part of the text before the ticket: what has happened."""
        return self.text.partition(": ")[0]

    @property
    def about(self) -> str:
        """The part of the text about the ticket."""
        return self.text.partition(": ")[2]


class ScreenChat:
    """Implements the notifier's `Sender`: every message arrives at once. `told` is called with each card."""

    def __init__(self, clock: Callable[[], int], told: Callable[[Card], None]) -> None:
        self.cards: deque[Card] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        """Cards so far, by tone."""
        self._clock = clock
        self._told = told

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        alert = message.alert
        tone = alert.level if alert.kind == "raised" else alert.kind
        text = sentence(alert.record) + (" (sent again)" if repeat else "")
        card = Card(self._clock(), tone, text, clean(alert.ticket, 40), _details(alert.record))
        self.cards.append(card)
        self.counts[tone] += 1
        self._told(card)
        return Result(Outcome.SENT)


def _details(record: Mapping[str, Any]) -> str:
    policy, cycle = clean(record.get("policy") or "none", 24), record.get("cycle")
    return f"policy {policy}" + (f", clock {cycle + 1}" if cycle else "")
