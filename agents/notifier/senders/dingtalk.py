"""The bot of a DingTalk group: Markdown, signed where it has a secret.

Facts from DingTalk's documentation (open.dingtalk.com: "Custom robot access", "Security settings of custom robots", the
server API's "Global error codes", and those of "Custom robots send group messages": 310000, 400013, 400101, 400102,
400105, 400106, 410100, 430101-430104; a token that is none answers 300005): errors answer 200 with `errcode`; a signed
request carries `timestamp`, in milliseconds and at most an hour off, and `sign`, the Base64 of HMAC-SHA256 of
"timestamp\\nsecret" by the secret; 20 messages a minute, over that the bot is silenced for 10 minutes (130101, 410100);
a Markdown text has at most 5,000 characters and its title, which the conversation list and the notification show, 64
(34016); people are mentioned where `at` lists them, by user id or mobile number, and the text has them, everybody where
`isAtAll` is true.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from agents.notifier.senders import markdown
from agents.notifier.senders.answers import Codes, by_code
from agents.notifier.senders.people import person_id
from agents.notifier.senders.posting import PostingSender
from agents.notifier.text import cut, fitting
from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.notifier.card import Card
    from agents.notifier.http import Result

TITLE_LENGTH = 64
TEXT_BYTES = 5000  # so that characters of several bytes stay within 5,000 characters too

_MOBILE = re.compile(r"1\d{10}|\+\d{1,4}-\d{4,14}")
"""The number of somebody's mobile, with the country's code where that is not China's."""

CODES = Codes(
    taken=0,
    final=frozenset(
        {
            *(310000, 300001, 300002, 300003, 300004, 300005),  # keyword, sign or address refused; token unknown
            *(400013, 400101, 400102, 400105, 400106, 400107),  # group gone, bot gone, stopped, unknown type
            *(34014, 34016, 40035, 43004, 404),  # malformed, too long, no JSON, no such address
            *(430101, 430102, 430103, 430104),  # content that it does not carry
        }
    ),
    waits={130101: 10 * MINUTE, 410100: 10 * MINUTE},
)
"""Others (-1, busy) are failures for now."""


def dingtalk_body(card: Card, *, repeat: bool) -> dict[str, Any]:
    """The card as Markdown; `at` is the one person it calls, or nobody."""
    called = person_id(card, "dingtalk")
    below = markdown.lines(card, repeat=repeat, mention=None if called is None else f"@{called}")
    text = fitting([f"#### {markdown.inert(card.title)}", *below], TEXT_BYTES, "\n\n")
    at: dict[str, Any] = {"atUserIds": [], "atMobiles": [], "isAtAll": False}
    if called is not None:
        at["atMobiles" if _MOBILE.fullmatch(called) else "atUserIds"].append(called)
    title = cut(markdown.inert(card.title), TITLE_LENGTH)
    return {"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": at}


def signed(url: str, secret: str | None, now: int) -> str:
    """The address with the time in microseconds and its signature; as it is without a secret."""
    if secret is None:
        return url
    timestamp = now // 1000
    sign = b64encode(hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), "sha256")).decode()
    return f"{url}&timestamp={timestamp}&sign={quote_plus(sign)}"


_judged = by_code(CODES, ("errcode", "errmsg"))


@dataclass(frozen=True)
class DingTalkSender(PostingSender):
    """Posts to one group."""

    secret: str | None = field(default=None, repr=False)

    def body(self, card: Card, *, repeat: bool) -> Mapping[str, Any]:
        """See PostingSender."""
        return dingtalk_body(card, repeat=repeat)

    def address(self) -> str:
        """See PostingSender."""
        return signed(self.url, self.secret, self.clock())

    def judge(self, said: str) -> Result:
        """By its code."""
        return _judged(said)
