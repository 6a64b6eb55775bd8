"""The generic webhook: the alert record as JSON, with the sentence added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.notifier.card import sentence
from agents.notifier.http import Result, post

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from agents.notifier.message import Message


def webhook_body(message: Message, *, repeat: bool) -> dict[str, Any]:
    """The alert record with `text` added, and `repeat: true` where it may have arrived before."""
    body = {**message.alert.record, "text": sentence(message.alert.record)}
    return {**body, "repeat": True} if repeat else body


@dataclass(frozen=True)
class WebhookSender:
    """Posts to one address; any 2xx means taken. `timeout` in microseconds."""

    session: aiohttp.ClientSession
    url: str
    headers: Mapping[str, str]
    timeout: int
    clock: Callable[[], int]

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        body = webhook_body(message, repeat=repeat)
        return await post(self.session, self.url, body, timeout=self.timeout, clock=self.clock, headers=self.headers)
