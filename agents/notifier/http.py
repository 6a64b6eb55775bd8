"""One POST, and what is known after it: taken, refused for good, not taken for now, or nobody can know."""

from __future__ import annotations

import os
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec

from agents.notifier.names import Names
from streams.instants import SECOND, from_datetime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from agents.notifier.message import Message

LONGEST_RETRY_AFTER = 3600 * SECOND
"""A server that asks for more patience than this (microseconds) is asked again after it."""

_READ_AT_MOST = 2048
_JUDGED_AT_MOST = 1 << 16  # a service may repeat the whole message
_SHOWN = 200  # characters of it
_SEPARATORS = re.compile(r"[/?&=;:,\s]+")
_SHORTEST_SECRET = 6
_TOO_OFTEN = re.compile(r"(?i)too (?:fast|many|often|frequent)|frequency limit|rate.?limit|限流|频率|频繁|太快")


class Outcome(Enum):
    """What an attempt to send came to."""

    SENT = auto()
    REFUSED = auto()  # not taken, and never will be
    FAILED = auto()  # not taken; worth another try
    UNKNOWN = auto()  # the body left us and no answer came: it may have arrived


class Result(NamedTuple):
    """An outcome, why (it holds no address and no secret), and the patience asked for, in microseconds.

    `reference` is the service's own name of a message that was taken, where it tells one.
    """

    outcome: Outcome
    error: str = ""
    retry_after: int | None = None
    reference: str | None = None


class Sender(Protocol):
    """The port of the chats. One attempt of one message; raises nothing but CancelledError."""

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """Try once. `repeat`: it may have arrived before, and must say so."""


@runtime_checkable
class Editor(Sender, Protocol):
    """A sender whose service can change a message that it has taken."""

    async def update(self, reference: str, message: Message) -> Result:
        """Let the message of this reference say what this one says. REFUSED where it is gone or may not be changed;
        one of unknown result may be tried again, for it changes nothing twice.
        """


Judge = Callable[[str], Result]
"""What the text of a 2xx answer means at a service that says there whether it took the message."""


