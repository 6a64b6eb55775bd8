"""The bot of a Feishu or Lark group: a card of plain text, signed where it has a secret.

Facts from the documentation (open.feishu.cn, "Custom bot usage guide"): a body has at most 20 KB; 100 messages a minute
and 5 a second, over that and at busy hours code 11232; errors answer with `code`, also with status 200, and bots of
before with `StatusCode` alone, which is kept beside it; 9499 is "Bad Request", and, as people report, "too many
request"; 19022 an address and 19024 a text that the bot's settings do not let through, 19007 a bot that is disabled; a
signed body carries `timestamp`, in seconds and at most an hour off, and `sign`, the Base64 of HMAC-SHA256 of nothing by
"timestamp\\nsecret" (19021); in a card `plain_text` reads no markup, and `lark_md` reads `<at id=...></at>`; a button
with `url` opens it.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.notifier.senders.answers import Codes, by_code
from agents.notifier.senders.people import person_id
from agents.notifier.senders.posting import PostingSender
from agents.notifier.text import full_width
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agents.notifier.card import Card, Line
    from agents.notifier.http import Result

    Element = Mapping[str, Any]

_COLORS = {"warning": "orange", "breach": "red", "escalation": "red", "good": "green", "digest": "blue"}
_TAGS = "<>"  # plain_text reads none; should a client ever, it finds none

CODES = Codes(
    taken=0,
    final=frozenset(
        {
            *(19001, 19002, 19003, 19007),  # no such bot, malformed, not in the group
            *(19021, 19022, 19024),  # signature, address or keyword refused
            *(9499, 11246, 230001),  # malformed; a card it does not understand
        }
    ),
    waits={11232: 5 * SECOND},
)
"""Others (11232, too often; 1500, 2200, faults of its own) are failures for now."""


def feishu_body(card: Card, *, repeat: bool) -> dict[str, Any]:
    """The card: everything of tickets in it is `plain_text`."""
    header = {"template": _COLORS.get(card.tone, "grey"), "title": _plain(card.title)}
    config = {"wide_screen_mode": True}
    elements = list(_elements(card, repeat=repeat))
    return {"msg_type": "interactive", "card": {"config": config, "header": header, "elements": elements}}


def _elements(card: Card, *, repeat: bool) -> Iterator[Element]:
    if card.facts:
        yield {"tag": "div", "fields": [{"is_short": True, "text": _plain(card.line(fact))} for fact in card.facts]}
    for section in card.sections:
        yield {"tag": "div", "text": _plain(section.title)}
        for line in section.lines:
            yield _line(line, card)
    called = person_id(card, "feishu")
    if called is not None:
        yield {"tag": "div", "text": {"tag": "lark_md", "content": f"<at id={called}></at>"}}
    if card.links:
        buttons = [
            {"tag": "button", "text": _plain(link.label), "type": "default", "url": link.url} for link in card.links
        ]
        yield {"tag": "action", "actions": buttons}
    small = [card.footer, card.repeated] if repeat else [card.footer]
    yield {"tag": "note", "elements": [_plain(text) for text in small]}


def _line(line: Line, card: Card) -> Element:
    element = {"tag": "div", "text": _plain(f"· {line.text}")}
    if line.url is None:
        return element
    return {**element, "extra": _button(card.words["open_ticket"], line.url)}


def _button(label: str, url: str) -> Element:
    return {"tag": "button", "text": _plain(label), "type": "default", "url": url}


def _plain(text: str) -> Element:
    return {"tag": "plain_text", "content": full_width(text, _TAGS)}


def signature(secret: str | None, now: int) -> dict[str, str]:
    """What a body carries to be believed, at this instant in microseconds; nothing without a secret."""
    if secret is None:
        return {}
    timestamp = now // SECOND
    sign = hmac.digest(f"{timestamp}\n{secret}".encode(), b"", "sha256")
    return {"timestamp": str(timestamp), "sign": b64encode(sign).decode()}


_judged = by_code(CODES, ("code", "msg"), ("StatusCode", "StatusMessage"))


@dataclass(frozen=True)
class FeishuSender(PostingSender):
    """Posts to one group."""

    secret: str | None = field(default=None, repr=False)

    def body(self, card: Card, *, repeat: bool) -> Mapping[str, Any]:
        """See PostingSender."""
        return {**signature(self.secret, self.clock()), **feishu_body(card, repeat=repeat)}

    def judge(self, said: str) -> Result:
        """By its code."""
        return _judged(said)
