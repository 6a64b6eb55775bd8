"""A mail of a card: headers that nothing can be smuggled into, plain text, and HTML that says the same.

Facts: `Auto-Submitted: auto-generated` keeps automatic answers away (RFC 3834); mails of one subject are held together
by In-Reply-To and References (RFC 5322, 3.6.4); a reader decodes `=?...?=` in a header (RFC 2047).
"""

from __future__ import annotations

import html
import re
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

from agents.notifier.senders.people import person_id
from agents.notifier.text import cut
from streams.instants import to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.notifier.card import Card
    from agents.notifier.message import Message

SUBJECT_LENGTH = 200
_ID = re.compile(r"[^A-Za-z0-9_-]+")
_REFERENCE = re.compile(r"<[A-Za-z0-9_.-]{1,250}@[A-Za-z0-9.-]{1,250}>")


def message_id(message: Message, sender: str) -> str:
    """The same for the same message, so that a mailbox may tell a repeat."""
    parts = (_ID.sub("", part)[:60] for part in (message.alert.alert_id, message.alert.kind, message.destination))
    return f"<{'.'.join(parts)}.slawatch@{sender.rpartition('@')[2]}>"


def mail(message: Message, card: Card, sender: str, to: Sequence[str], now: int, *, repeat: bool) -> EmailMessage:
    """The mail, dated at an instant in microseconds; the person it calls gets it too."""
    made = EmailMessage(policy=SMTP)
    made["From"] = sender
    made["To"] = ", ".join(to)
    made["Subject"] = cut(card.title, SUBJECT_LENGTH).replace("=?", "＝?")  # RFC 2047: else a reader would decode it
    made["Date"] = format_datetime(to_datetime(now))
    made["Message-ID"] = message_id(message, sender)
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    if message.thread and _REFERENCE.fullmatch(message.thread):
        made["In-Reply-To"] = made["References"] = message.thread
    made.set_content("\n".join(_plain(card, repeat=repeat)) + "\n")
    made.add_alternative("\n".join(_page(card, repeat=repeat)) + "\n", subtype="html")
    return made


def recipients(card: Card, to: Sequence[str]) -> list[str]:
    """Those of the destination, and the person whom the card calls."""
    called = person_id(card, "email")
    return list(dict.fromkeys([*to, *([called] if called else [])]))


def _plain(card: Card, *, repeat: bool) -> Iterator[str]:
    yield card.title
    yield ""
    for fact in card.facts:
        yield card.line(fact)
    for link in card.links:
        yield f"{link.label}: {link.url}"
    for section in card.sections:
        yield ""
        yield section.title
        for line in section.lines:
            yield f"- {line.text}" + (f"  {line.url}" if line.url else "")
    yield ""
    yield card.footer
    if repeat:
        yield card.repeated


def _page(card: Card, *, repeat: bool) -> Iterator[str]:
    said = html.escape
    yield f"<p><strong>{said(card.title)}</strong></p>"
    yield "<table>"
    for fact in card.facts:
        yield f"<tr><td>{said(fact.label)}</td><td>{said(fact.value)}</td></tr>"
    yield "</table>"
    if card.links:
        yield "<p>" + " · ".join(f'<a href="{said(link.url)}">{said(link.label)}</a>' for link in card.links) + "</p>"
    for section in card.sections:
        yield f"<p><strong>{said(section.title)}</strong></p><ul>"
        for line in section.lines:
            text = said(line.text)
            yield f'<li><a href="{said(line.url)}">{text}</a></li>' if line.url else f"<li>{text}</li>"
        yield "</ul>"
    small = [card.footer, card.repeated] if repeat else [card.footer]
    yield f"<p><small>{'<br>'.join(said(text) for text in small)}</small></p>"
