"""The generic webhook: the alert record as JSON, with the sentence added, signed where it has a secret."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from agents.notifier.card import Presentation, card_of, public
from agents.notifier.http import post
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from agents.notifier.http import Result
    from agents.notifier.message import Message

SIGNATURE = "X-Slawatch-Signature"


def webhook_body(message: Message, *, repeat: bool, presentation: Presentation | None = None) -> dict[str, Any]:
    """The alert record with `text` added, a link where there is one (`ticket_url`, `acknowledge_url`), and
    `repeat: true` where it may have arrived before.
    """
    presentation = presentation or Presentation()
    card = card_of(message, presentation)
    links = {f"{link.name}_url": link.url for link in card.links}
    called = {"on_call": card.called} if card.called is not None else {}
    body = {**public(message.told.record, presentation.show), **links, **called, "text": card.title}
    return {**body, "repeat": True} if repeat else body


def signature(secret: str, body: bytes, now: int) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 of "SECONDS.BODY" by the secret; `now` in microseconds since the epoch."""
    timestamp = str(now // SECOND)
    return f"t={timestamp},v1={hmac.digest(secret.encode(), f'{timestamp}.'.encode() + body, 'sha256').hex()}"


@dataclass(frozen=True)
class WebhookSender:
    """Posts to one address; any 2xx means taken. `timeout` in microseconds."""

    session: aiohttp.ClientSession
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout: int
    clock: Callable[[], int]
    presentation: Presentation = field(default_factory=Presentation)
    secret: str | None = field(default=None, repr=False)

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        body = msgspec.json.encode(webhook_body(message, repeat=repeat, presentation=self.presentation))
        headers = dict(self.headers)
        if self.secret is not None:
            headers[SIGNATURE] = signature(self.secret, body, self.clock())
        return await post(self.session, self.url, body, timeout=self.timeout, clock=self.clock, headers=headers)
