"""Microsoft Teams by a Power Automate workflow ("Post to a channel when a webhook request is received").

Facts from Microsoft's documentation (learn.microsoft.com: "Create an Incoming Webhook", "Format cards in Teams",
"Adaptive Cards: text features", the connector reference "Microsoft Teams"): the body is a message with one attachment
of type application/vnd.microsoft.card.adaptive; it may have about 28 KB; over four requests in a second are throttled
with 429; a workflow answers 202 before it has posted. A TextBlock reads a part of Markdown and `{{DATE(...)}}`, a
RichTextBlock's TextRun reads nothing; a person is mentioned by `<at>name</at>` in a TextBlock and an entity of the card
with the same text. The connector that workflows replace answers 200 with "... returned HTTP error 429" in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.notifier.http import Outcome, Result
from agents.notifier.senders.markdown import inert
from agents.notifier.senders.people import person_id
from agents.notifier.senders.posting import PostingSender
from agents.notifier.text import full_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agents.notifier.card import Card

    Element = Mapping[str, Any]

_COLORS = {"warning": "warning", "breach": "attention", "escalation": "attention", "good": "good"}
_RUNS = "<>{}$"  # what templates and mentions are made of; a TextRun reads no Markdown
_FAILED = re.compile(r"HTTP error (\d{3})")


def teams_body(card: Card, *, repeat: bool) -> dict[str, Any]:
    """The card as an Adaptive Card in the message that the workflow's trigger takes."""
    called = person_id(card, "teams")
    name = inert(card.called or "")
    tag = f"<at>{name}</at>"
    entities = [{"type": "mention", "text": tag, "mentioned": {"id": called, "name": name}}] if called else []
    calling = [{"type": "TextBlock", "text": tag, "wrap": True}] if entities else []
    small = [_text({"text": text, "size": "small", "isSubtle": True}) for text in _footers(card, repeat=repeat)]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": inert(card.title),
        "msteams": {"width": "Full", "entities": entities},
        "body": [*_elements(card), *calling, *small],
        "actions": [{"type": "Action.OpenUrl", "title": link.label, "url": link.url} for link in card.links],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "summary": full_width(card.title, _RUNS), "attachments": [attachment]}


def _elements(card: Card) -> Iterator[Element]:
    color = _COLORS.get(card.tone, "default")
    yield _text({"text": card.title, "weight": "bolder", "size": "medium", "color": color})
    for fact in card.facts:
        yield _text({"text": f"{fact.label}  ", "isSubtle": True}, {"text": fact.value})
    for section in card.sections:
        yield _text({"text": section.title, "weight": "bolder"})
        for line in section.lines:
            action = {"selectAction": {"type": "Action.OpenUrl", "url": line.url}} if line.url else {}
            yield _text({"text": line.text, **action})


def _footers(card: Card, *, repeat: bool) -> list[str]:
    return [card.footer, card.repeated] if repeat else [card.footer]


def _text(*runs: dict[str, Any]) -> Element:
    inlines = [{"type": "TextRun", **run, "text": full_width(run["text"], _RUNS)} for run in runs]
    return {"type": "RichTextBlock", "inlines": inlines}


@dataclass(frozen=True)
class TeamsSender(PostingSender):
    """Posts to one workflow; 202 means that it will post."""

    def body(self, card: Card, *, repeat: bool) -> Mapping[str, Any]:
        """See PostingSender."""
        return teams_body(card, repeat=repeat)

    def judge(self, said: str) -> Result:
        """A 2xx means taken, unless it tells of an error further on."""
        failed = _FAILED.search(said)
        if failed is None:
            return Result(Outcome.SENT)
        status = int(failed[1])
        final = status // 100 == 4 and status not in (408, 429)
        return Result(Outcome.REFUSED if final else Outcome.FAILED, f"HTTP 200 {said}")
