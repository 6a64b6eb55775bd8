"""What the fakes of chat services share: a server that judges each body, limits by a clock, and what acts in a text."""

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fake_chat import Answer, FakeChat, Post, answers

from streams.instants import SECOND

BARE_LINK = re.compile(
    r"(?i)\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:)[^\s<>|)\]\"]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b"
)
"""What clients make a link of without being asked to."""

_MARKDOWN_LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]*)[^)]*\)")
_FORMATS = {
    "bold": r"\*\*[^*\n]+\*\*|__[^_\n]+__",
    "italic": r"(?<![*\w])\*[^*\s][^*\n]*\*(?![*\w])|(?<![_\w])_[^_\s][^_\n]*_(?![_\w])",
    "strike": r"~~[^~\n]+~~|(?<!~)~[^~\s][^~\n]*~(?!~)",
    "code": r"`[^`\n]+`",
    "heading": r"(?m)^\s{0,3}#{1,6}\s",
    "quote": r"(?m)^\s{0,3}>",
    "list": r"(?m)^\s{0,3}(?:[-+*]|\d{1,9}[.)])\s",
    "tag": r"<[!/]?[a-zA-Z][^>]*>?",
    "template": r"\$\{|\{\{",
}


class Acts(NamedTuple):
    """What does more than stand there: whom it calls, where it leads, how it is formatted or what else it brings."""

    mentions: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()

    def __or__(self, other: "Acts") -> "Acts":
        return Acts(*(mine | theirs for mine, theirs in zip(self, other, strict=True)))


def bare(text: str) -> Acts:
    """A text that no markup is read in, shown by a client that makes links of addresses."""
    return Acts(links=frozenset(match[0] for match in BARE_LINK.finditer(text)))


def markdown(text: str) -> Acts:
    """A text read as Markdown, generously: what any dialect would take for markup."""
    links = frozenset(match[2] for match in _MARKDOWN_LINK.finditer(text))
    rest = _MARKDOWN_LINK.sub(lambda match: match[1], text)
    formats = frozenset(name for name, pattern in _FORMATS.items() if re.search(pattern, rest))
    return Acts(links=links, formats=formats) | bare(rest)


def everything(*parts: Acts) -> Acts:
    """All that acts in any of these."""
    whole = Acts()
    for part in parts:
        whole |= part
    return whole


class Malformed(Exception):
    """A body that the service refuses; holds its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def said(status: int, body: Any, **headers: str) -> Answer:
    """An answer in JSON, or in plain text."""
    return answers(status, body if isinstance(body, str) else json.dumps(body, ensure_ascii=False), **headers)


@dataclass
class Service(FakeChat):
    """An async context manager. `clock` gives microseconds; `stuck`, where set, is the answer to every further post."""

    clock: Callable[[], int] = lambda: 0
    taken: list[Any] = field(default_factory=list)
    """The bodies that the service took."""
    stuck: Answer | None = None
    _recent: deque[int] = field(default_factory=deque)

    def answer_to(self, post: Post) -> Answer:
        if self.stuck is not None:
            return self.stuck
        try:
            return self.judge(post)
        except Malformed as error:
            return error.answer

    def judge(self, post: Post) -> Answer:
        """The answer to a post by the service's rules; raises Malformed."""
        raise NotImplementedError

    def json(self, post: Post, refusal: Answer) -> dict[str, Any]:
        """The JSON object of a post; Malformed with `refusal` where it is none."""
        try:
            body = json.loads(post.raw)
        except ValueError:
            body = None
        if not isinstance(body, dict) or not post.headers.get("content-type", "").startswith("application/json"):
            raise Malformed(refusal)
        return body

    def within(self, count: int, period: int, refusal: Answer) -> None:
        """Count a message; Malformed with `refusal` where it is more than `count` in `period` microseconds."""
        now = self.clock()
        if sum(now - at < period for at in self._recent) >= count:
            raise Malformed(refusal)

    def counted(self) -> None:
        """One more message was taken now."""
        self._recent.append(self.clock())


def strings(node: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for child in children for text in strings(child)]


A_SECOND = SECOND
