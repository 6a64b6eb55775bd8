"""Receivers of the generic webhook, which checks its signature as docs/routing.md shows, and of Apprise's `json://`.

Apprise's "custom JSON" (github.com/caronc/apprise, wiki "Notify_Custom_JSON"): version, title, message, type,
attachments; what it passes on may end up in any service, so every markup that any of them reads counts.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from chat_services.service import Acts, Service, bare, markdown, said
from fake_chat import Answer, Post

HOOK = "/hooks/sla"
SECRET = "whsec-0123456789abcdef"
NOTIFY = "/notify"


def signed(secret: str, header: str, body: bytes, now: int, tolerance: int = 300) -> bool:
    """Whether a header `t=SECONDS,v1=HEX` signs the body, not longer ago than so many seconds."""
    found = re.fullmatch(r"t=(\d{1,12}),v1=([0-9a-f]{64})", header)
    if found is None or abs(now - int(found[1])) > tolerance:
        return False
    expected = hmac.new(secret.encode(), found[1].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, found[2])


@dataclass
class FakeReceiver(Service):
    """A service of the user's own at HOOK, that takes what is signed with SECRET."""

    def judge(self, post: Post) -> Answer:
        if post.path != HOOK:
            return said(404, "")
        if not signed(SECRET, post.headers.get("x-slawatch-signature", ""), post.raw, self.clock() // 1_000_000):
            return said(401, "not signed")
        body = self.json(post, said(400, "not JSON"))
        if not isinstance(body.get("alert_id"), str) or not isinstance(body.get("text"), str):
            return said(422, "not an alert")
        self.taken.append(body)
        return said(204, "")


@dataclass
class FakeAppriseJson(Service):
    """What `json://` posts to."""

    def judge(self, post: Post) -> Answer:
        body = self.json(post, said(400, "not JSON"))
        if post.path != NOTIFY or not {"version", "title", "message", "type"} <= body.keys():
            return said(400, "")
        self.taken.append(body)
        return said(200, "")


def record_acts(body: dict[str, Any]) -> Acts:
    """A record is data, which a program reads; of the sentence made for people, a chat may show it as it is."""
    return bare(body["text"])


def apprise_acts(body: dict[str, Any]) -> Acts:
    """What any service behind Apprise might act on."""
    text = f"{body['title']}\n{body['message']}"
    return Acts(mentions=frozenset(re.findall(r"@[\w&!.-]+|<[!@#][^>]*>", text))) | markdown(text)
