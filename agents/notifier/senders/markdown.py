"""A card as Markdown, for group bots that read some: our own markup acts, that of tickets does not.

Neither DingTalk nor WeCom documents an escape for its Markdown, so the characters of theirs that could act stand in
their full-width form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.notifier.text import full_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.notifier.card import Card

_ACTIVE = "<>[]{}*_`~#|\\@&"
_ITEM = re.compile(r"^(?:[-+=]|\d{1,9}[.)])")
"""What makes a list or a heading at the beginning of a line, and nothing elsewhere: a ticket's id keeps its hyphens."""


def inert(text: str) -> str:
    """Text in which nothing of Markdown acts, nor `@name`, nor a tag."""
    return _ITEM.sub(lambda match: full_width(match[0], "-+=.)"), full_width(text, _ACTIVE))


def link(label: str, url: str) -> str:
    """A link of our own."""
    return f"[{inert(label)}]({url.replace('(', '%28').replace(')', '%29').replace(' ', '%20')})"


def lines(card: Card, *, repeat: bool, mention: str | None) -> Iterator[str]:
    """The lines below the title, what matters most first: a service cuts from the end."""
    if mention is not None:
        yield mention
    if repeat:
        yield inert(card.repeated)
    if card.links:
        yield "  ".join(link(each.label, each.url) for each in card.links)
    for fact in card.facts:
        yield f"> {inert(card.line(fact))}"
    for section in card.sections:
        yield f"**{inert(section.title)}**"
        for line in section.lines:
            yield f"> {link(line.text, line.url) if line.url else inert(line.text)}"
    yield inert(card.footer)
