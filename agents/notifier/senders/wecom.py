"""The bot of a WeCom group: Markdown of at most 4,096 bytes.

Facts from WeCom's documentation (developer.work.weixin.qq.com/document/path/91770, "Group bots", and "Global error
codes", path/90313): the key in the address is all that guards it; errors answer 200 with `errcode`; 20 messages a
minute (45009 over that, which passes after a minute, as 45033 does); 93000 is an address that is none or a bot that was
removed, 93004 one that is disabled, 93008 one that is not in the group; `markdown.content` has at most 4,096 bytes of
UTF-8, a text's 2,048; `<@userid>` in either mentions a member of the group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.notifier.senders import markdown
from agents.notifier.senders.answers import Codes, by_code
from agents.notifier.senders.people import person_id
from agents.notifier.senders.posting import PostingSender
from agents.notifier.text import fitting
from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.notifier.card import Card
    from agents.notifier.http import Result

TEXT_BYTES = 4096

CODES = Codes(
    taken=0,
    final=frozenset(
        {
            *(93000, 93004, 93008, 93017),  # no such key or too long, bot disabled, not in the group
            *(40001, 40008, 40058, 41001, 44004, 45002, 46004, 47001),  # malformed, empty, too long
        }
    ),
    waits={45009: MINUTE, 45033: MINUTE},
)
"""Others (-1, busy; 45009, 45033, too often) are failures for now."""


def wecom_body(card: Card, *, repeat: bool) -> dict[str, Any]:
    """The card as Markdown; the title is plain, for a notification shows the beginning as it is."""
    called = person_id(card, "wecom")
    below = markdown.lines(card, repeat=repeat, mention=None if called is None else f"<@{called}>")
    content = fitting([markdown.inert(card.title), *below], TEXT_BYTES)
    return {"msgtype": "markdown", "markdown": {"content": content}}


_judged = by_code(CODES, ("errcode", "errmsg"))


@dataclass(frozen=True)
class WeComSender(PostingSender):
    """Posts to one group."""

    def body(self, card: Card, *, repeat: bool) -> Mapping[str, Any]:
        """See PostingSender."""
        return wecom_body(card, repeat=repeat)

    def judge(self, said: str) -> Result:
        """By its code."""
        return _judged(said)