def open_session(lookup: Callable[..., Any] = socket.getaddrinfo) -> aiohttp.ClientSession:
    """The session all senders share.

    A connection serves one request: a kept one that the server closes at the wrong moment would look like a send
    whose result nobody can know. Cookies of one destination are not for another. `lookup` finds addresses as
    socket.getaddrinfo does.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0, resolver=Names(lookup)),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "slawatch"},
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: Mapping[str, Any] | bytes,
    *,
    timeout: int,  # noqa: ASYNC109 - microseconds for aiohttp, which knows how far a request got when it ran out
    clock: Callable[[], int],
    headers: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
    judge: Judge | None = None,
) -> Result:
    """POST the body as JSON, or as it is where it is bytes of it. Every 2xx counts as taken, unless `judge` says else.

    `timeout` is for the whole of it, in microseconds; `hidden` are secrets beside those of address and headers.
    """
    limits = aiohttp.ClientTimeout(total=timeout / SECOND, connect=timeout / SECOND / 2)
    try:
        async with session.post(
            url,
            data=body if isinstance(body, bytes) else msgspec.json.encode(body),
            headers={**(headers or {}), "Content-Type": "application/json"},
            allow_redirects=False,
            timeout=limits,
        ) as response:
            if response.status // 100 == 2 and judge is None:
                return Result(Outcome.SENT)
            said = await _said(response, _READ_AT_MOST if judge is None else _JUDGED_AT_MOST)
            secret = sorted({*secrets(url, headers or {}), *hidden}, key=len, reverse=True)
            if response.status // 100 == 2 and judge is not None:
                return _told(judge(said), secret, response.headers.get("Retry-After"), clock)
            return _judged(response, without(secret, said[:_READ_AT_MOST]), clock)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return Result(Outcome.FAILED, _why(error))
    except aiohttp.InvalidURL:
        return Result(Outcome.REFUSED, "the destination's url cannot be used")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return Result(Outcome.UNKNOWN, _why(error))


async def _said(response: aiohttp.ClientResponse, at_most: int) -> str:
    """The beginning of the body; raises what reading raises while that decides whether the message was taken."""
    try:
        chunks = b""
        async for chunk in response.content.iter_any():
            chunks += chunk
            if len(chunks) >= at_most:
                break
        return chunks[:at_most].decode("utf-8", "replace").strip()
    except (aiohttp.ClientError, OSError, TimeoutError):
        if response.status // 100 == 2:
            raise
        return ""


def _told(result: Result, secret: Sequence[str], header: str | None, clock: Callable[[], int]) -> Result:
    """What a service says with a 2xx, without secrets, and with the patience that it asks for."""
    wait = retry_after(header, clock()) if result.retry_after is None else result.retry_after
    return result._replace(error=_printable(without(secret, result.error)), retry_after=wait)


def secrets(url: str, headers: Mapping[str, str]) -> list[str]:
    """What of a request may be secret, longest first: each part of its address but the host, and of its headers."""
    address = urlsplit(url)
    user, password = unquote(address.username or ""), unquote(address.password or "")
    basic = b64encode(f"{user}:{password}".encode()).decode()  # so they are sent
    texts = [user, password, basic, address.path, address.query, *headers.values()]
    texts += [unquote(text) for text in texts]
    parts = {part for text in texts for part in (text, *_SEPARATORS.split(text)) if len(part) >= _SHORTEST_SECRET}
    return sorted(parts, key=len, reverse=True)


def without(hidden: Sequence[str], said: str) -> str:
    """What a server said, without these parts: some repeat the request, and what they say is logged and kept."""
    if hidden and len(said) > _SHOWN:
        said = said[: -len(hidden[0])]  # the reading may have ended within one
    for part in hidden:
        said = re.sub(re.escape(part), "***", said, flags=re.IGNORECASE)
    return said


def _judged(response: aiohttp.ClientResponse, said: str, clock: Callable[[], int]) -> Result:
    status = response.status
    error = f"HTTP {status}" + (f" {_printable(said)}" if said else "")
    if status // 100 == 3:
        return Result(Outcome.REFUSED, f"HTTP {status}: redirects are not followed")
    if status == 504:  # a gateway waited in vain: the one behind it may have taken the message
        return Result(Outcome.UNKNOWN, error)
    if status // 100 == 2 or status in (408, 429) or status >= 500 or too_often(said):
        return Result(Outcome.FAILED, error, retry_after(response.headers.get("Retry-After"), clock()))
    return Result(Outcome.REFUSED, error)


def too_often(said: str) -> bool:
    """Whether a service says that it is asked too often. Some say so by a code or a status that means a bad request
    otherwise: what is sent later is taken.
    """
    return _TOO_OFTEN.search(said) is not None


def retry_after(header: str | None, now: int) -> int | None:
    """Microseconds to wait by a Retry-After header: seconds or an HTTP date (RFC 9110, 10.2.3); None if neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]) * SECOND, LONGEST_RETRY_AFTER)
    try:
        wait = from_datetime(parsedate_to_datetime(text)) - now
    except (ValueError, TypeError):  # no date; a date of an unknown zone
        return None
    return min(max(wait, 0), LONGEST_RETRY_AFTER)


def _why(error: BaseException) -> str:
    """A failure in a few words. Its text is not used: aiohttp puts addresses in some."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = error.__cause__ if isinstance(error, aiohttp.ClientConnectorError) else None
    match cause:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {cause.verify_message}"
        case ssl.SSLError():
            return f"no TLS: {(cause.reason or 'broken off').replace('_', ' ').lower()}"
        case socket.gaierror():
            return "its name leads to no address"
        case OSError(errno=int(number)) if number:
            return os.strerror(number)
    return type(error).__name__


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:_SHOWN])
