"""What each service shows of a body that is sent to it, as lines: read from the body itself, not from the card."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from agents.documents.drawing import Row, link, small, title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import EmailMessage

    Body = Mapping[str, Any]

_COLORS = {"attention": "#c4314b", "warning": "#b25e09", "good": "#237b4b", "red": "#c4314b", "orange": "#b25e09"}
_COLORS |= {"green": "#237b4b", "blue": "#245bdb", "grey": "#616061", "default": "#1d1c1d"}
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_HEADING = re.compile(r"#{1,6} ")


def slack(body: Body) -> Iterator[Row]:
    """The blocks of a message."""
    for block in body["blocks"]:
        match block:
            case {"type": "header", "text": {"text": text}}:
                yield title(text)
            case {"type": "section", "fields": fields}:
                yield from (Row(each["text"]) for each in fields)
            case {"type": "context", "elements": elements}:
                yield from (small(each["text"]) for each in elements)
            case {"type": "rich_text", "elements": elements}:
                for element in elements:
                    yield from _rich(element)


def _rich(element: Body) -> Iterator[Row]:
    if element["type"] == "rich_text_list":
        for item in element["elements"]:
            yield from (row._replace(text=f"• {row.text}") for row in _rich(item))
        return
    shown = {"link": "text", "text": "text", "user": "user_id"}
    parts = [("@" if each["type"] == "user" else "") + each[shown[each["type"]]] for each in element["elements"]]
    plain = all(each["type"] == "text" for each in element["elements"])
    text = "".join(parts)
    yield Row(text, bold=True) if plain and element["elements"][0].get("style") else Row(text) if plain else link(text)


def teams(body: Body) -> Iterator[Row]:
    """The Adaptive Card of a message."""
    content = body["attachments"][0]["content"]
    for element in content["body"]:
        if element["type"] == "TextBlock":
            yield link(re.sub(r"<at>(.*?)</at>", r"@\1", element["text"]))
            continue
        runs = element["inlines"]
        text, first = "".join(run["text"] for run in runs), runs[0]
        if first.get("size") == "medium":
            yield title(text, _COLORS[first["color"]])
        elif first.get("size") == "small":
            yield small(text)
        else:
            leads = any("selectAction" in run for run in runs)
            yield link(text) if leads else Row(text, bold=first.get("weight") == "bolder")
    yield from (link(f"[ {action['title']} ]") for action in content["actions"])


def markdown(text: str) -> Iterator[Row]:
    """A text of Markdown, as DingTalk and WeCom read it."""
    for number, line in enumerate(line for line in text.split("\n") if line):
        plain = _LINK.sub(r"\1", line.removeprefix("> "))
        if number == 0:
            yield title(_HEADING.sub("", plain))
        elif _LINK.search(line):
            yield link(plain)._replace(bar="#d0d0d0" if line.startswith("> ") else "")
        elif line.startswith(("@", "<@")):
            yield link("@" + line.strip("<@>"))
        elif line.startswith("**"):
            yield Row(plain.strip("*"), bold=True)
        else:
            yield Row(plain, bar="#d0d0d0") if line.startswith("> ") else small(plain)


def feishu(body: Body) -> Iterator[Row]:
    """A card."""
    header = body["card"]["header"]
    yield title(header["title"]["content"], _COLORS[header["template"]])
    for element in body["card"]["elements"]:
        match element:
            case {"tag": "div", "fields": fields}:
                yield from (Row(each["text"]["content"]) for each in fields)
            case {"tag": "div", "text": {"tag": "lark_md", "content": text}}:
                yield link(re.sub(r"<at id=(.*?)></at>", r"@\1", text))
            case {"tag": "div", "text": {"content": text}, "extra": {"text": {"content": label}}}:
                yield Row(f"{text}   [ {label} ]")
            case {"tag": "div", "text": {"content": text}}:
                yield Row(text, bold=not text.startswith("·"))
            case {"tag": "action", "actions": actions}:
                yield link("   ".join(f"[ {each['text']['content']} ]" for each in actions))
            case {"tag": "note", "elements": elements}:
                yield from (small(each["content"]) for each in elements)


def mail(made: EmailMessage) -> Iterator[Row]:
    """The subject, to whom it goes, and the plain text."""
    yield title(made["Subject"])
    yield small(f"{made['From']} → {made['To']}")
    part = made.get_body(("plain",))
    for line in str(part.get_content()).splitlines() if part is not None else ():
        yield Row(line or " ")


def record(body: Body) -> Iterator[Row]:
    """JSON, as it is sent but for its line breaks."""
    for line in json.dumps(body, indent=2, ensure_ascii=False).splitlines():
        yield Row(line, 12, mono=True)


def plain(heading: str, text: str) -> Iterator[Row]:
    """A title and a text."""
    yield title(heading)
    yield from (Row(line or " ") for line in text.splitlines())
