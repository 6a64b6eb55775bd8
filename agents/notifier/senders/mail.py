"""E-mail by SMTP: what is known after each step of handing a mail over.

Facts: 4yz replies are failures for now, 5yz final (RFC 5321, 4.2.1); a mail whose end was sent and not answered may
have been taken (RFC 5321, 4.5.3.2.6, RFC 1047). The library is aiosmtplib; its errors are named in its documentation
(aiosmtplib.readthedocs.io).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiosmtplib

from agents.notifier.card import Presentation, card_of
from agents.notifier.http import Outcome, Result
from agents.notifier.names import Names
from agents.notifier.senders.mail_text import mail, recipients
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohttp.abc import AbstractResolver

    from agents.notifier.message import Message

log = logging.getLogger("slawatch.notifier")

_GOODBYE = 1.0  # seconds


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
    names: AbstractResolver = field(default_factory=Names, repr=False)

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        card = card_of(message, self.presentation)
        to = recipients(card, self.to)
        made = mail(message, card, self.sender, to, self.clock(), repeat=repeat)
        progress = _Progress()
        client: aiosmtplib.SMTP | None = None
        try:
            async with asyncio.timeout(self.timeout / SECOND):
                client = self._client(await _reached(self.names, self.host, self.port))
                refused = await _hand_over(client, self.sender, to, made.as_bytes(), progress)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            return _judged(error, progress)
        finally:
            if client is not None:
                await _leave(client)
        told = f"{len(refused)} of {len(to)} recipients refused: {_reply(refused[0])}" if refused else ""
        if refused:
            log.warning("%s: a mail reached only some: %s", message.destination, told)
        return Result(Outcome.SENT, told, reference=made["Message-ID"])

    def _client(self, connected: socket.socket) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.host,  # whose name the certificate must hold
            sock=connected,
            username=self.username,
            password=self.password,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            tls_context=self.tls,
            local_hostname="slawatch",
            timeout=None,  # ours holds for the whole of it
        )


async def _reached(names: AbstractResolver, host: str, port: int) -> socket.socket:
    """A connection to the first address of a server that takes one; raises OSError where none does."""
    failed: OSError | None = None
    for address in await names.resolve(host, port, socket.AF_UNSPEC):
        connection = socket.socket(address["family"], socket.SOCK_STREAM, address["proto"])
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (address["host"], address["port"]))
        except OSError as error:
            connection.close()
            failed = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failed or OSError("no address")


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
        if isinstance(seen, socket.gaierror):
            return "its name leads to no address"
        seen = seen.__cause__
    return "no answer in time" if isinstance(error, TimeoutError) else "no connection, or it broke off"
