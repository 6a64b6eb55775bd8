"""What senders have in common that post a card as JSON to one address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.notifier.card import Presentation, card_of
from agents.notifier.http import post

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from agents.notifier.card import Card
    from agents.notifier.http import Result
    from agents.notifier.message import Message


@dataclass(frozen=True)
class PostingSender(ABC):
    """`clock` gives microseconds since the epoch, `timeout` is in microseconds."""

    session: aiohttp.ClientSession
    url: str = field(repr=False)
    timeout: int
    clock: Callable[[], int]
    presentation: Presentation = field(default_factory=Presentation)

    @abstractmethod
    def body(self, card: Card, *, repeat: bool) -> Mapping[str, Any]:
        """The card as the service takes it now."""

    @abstractmethod
    def judge(self, said: str) -> Result:
        """What the text of a 2xx answer means."""

    def address(self) -> str:
        """Where it is posted now."""
        return self.url

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        body = self.body(card_of(message, self.presentation), repeat=repeat)
        return await post(self.session, self.address(), body, timeout=self.timeout, clock=self.clock, judge=self.judge)
