"""What single values of a destination may be; none of the messages repeats a secret."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from config.errors import shown
from config.secret import fill
from config.urls import on_the_web
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RATE_PATTERN = r"[1-9]\d{0,5}/[smhd]"
CARDS_PATTERN = r"[1-9]\d{0,5}"
TICKET = "{ticket_id}"
"""Where a ticket's id goes in the template of its address."""
DEFAULT_TIMEOUT = 10 * SECOND

_LONGEST_TIMEOUT = 2 * MINUTE
_PERIODS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_SHORTEST_SECRET = 8


def filled(environ: Mapping[str, str], parse: Callable[[str], str]) -> Callable[[str], str]:
    """`parse` after each `${NAME}` was replaced by the secret of that name; no message repeats a secret."""
    return lambda text: parse(fill(environ, text))


def https_or_http(text: str) -> str:
    """An address on the web."""
    if not on_the_web(text):
        raise ValueError("not an http or https URL (write https://host/path)")
    return text


def with_query(key: str, whose: str) -> Callable[[str], str]:
    """An address on the web that carries this key in its query."""

    def parse(text: str) -> str:
        if key not in parse_qs(urlsplit(https_or_http(text)).query):
            raise ValueError(f"not the address of {whose}: it has no {key} (copy it whole, with ?{key}=...)")
        return text

    return parse


def ticket_url(text: str) -> str:
    """The template of a ticket's address."""
    if TICKET not in text or re.search(r"[{}]", text.replace(TICKET, "")):
        raise ValueError(f"holds no {TICKET}, or other braces (write https://desk.example.com/tickets/{TICKET})")
    https_or_http(text.replace(TICKET, "1"))
    if TICKET in text.split("://", 1)[1].split("/", 1)[0]:
        raise ValueError(f"{TICKET} may not stand in the host's name (write it after a '/')")
    return text


def header(text: str) -> str:
    """A header's value."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("not usable in a header (printable ASCII characters only)")
    return text


def signing_secret(text: str) -> str:
    """What signatures are made with."""
    if len(text) < _SHORTEST_SECRET or text != text.strip() or not text.isprintable():
        raise ValueError(f"not usable to sign with (at least {_SHORTEST_SECRET} printable characters, no space around)")
    return text


def bot_token(text: str) -> str:
    """The token of a Slack app's bot."""
    if not re.fullmatch(r"xoxb-[A-Za-z0-9-]+", text):
        raise ValueError("not a bot's token (it begins with xoxb-; see OAuth & Permissions of the Slack app)")
    return text


def bot_channel(text: str) -> str:
    """The id of a Slack channel: only by its id can a message be changed later."""
    if not re.fullmatch(r"[CDG][A-Z0-9]{2,20}", text):
        raise ValueError(f"not a channel's id: {shown(text)} (such as C0123456789, in the channel's details)")
    return text


def mailbox(text: str) -> str:
    """The address of a mailbox, without a name."""
    if not _MAILBOX.fullmatch(text):
        raise ValueError(f"not a mail address: {shown(text)} (write name@example.com)")
    return text


def address(text: str) -> str:
    """The name or the IP address of a server."""
    if not _HOST.fullmatch(text):
        raise ValueError(f"not a server's name: {shown(text)} (write smtp.example.com; the port has a key of its own)")
    return text.strip("[]")


def port(text: str) -> str:
    """The number of a port."""
    if not re.fullmatch(r"[1-9]\d{0,4}", text) or int(text) > 65535:
        raise ValueError(f"not a port: {shown(text)} (1 to 65535)")
    return text


def apprise_url(text: str) -> str:
    """An address that Apprise understands; the library is loaded only where a file has one."""
    if "://" not in text or re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("not an address of Apprise (such as tgram://${BOT_TOKEN}/${CHAT_ID})")
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # what it says may hold the address
    from apprise import Apprise  # noqa: PLC0415 - takes most of a second

    if Apprise.instantiate(text) is None:
        raise ValueError("Apprise does not understand this address (its wiki says what belongs in it)")
    return text


def cards(text: str) -> int | None:
    """How many cards in a minute; None: all of them, however many."""
    if text == "all":
        return None
    if not re.fullmatch(CARDS_PATTERN, text):
        raise ValueError(f"not a number of cards in a minute: {shown(text)} (write 20, or all)")
    return int(text)


def rate(text: str) -> tuple[int, int]:
    """Messages and the period for them, in microseconds."""
    if not re.fullmatch(RATE_PATTERN, text):
        raise ValueError(f"not a rate: {shown(text)} (write 20/m; s, m, h and d are known)")
    count, _, unit = text.partition("/")
    return int(count), _PERIODS[unit]


def timeout(text: str) -> int:
    """How long an attempt may take, in microseconds."""
    span = parse_duration(text)
    if not 0 < span <= _LONGEST_TIMEOUT:
        raise ValueError(f"not a usable timeout: {shown(text)} (over 0s, at most 2m)")
    return span
