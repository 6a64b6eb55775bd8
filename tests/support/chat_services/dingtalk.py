"""The bot of a DingTalk group, by DingTalk's documentation (open.dingtalk.com).

"Custom robot access" (bodies, 20 a minute), "Security settings of custom robots" (the signature, 310000), "Global error
codes" (34016: a title has at most 64 characters, a Markdown text 5,000), "Custom robots send group messages" (its own
codes: 310000, 400013, 400101-400106, 410100, 430101-430104); 300005 is what a token that is none is answered.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chat_services.service import A_SECOND, Acts, Service, bare, everything, markdown, said
from fake_chat import Answer, Post

TOKEN = "0123456789abcdef0123456789abcdef"
SECRET = "SEC0123456789abcdef0123456789abcdef"
PATH = f"/robot/send?access_token={TOKEN}"
HOUR_MS = 3_600_000


def acts(body: dict[str, Any]) -> Acts:
    """What acts in a message, as DingTalk reads it."""
    at, shown = body.get("at", {}), body["markdown"]
    everybody = {"everybody"} if at.get("isAtAll") else set()
    numbers = {number for number in at.get("atMobiles", []) if f"@{number}" in shown["text"]}
    users = {user for user in at.get("atUserIds", []) if not re.fullmatch(r"1\d{10}|\+\d+-\d+", user)}
    called = frozenset({*users, *numbers, *everybody})
    tags = frozenset(re.findall(r"@[\w.+-]+", shown["text"]))
    return everything(
        Acts(mentions=called | {tag.lstrip("@") for tag in tags}), markdown(shown["text"]), bare(shown["title"])
    )


def lock_screen(body: dict[str, Any]) -> str:
    """What the conversation list and a notification show: the title."""
    return body["markdown"]["title"]


@dataclass
class FakeDingTalk(Service):
    """A bot at PATH whose security is the signature with SECRET."""

    def judge(self, post: Post) -> Answer:
        address = urlsplit(post.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        if address.path != "/robot/send" or query.get("access_token") != TOKEN:
            return said(200, {"errcode": 300005, "errmsg": "token is not exist"})
        if wrong := self._unsigned(query):
            return said(200, {"errcode": 310000, "errmsg": wrong})
        body = self.json(post, said(200, {"errcode": 43004, "errmsg": "无效的HTTP HEADER Content-Type"}))
        match body:
            case {"msgtype": "markdown", "markdown": {"title": str(title), "text": str(text)}} if title and text:
                if len(title) > 64 or len(text) > 5000:
                    return said(200, {"errcode": 34016, "errmsg": "消息内容长度超过限制"})
            case _:
                return said(200, {"errcode": 40035, "errmsg": "缺少参数 json"})
        too_fast = {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "0", "errcode": 130101}
        self.within(20, 60 * A_SECOND, said(200, {**too_fast, "errmsg": "send too fast, exceed 20 times per minute"}))
        self.counted()
        self.taken.append(body)
        return said(200, {"errcode": 0, "errmsg": "ok"})

    def _unsigned(self, query: dict[str, str]) -> str | None:
        timestamp = query.get("timestamp", "")
        if not timestamp.isdigit() or abs(int(timestamp) - self.clock() // 1000) > HOUR_MS:
            return "invalid timestamp"
        digest = hmac.new(SECRET.encode(), f"{timestamp}\n{SECRET}".encode(), hashlib.sha256).digest()
        return None if query.get("sign") == base64.b64encode(digest).decode() else "sign not match"
