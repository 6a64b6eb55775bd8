"""Slack by its documentation (docs.slack.dev): an incoming webhook, and the Web API's chat methods.

"Sending messages using incoming webhooks" (200 `ok`; 400 invalid_payload, 403 action_prohibited, 404 no_service and
channel_not_found, 410 channel_is_archived, 500 rollup_error), "Formatting message text" (what `<...>` means, `&amp;`),
"Block Kit reference" (lengths), "Rate limits" (429, Retry-After), chat.postMessage and chat.update (`ok`, `error`).
"""

import re
from dataclasses import dataclass
from typing import Any

from chat_services.service import A_SECOND, Acts, Malformed, Service, bare, everything, said
from fake_chat import Answer, Post

WEBHOOK = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
TOKEN = "xoxb-1234567890-abcdefghijkl"
CHANNEL = "C0123456789"

_MENTION = re.compile(r"<([!@#][^>|]*)(?:\|[^>]*)?>")
_LINK = re.compile(r"<([^!@#>|][^>|]*)(?:\|[^>]*)?>")
_TEXTS = {"plain_text": ("text", "emoji"), "mrkdwn": ("text", "verbatim")}


def check(body: dict[str, Any]) -> str | None:
    """The word for what is wrong with a message, None where nothing is."""
    text, blocks = body.get("text"), body.get("blocks", [])
    if not (isinstance(text, str) and text) and not blocks:
        return "no_text"
    if isinstance(text, str) and len(text) > 40_000:
        return "msg_too_long"
    if not isinstance(blocks, list) or len(blocks) > 50:
        return "invalid_blocks"
    return next((word for block in blocks if (word := _check_block(block))), None)


def _check_block(block: Any) -> str | None:
    match block:
        case {"type": "header", "text": {"type": "plain_text"} as text}:
            return _check_text(text, 150)
        case {"type": "section", "fields": list(fields)} if 1 <= len(fields) <= 10:
            return next((word for text in fields if (word := _check_text(text, 2000))), None)
        case {"type": "section", "text": dict(text)}:
            return _check_text(text, 3000)
        case {"type": "context", "elements": list(texts)} if 1 <= len(texts) <= 10:
            return next((word for text in texts if (word := _check_text(text, 3000))), None)
        case {"type": "rich_text", "elements": list(elements)} if elements:
            return next((word for element in elements if (word := _check_rich(element))), None)
    return "invalid_blocks"


def _check_text(text: Any, longest: int) -> str | None:
    known = isinstance(text, dict) and text.get("type") in _TEXTS and isinstance(text.get("text"), str)
    if not known or set(text) - {"type", *_TEXTS[text["type"]]} or not 1 <= len(text["text"]) <= longest:
        return "invalid_blocks"
    return None


def _check_rich(element: Any) -> str | None:
    match element:
        case {"type": "rich_text_section" | "rich_text_list", "elements": list(elements)} if elements:
            return next((word for each in elements if (word := _check_rich(each))), None)
        case {"type": "text", "text": str(text)} if text:
            return None
        case {"type": "link", "url": str(url)} if re.match(r"https?://", url):
            return None
        case {"type": "user", "user_id": str(user)} if user:
            return None
        case {"type": "broadcast", "range": "here" | "channel" | "everyone"}:
            return None
    return "invalid_blocks"


def acts(body: dict[str, Any]) -> Acts:
    """What acts in a message, as Slack reads it."""
    text = _mrkdwn(body.get("text", ""), formatted=body.get("mrkdwn") is not False)
    if body.get("link_names") or body.get("parse") == "full":
        text |= Acts(mentions=frozenset(re.findall(r"@[\w.-]+", body.get("text", ""))))
    return everything(text, *(_of(block) for block in body.get("blocks", [])))


def _mrkdwn(text: str, *, formatted: bool) -> Acts:
    mentions = frozenset(match[1].lstrip("@") for match in _MENTION.finditer(text))
    links = frozenset(match[1] for match in _LINK.finditer(text))
    rest = _LINK.sub("", _MENTION.sub("", text)).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    patterns = {"bold": r"\*[^*\n]+\*", "italic": r"_[^_\n]+_", "strike": r"~[^~\n]+~", "code": r"`[^`\n]+`"}
    formats = {name for name, pattern in patterns.items() if formatted and re.search(pattern, rest)}
    return Acts(mentions, links, frozenset(formats)) | bare(rest)


def _of(node: Any) -> Acts:
    match node:
        case {"type": "plain_text", "text": str(text)}:
            emoji = node.get("emoji", True) and re.search(r":[a-z0-9_+-]+:", text)
            return bare(text) | Acts(formats=frozenset({"emoji"} if emoji else ()))
        case {"type": "mrkdwn", "text": str(text)}:
            return _mrkdwn(text, formatted=True)
        case {"type": "text", "text": str(text)}:
            return bare(text)
        case {"type": "link", "url": str(url)}:
            return Acts(links=frozenset({url})) | bare(node.get("text", ""))
        case {"type": "user", "user_id": str(user)}:
            return Acts(mentions=frozenset({user}))
        case {"type": "broadcast", "range": str(everybody)}:
            return Acts(mentions=frozenset({f"!{everybody}"}))
        case dict():
            return everything(*(_of(child) for child in node.values()))
        case list():
            return everything(*(_of(child) for child in node))
    return Acts()


@dataclass
class FakeSlack(Service):
    """An incoming webhook at WEBHOOK."""

    def judge(self, post: Post) -> Answer:
        if post.path != WEBHOOK:
            return said(404, "no_service")
        body = self.json(post, said(400, "invalid_payload"))
        if word := check(body):
            return said(400, word)
        self.within(1, A_SECOND, said(429, "rate_limited", Retry_After="1"))
        self.counted()
        self.taken.append(body)
        return said(200, "ok")


@dataclass
class FakeSlackBot(Service):
    """The Web API's chat.postMessage and chat.update for a bot with TOKEN in CHANNEL."""

    def judge(self, post: Post) -> Answer:
        if post.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Malformed(said(200, {"ok": False, "error": "invalid_auth"}))
        body = self.json(post, said(200, {"ok": False, "error": "invalid_json"}))
        if word := self._wrong(post.path, body):
            return said(200, {"ok": False, "error": word})
        if post.path == "/api/chat.postMessage":
            self.within(1, A_SECOND, said(429, {"ok": False, "error": "ratelimited"}, Retry_After="1"))
            self.counted()
            body = {**body, "ts": f"{1_700_000_000 + len(self.taken)}.000100"}
            self.taken.append(body)
        else:
            place = next(n for n, old in enumerate(self.taken) if old["ts"] == body["ts"])
            self.taken[place] = {**self.taken[place], **body}
        return said(200, {"ok": True, "channel": CHANNEL, "ts": body["ts"], "message": {"text": body.get("text")}})

    def _wrong(self, path: str, body: dict[str, Any]) -> str | None:
        known = {"channel", "text", "blocks", "link_names", "parse", "ts"}
        if path == "/api/chat.postMessage":
            known |= {"mrkdwn", "unfurl_links", "unfurl_media", "thread_ts"}
        elif path != "/api/chat.update":
            return "unknown_method"
        if body.get("channel") != CHANNEL:
            return "channel_not_found"
        if set(body) - known:
            return "invalid_arguments"
        times = [old["ts"] for old in self.taken]
        if "thread_ts" in body and body["thread_ts"] not in times:
            return "thread_not_found"
        if path == "/api/chat.update" and body.get("ts") not in times:
            return "message_not_found"
        return check(body)


def lock_screen(body: dict[str, Any]) -> str:
    """What a notification shows: `text`."""
    return body["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
