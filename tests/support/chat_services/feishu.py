"""The bot of a Feishu group, by the documentation (open.feishu.cn, "Custom bot usage guide", "Message card").

20 KB a body, 100 a minute and 5 a second (11232), the signature (19021), bodies of `interactive` (9499, 11246); taken
is `code` 0 beside `StatusCode` 0, which the guide keeps for those who read it before.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from chat_services.service import A_SECOND, Acts, Service, bare, everything, markdown, said
from fake_chat import Answer, Post

PATH = "/open-apis/bot/v2/hook/01234567-89ab-cdef-0123-456789abcdef"
SECRET = "feishu-Secret-0123456789"
_BAD = {"code": 9499, "msg": "Bad Request", "data": {}}
_UNSIGNED = {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time", "data": {}}
_AT = re.compile(r"<at (?:user_)?id=\"?([^>\"]*)\"?>(?:</at>)?")
_TOO_FAST = {"code": 11232, "msg": "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]", "data": {}}


def acts(body: dict[str, Any]) -> Acts:
    """What acts in a card, as Feishu reads it."""
    return _of(body["card"])


def _of(node: Any) -> Acts:
    match node:
        case {"tag": "plain_text", "content": str(text)}:
            return bare(text) | Acts(mentions=frozenset(_AT.findall(text)))  # more strictly than documented
        case {"tag": "lark_md", "content": str(text)}:
            return Acts(mentions=frozenset(_AT.findall(text))) | markdown(_AT.sub("", text))
        case {"tag": "button", "text": dict(text), "url": str(url)}:
            return Acts(links=frozenset({url})) | _of(text)
        case dict():
            return everything(*(_of(child) for child in node.values()))
        case list():
            return everything(*(_of(child) for child in node))
    return Acts()


def lock_screen(body: dict[str, Any]) -> str:
    """What a notification shows: the card's title."""
    return body["card"]["header"]["title"]["content"]


@dataclass
class FakeFeishu(Service):
    """A bot at PATH whose security is the signature with SECRET."""

    def judge(self, post: Post) -> Answer:
        if post.path != PATH:
            return said(200, {"code": 19001, "msg": "param invalid: incoming webhook access token invalid", "data": {}})
        body = self.json(post, said(400, _BAD))
        if not self._signed(body):
            return said(200, _UNSIGNED)
        if len(post.raw) > 20_000:
            return said(400, _BAD)
        match body:
            case {
                "msg_type": "interactive",
                "card": {"header": {"title": {"tag": "plain_text", "content": str(title)}}, "elements": list(elements)},
            }:
                if not title or not elements or not all(map(_known, elements)):
                    return said(200, {"code": 11246, "msg": "Failed to create card content", "data": {}})
            case _:
                return said(200, {"code": 19002, "msg": "params error, msg_type need", "data": {}})
        self.within(5, A_SECOND, said(200, _TOO_FAST))
        self.within(100, 60 * A_SECOND, said(200, _TOO_FAST))
        self.counted()
        self.taken.append(body)
        return said(200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"})

    def _signed(self, body: dict[str, Any]) -> bool:
        timestamp = str(body.get("timestamp", ""))
        if not timestamp.isdigit() or abs(int(timestamp) - self.clock() // A_SECOND) > 3600:
            return False
        digest = hmac.new(f"{timestamp}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
        return body.get("sign") == base64.b64encode(digest).decode()


def _known(element: Any) -> bool:
    match element:
        case {"tag": "div", "fields": list(fields)} if fields:
            return all(_text(each.get("text")) and isinstance(each.get("is_short"), bool) for each in fields)
        case {"tag": "div", "text": dict(text)}:
            return _text(text) and ("extra" not in element or _button(element["extra"]))
        case {"tag": "action", "actions": list(actions)} if actions:
            return all(map(_button, actions))
        case {"tag": "note", "elements": list(texts)} if texts:
            return all(map(_text, texts))
    return False


def _text(text: Any) -> bool:
    return isinstance(text, dict) and text.get("tag") in {"plain_text", "lark_md"} and bool(text.get("content"))


def _button(button: Any) -> bool:
    return (
        button.get("tag") == "button"
        and _text(button.get("text"))
        and bool(re.match("https?://", button.get("url", "")))
    )
