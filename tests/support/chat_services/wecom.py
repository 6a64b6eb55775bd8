"""The bot of a WeCom group, by WeCom's documentation (developer.work.weixin.qq.com).

"Group bots", path/91770 (bodies, 2,048 and 4,096 bytes, `<@userid>`, 20 a minute) and "Global error codes", path/90313.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chat_services.service import A_SECOND, Acts, Service, markdown, said
from fake_chat import Answer, Post

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
PATH = f"/cgi-bin/webhook/send?key={KEY}"
_MENTION = re.compile(r"<@([^>]*)>")


def acts(body: dict[str, Any]) -> Acts:
    """What acts in a message, as WeCom reads it."""
    content = body["markdown"]["content"]
    return Acts(mentions=frozenset(_MENTION.findall(content))) | markdown(_MENTION.sub("", content))


def lock_screen(body: dict[str, Any]) -> str:
    """What a notification shows: the beginning of the content."""
    return body["markdown"]["content"].split("\n")[0]


@dataclass
class FakeWeCom(Service):
    """A bot at PATH."""

    def judge(self, post: Post) -> Answer:
        address = urlsplit(post.path)
        if address.path != "/cgi-bin/webhook/send" or parse_qs(address.query).get("key") != [KEY]:
            return said(200, {"errcode": 93000, "errmsg": "invalid webhook url, hint: [1234], from ip: 127.0.0.1"})
        body = self.json(post, said(200, {"errcode": 47001, "errmsg": "data format error"}))
        match body:
            case {"msgtype": "markdown", "markdown": {"content": str(content)}}:
                pass
            case {"msgtype": "markdown" | "text"}:
                return said(200, {"errcode": 44004, "errmsg": "empty content"})
            case _:
                return said(200, {"errcode": 40008, "errmsg": "invalid message type"})
        if not content:
            return said(200, {"errcode": 44004, "errmsg": "empty content"})
        if len(content.encode()) > 4096:
            errmsg = "markdown.content exceed max length 4096. invalid Request Parameter"
            return said(200, {"errcode": 40058, "errmsg": errmsg})
        errmsg = "api freq out of limit, hint: [1234], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com"
        self.within(20, 60 * A_SECOND, said(200, {"errcode": 45009, "errmsg": errmsg}))
        self.counted()
        self.taken.append(body)
        return said(200, {"errcode": 0, "errmsg": "ok"})
