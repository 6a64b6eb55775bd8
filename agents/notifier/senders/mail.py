"""E-mail by SMTP: a mail of plain text and HTML, and what is known after each step of handing it over.

Facts: 4yz replies are failures for now, 5yz final (RFC 5321, 4.2.1); a mail whose end was sent and not answered may
have been taken (RFC 5321, 4.5.3.2.6, RFC 1047); `Auto-Submitted: auto-generated` keeps automatic answers away (RFC
3834); replies of one subject are held together by In-Reply-To and References (RFC 5322, 3.6.4). The library is
aiosmtplib; its errors are named in its documentation (aiosmtplib.readthedocs.io).
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import re
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import TYPE_CHECKING

import aiosmtplib

from agents.notifier.card import Presentation, card_of
from agents.notifier.http import Outcome, Result
from agents.notifier.senders.people import person_id
from agents.notifier.text import cut
from streams.instants import SECOND, to_datetime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.notifier.card import Card
    from agents.notifier.message import Message

SUBJECT_LENGTH = 200
_GOODBYE = 1.0  # seconds
_ID = re.compile(r"[^A-Za-z0-9_-]+")
_REFERENCE = re.compile(r"<[A-Za-z0-9_.-]{1,250}@[A-Za-z0-9.-]{1,250}>")


def message_id(message: Message, sender: str) -> str:
    """The same for the same message, so that a mailbox may tell a repeat."""
    parts = (_ID.sub("", part)[:60] for part in (message.alert.alert_id, message.alert.kind, message.destination))
    return f"<{'.'.join(parts)}.slawatch@{sender.rpartition('@')[2]}>"


def mail(message: Message, card: Card, sender: str, to: Sequence[str], now: int, *, repeat: bool) -> EmailMessage:
    """The mail, dated at an instant in microseconds; the person it calls gets it too."""
    made = EmailMessage(policy=SMTP_POLICY)
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


@dataclass
class _Progress:
    """How far an attempt got: once the mail's content is under way, silence says nothing."""

    content: bool = False


@dataclass(frozen=True)
class MailSender:
    """Hands mails to one SMTP server. `security` is `starttls`, `tls` or `none`; `timeout` in microseconds.

    Where only some of the recipients are refused, the mail is on its way to the others: taken, with those in `error`.
    """

    host: str
    port: int
    security: str
    sender: str
    to: Sequence[str]
    timeout: int
    clock: Callable[[], int]
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    presentation: Presentation = field(default_factory=Presentation)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        card = card_of(message, self.presentation)
        to = recipients(card, self.to)
        made = mail(message, card, self.sender, to, self.clock(), repeat=repeat)
        progress = _Progress()
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            tls_context=self.tls,
            local_hostname="slawatch",
            timeout=None,  # ours holds for the whole of it
        )
        try:
            async with asyncio.timeout(self.timeout / SECOND):
                refused = await _hand_over(client, self.sender, to, made.as_bytes(), progress)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            return _judged(error, progress)
        finally:
            await _leave(client)
        told = f"{len(refused)} of {len(to)} recipients refused: {_reply(refused[0])}" if refused else ""
        return Result(Outcome.SENT, told, reference=made["Message-ID"])


async def _hand_over(
    client: aiosmtplib.SMTP, sender: str, to: Sequence[str], content: bytes, progress: _Progress
) -> list[aiosmtplib.SMTPRecipientRefused]:
    """Hands the mail over; those whom the server refuses. Raises SMTPRecipientsRefused where nobody is left."""
    await client.connect()
    await client.mail(sender)
    refused = []
    for each in to:
        try:
            await client.rcpt(each)
        except aiosmtplib.SMTPRecipientRefused as error:
            refused.append(error)
    if len(refused) == len(to):
        raise aiosmtplib.SMTPRecipientsRefused(refused)
    progress.content = True
    await client.data(content)
    return refused


async def _leave(client: aiosmtplib.SMTP) -> None:
    """A word of goodbye where that is quick; what was taken is taken."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        if client.is_connected:
            async with asyncio.timeout(_GOODBYE):
                await client.quit()
    client.close()


def _judged(error: Exception, progress: _Progress) -> Result:
    """What is known after an error; its words are the server's code and text, never the address or the password."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        final = all(each.code // 100 == 5 for each in error.recipients)
        said = f"every recipient refused: {_reply(error.recipients[0])}"
        return Result(Outcome.REFUSED if final else Outcome.FAILED, said)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        final = error.code // 100 == 5 and not isinstance(error, aiosmtplib.SMTPConnectError)
        return Result(Outcome.REFUSED if final else Outcome.FAILED, _reply(error))
    if progress.content:
        quiet = "no answer in time" if isinstance(error, TimeoutError) else "the connection broke off"
        return Result(Outcome.UNKNOWN, f"{quiet} after the mail was sent")
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        return Result(Outcome.FAILED, "the server does not offer the security or the login that is asked for")
    return Result(Outcome.FAILED, _why(error))


def _reply(error: aiosmtplib.SMTPResponseException) -> str:
    """The server's code; its text may repeat an address, so that the code of RFC 3463 is all that is kept of it."""
    enhanced = re.match(r"\d\.\d{1,3}\.\d{1,3}", error.message)
    return f"SMTP {error.code}" + (f" {enhanced[0]}" if enhanced else "")


def _why(error: BaseException) -> str:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {seen.verify_message}"
        if isinstance(seen, ssl.SSLError):
            return "no TLS"
        if isinstance(seen, ConnectionRefusedError):
            return "Connection refused"
        seen = seen.__cause__
    return "no answer in time" if isinstance(error, TimeoutError) else "no connection, or it broke off"
