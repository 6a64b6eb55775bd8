"""Slack's incoming webhooks: what a message may hold, and how Slack says that it took one.

Facts from Slack's documentation (docs.slack.dev): a webhook that took a message answers 200 with the body `ok`
(errors are 400, 403, 404, 410 and 500 with a word, changelog of 2016-05-17); `&`, `<` and `>` must be escaped in
text; a text object holds 3,000 characters, a header 150, a section's field 2,000 and ten fields; in a `plain_text`
object no markup, mention or link acts, and with `emoji` false no `:name:` either; one message a second and channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.notifier.card import clean, sentence
from agents.notifier.http import Result, post

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from agents.notifier.message import Message

HEADER_LENGTH = 150
TEXT_LENGTH = 3000
VALUE_LENGTH = 200

FIELDS = ("policy", "priority", "team", "channel", "started_at", "deadline")
"""The fields of the alert record shown below the sentence."""

REPEATED = "repeat: true - this message may have arrived before"


def escape(text: str) -> str:
    """Text in which no mention, link or entity acts."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_body(message: Message, *, repeat: bool) -> dict[str, Any]:
    """The message as Slack takes it: `text` for the lock screen, blocks of plain text for the channel."""
    record = message.alert.record
    said = sentence(record)
    lines = [_plain(f"{field}: {clean(record[field], VALUE_LENGTH)}") for field in FIELDS if record.get(field)]
    small = [f"alert {clean(message.alert.alert_id, VALUE_LENGTH)}"] + ([REPEATED] if repeat else [])
    blocks: list[Mapping[str, Any]] = [{"type": "header", "text": _plain(said, HEADER_LENGTH)}]
    if lines:
        blocks.append({"type": "section", "fields": lines})
    blocks.append({"type": "context", "elements": [_plain(line) for line in small]})
    text = f"{said} ({REPEATED})" if repeat else said
    return {
        "text": escape(text),
        "blocks": blocks,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _plain(text: str, length: int = TEXT_LENGTH) -> Mapping[str, Any]:
    return {"type": "plain_text", "text": clean(text, length), "emoji": False}


@dataclass(frozen=True)
class SlackSender:
    """Posts to one incoming webhook; only 200 with `ok` means taken. `timeout` in microseconds."""

    session: aiohttp.ClientSession
    url: str
    timeout: int
    clock: Callable[[], int]

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        body = slack_body(message, repeat=repeat)
        return await post(self.session, self.url, body, timeout=self.timeout, clock=self.clock, answer="ok")
