"""An SMTP server by RFC 5321, that refuses what is malformed and misbehaves as told.

It knows EHLO, STARTTLS (RFC 3207), AUTH PLAIN and LOGIN (RFC 4954), MAIL, RCPT, DATA, RSET and QUIT; a mail needs From,
Date and Message-ID once (RFC 5322, 3.6), lines of at most 998 characters that end with CR LF (2.1.1), ASCII headers.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser
from typing import Self

from chat_services.service import Acts, bare, everything
from services import free_ports

USER, PASSWORD = "monitor", "smtp-Passw0rd-0123"
HEADERS = {
    *("from", "to", "subject", "date", "message-id", "auto-submitted", "x-auto-response-suppress"),
    *("mime-version", "content-type", "content-transfer-encoding", "in-reply-to", "references"),
}
HANG, DROP = "hang", "drop"


@dataclass(frozen=True)
class Mail:
    """What was handed over."""

    sender: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = BytesParser(policy=policy.default).parsebytes(self.raw)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def part(self, subtype: str) -> str:
        body = self.message.get_body((subtype,))
        assert body is not None
        return str(body.get_content())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.add(value or "")
            else:
                self.tags.add(f"{tag} {name}")

    def handle_comment(self, data: str) -> None:
        self.tags.add("comment")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def acts(mail: Mail) -> Acts:
    """What acts in a mail: whom it goes to, its links, its tags, and headers that nobody meant."""
    tags = _Tags()
    tags.feed(mail.part("html"))
    more = {f"header {name}" for name in mail.message if name.lower() not in HEADERS}
    page = Acts(frozenset(mail.to), frozenset(tags.links), frozenset(tags.tags | more))
    return everything(
        page, bare(mail.part("plain")), *(bare(text) for text in tags.texts), bare(mail.message["subject"])
    )


def lock_screen(mail: Mail) -> str:
    """What a notification shows: the subject."""
    return str(mail.message["subject"])


@dataclass
class FakeSmtp:
    """An async context manager. `replies` are those given in place of its own, by the command in capitals (`.` is the
    end of a mail, `CONNECT` the greeting), or HANG or DROP.
    """

    port: int = field(default_factory=lambda: free_ports(1)[0])
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    login: bool = True
    replies: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Replies to RCPT by address."""
    taken: list[Mail] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        tls = self.tls if self.implicit else None
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, ssl=tls, limit=1 << 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await _Session(self, reader, writer).run()
        writer.close()


class _Session:
    def __init__(self, server: FakeSmtp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._safe = server.implicit
        self._known = not server.login
        self._sender: str | None = None
        self._to: list[str] = []

    async def run(self) -> None:
        await self._say("CONNECT", "220 fake ESMTP")
        while (line := (await self._line())) is not None:
            verb = line.split(" ")[0].upper()
            self._server.seen.append(verb)
            if await self._obey(verb, line):
                return

    async def _line(self) -> str | None:
        raw = await self._reader.readuntil(b"\n")
        assert raw.endswith(b"\r\n"), "a line that does not end with CR LF"
        return raw[:-2].decode("ascii")

    async def _say(self, verb: str, reply: str) -> bool:
        """Says its own reply, or the one that is told; whether it was its own."""
        told = self._server.replies.get(verb)
        if told == HANG:
            await asyncio.sleep(3600)
        if told == DROP:
            self._writer.transport.abort()
            raise ConnectionResetError
        self._writer.write((told or reply).encode() + b"\r\n")
        await self._writer.drain()
        return told is None

    async def _obey(self, verb: str, line: str) -> bool:
        """Answers a command; whether it was the last."""
        if verb == "EHLO":
            offers = [*(["STARTTLS"] if self._server.tls and not self._safe else []), "AUTH PLAIN LOGIN"]
            lines = ["fake", *offers]
            await self._say(
                verb, "\r\n".join(f"250{'-' if n < len(lines) - 1 else ' '}{each}" for n, each in enumerate(lines))
            )
        elif verb == "STARTTLS" and self._server.tls is not None:
            if await self._say(verb, "220 go ahead"):
                await self._writer.start_tls(self._server.tls)
                self._safe = True
        elif verb == "AUTH":
            await self._say(verb, await self._auth(line))
        elif verb == "MAIL" and (found := re.fullmatch(r"MAIL FROM:<([^<>\s]+)>( .*)?", line, re.IGNORECASE)):
            if not self._known:
                await self._say(verb, "530 5.7.0 Authentication required")
            elif await self._say(verb, "250 2.1.0 OK"):
                self._sender, self._to = found[1], []
        elif verb == "RCPT" and self._sender and (found := re.fullmatch(r"RCPT TO:<([^<>\s]+)>", line, re.IGNORECASE)):
            reply = self._server.refused.get(found[1], "250 2.1.5 OK")
            if await self._say(verb, reply) and reply.startswith("250"):
                self._to.append(found[1])
        elif verb == "DATA" and self._to:
            if await self._say(verb, "354 go on"):
                await self._data()
        elif verb in ("RSET", "NOOP"):
            await self._say(verb, "250 OK")
        elif verb == "QUIT":
            await self._say(verb, "221 bye")
            return True
        else:
            await self._say(verb, "503 5.5.1 Bad sequence of commands")
        return False

    async def _auth(self, line: str) -> str:
        if self._server.tls is not None and not self._safe:
            return "538 5.7.11 Encryption required for requested authentication mechanism"
        parts = line.split(" ")
        if parts[1].upper() == "PLAIN" and len(parts) == 3:
            _, user, password = base64.b64decode(parts[2]).decode().split("\0")
        else:
            return "504 5.5.4 Unrecognized authentication type"
        self._known = (user, password) == (USER, PASSWORD)
        return "235 2.7.0 Accepted" if self._known else "535 5.7.8 Authentication credentials invalid"

    async def _data(self) -> None:
        lines: list[bytes] = []
        while (line := await self._reader.readuntil(b"\n")) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        raw = b"".join(lines)
        problem = _wrong(raw)
        if await self._say(".", problem or "250 2.0.0 queued") and problem is None:
            assert self._sender is not None
            self._server.taken.append(Mail(self._sender, tuple(self._to), raw))


def _wrong(raw: bytes) -> str | None:
    head = raw.split(b"\r\n\r\n")[0]
    if re.search(rb"[^\r]\n|\r[^\n]", raw) or any(len(line) > 998 for line in raw.split(b"\r\n")):
        return "554 5.6.0 lines"
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    if (
        any(names.count(name) != 1 for name in (b"from", b"to", b"date", b"subject", b"message-id"))
        or not head.isascii()
    ):
        return "554 5.6.0 headers"
    return None
