"""Slack's incoming webhooks: what a message may hold, and how Slack says that it took one.

Facts from Slack's documentation (docs.slack.dev): a webhook that took a message answers 200 with the body `ok`
(errors are 400, 403, 404, 410 and 500 with a word, changelog of 2016-05-17); `&`, `<` and `>` must be escaped in
text; a text object holds 3,000 characters, a header 150, a section's field 2,000 and ten fields, a message 50 blocks;
in a `plain_text` object no markup, mention or link acts, and with `emoji` false no `:name:` either; the elements of
`rich_text` (link, user) are what they say, and the text in them is text; one message a second and channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.notifier.http import Outcome, Result
from agents.notifier.senders.people import person_id
from agents.notifier.senders.posting import PostingSender
from agents.notifier.text import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agents.notifier.card import Card, Section

    Block = Mapping[str, Any]

HEADER_LENGTH = 150
FIELDS = 10


def escape(text: str) -> str:
    """Text in which no mention, link or entity acts."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_body(card: Card, *, repeat: bool) -> dict[str, Any]:
    """The card as Slack takes it: `text` for the lock screen, blocks for the channel."""
    text = f"{card.title} ({card.repeated})" if repeat else card.title
    return {
        "text": escape(text),
        "blocks": list(_blocks(card, repeat=repeat)),
        "mrkdwn": False,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(card: Card, *, repeat: bool) -> Iterator[Block]:
    yield {"type": "header", "text": _plain(cut(card.title, HEADER_LENGTH))}
    lines = [_plain(card.line(fact)) for fact in card.facts]
    for start in range(0, len(lines), FIELDS):
        yield {"type": "section", "fields": lines[start : start + FIELDS]}
    for section in card.sections:
        yield _list(section)
    called = person_id(card, "slack")
    last: list[Block] = [{"type": "user", "user_id": called}] if called is not None else []
    for link in card.links:
        last += [_said("  ·  ")] if last else []
        last.append(_link(link.label, link.url))
    if last:
        yield {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": last}]}
    small = [card.footer, card.repeated] if repeat else [card.footer]
    yield {"type": "context", "elements": [_plain(line) for line in small]}


def _list(section: Section) -> Block:
    said = [_said(line.text) if line.url is None else _link(line.text, line.url) for line in section.lines]
    items = [{"type": "rich_text_section", "elements": [each]} for each in said]
    title = {"type": "rich_text_section", "elements": [{**_said(section.title), "style": {"bold": True}}]}
    return {"type": "rich_text", "elements": [title, {"type": "rich_text_list", "style": "bullet", "elements": items}]}


def _said(text: str) -> Block:
    return {"type": "text", "text": text}


def _link(text: str, url: str) -> Block:
    return {"type": "link", "url": url, "text": text}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


@dataclass(frozen=True)
class SlackSender(PostingSender):
    """Posts to one incoming webhook; only 200 with `ok` means taken."""

    def body(self, card: Card, *, repeat: bool) -> Mapping[str, Any]:
        """See PostingSender."""
        return slack_body(card, repeat=repeat)

    def judge(self, said: str) -> Result:
        """Only `ok` means taken."""
        return Result(Outcome.SENT) if said == "ok" else Result(Outcome.FAILED, f"HTTP 200 {said}".strip())
