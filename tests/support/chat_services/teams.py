"""A Power Automate workflow that posts to Microsoft Teams, by Microsoft's documentation (learn.microsoft.com).

"Create an Incoming Webhook" (the message's form, 28 KB, four requests a second, 429), "Format cards in Teams" and
"Adaptive Cards: text features" (Markdown in TextBlock alone, none in TextRun; DATE() and TIME()), "Mention in Adaptive
Cards" (`<at>` with an entity), "Templating language" (`${...}`), "When a Teams webhook request is received" (202).
"""

import re
from dataclasses import dataclass
from typing import Any

from chat_services.service import A_SECOND, Acts, Service, bare, everything, markdown, said, strings
from fake_chat import Answer, Post

PATH = "/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=2016-06-01&sig=abcdefghijklmnop"
_NOT_VALID = {
    "error": {
        "code": "TriggerInputSchemaMismatch",
        "message": "The input body for trigger 'manual' did not match its schema definition.",
    }
}
_AT = re.compile(r"<at>(.*?)</at>")


def card(body: dict[str, Any]) -> dict[str, Any]:
    """The Adaptive Card of a message."""
    return body["attachments"][0]["content"]


def acts(body: dict[str, Any]) -> Acts:
    """What acts in a message, as Teams reads its card."""
    content = card(body)
    entities = {each["text"]: each["mentioned"]["id"] for each in content.get("msteams", {}).get("entities", [])}
    templates = frozenset({"template"} if any(re.search(r"\$\{|\{\{", text) for text in strings(content)) else ())
    return everything(Acts(formats=templates), _of(content, entities), markdown(content.get("fallbackText", "")))


def _of(node: Any, entities: dict[str, str]) -> Acts:
    match node:
        case {"type": "TextBlock", "text": str(text)}:
            return _mentions(text, entities) | markdown(_AT.sub("", text))
        case {"type": "TextRun", "text": str(text)}:
            action = node.get("selectAction")
            return _mentions(text, entities) | bare(text) | (_of(action, entities) if action else Acts())
        case {"type": "Action.OpenUrl", "url": str(url)}:
            return Acts(links=frozenset({url})) | bare(node.get("title", ""))
        case dict():
            return everything(*(_of(child, entities) for child in node.values()))
        case list():
            return everything(*(_of(child, entities) for child in node))
    return Acts()


def _mentions(text: str, entities: dict[str, str]) -> Acts:
    return Acts(mentions=frozenset(entities.get(match[0], match[1]) for match in _AT.finditer(text)))


def lock_screen(body: dict[str, Any]) -> str:
    """What a notification shows where the workflow passes it on: the summary."""
    return body["summary"]


@dataclass
class FakeTeams(Service):
    """A workflow at PATH."""

    def judge(self, post: Post) -> Answer:
        if post.path != PATH:
            return said(401, {"error": {"code": "DirectApiAuthorizationRequired"}})
        body = self.json(post, said(400, _NOT_VALID))
        if len(post.raw) > 28_000:
            return said(413, "Request Entity too large")
        if not _well_formed(body):
            return said(400, _NOT_VALID)
        self.within(4, A_SECOND, said(429, {"error": {"code": "TooManyRequests"}}, Retry_After="1"))
        self.counted()
        self.taken.append(body)
        return said(202, "")


def _well_formed(body: dict[str, Any]) -> bool:
    match body:
        case {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": dict(content)}],
        }:
            elements = content.get("body")
            return (
                content.get("type") == "AdaptiveCard"
                and content.get("version") in {"1.2", "1.3", "1.4", "1.5"}
                and isinstance(elements, list)
                and bool(elements)
                and all(map(_known, elements))
                and all(
                    each.get("type") == "Action.OpenUrl"
                    and each.get("title")
                    and re.match("https?://", each.get("url", ""))
                    for each in content.get("actions", [])
                )
            )
    return False


def _known(element: Any) -> bool:
    match element:
        case {"type": "TextBlock", "text": str()}:
            return True
        case {"type": "RichTextBlock", "inlines": list(runs)} if runs:
            return all(run.get("type") == "TextRun" and isinstance(run.get("text"), str) for run in runs)
    return False
