"""The destinations of a routing file: every kind, its keys, and how each is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from config.errors import shown
from config.secret import read_secret
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from config.source import Node

COMMON_KEYS = ("kind", "rate_limit", "timeout", "cards")
NAME_PATTERN = r"[^\s:|]{1,60}"
RATE_PATTERN = r"[1-9]\d{0,5}/[smhd]"
CARDS_PATTERN = r"[1-9]\d{0,5}"

_DEFAULT_TIMEOUT = 10 * SECOND
_LONGEST_TIMEOUT = 2 * MINUTE
_PERIODS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = ("content-type", "content-length", "transfer-encoding", "host")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` messages in any `period` of microseconds."""

    count: int
    period: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Where messages go. `timeout` is in microseconds; more than `cards` in a minute are summed up (None: never)."""

    name: str
    rate_limit: RateLimit | None
    timeout: int
    cards: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Webhook(Destination):
    """An HTTP endpoint that takes the alert record as JSON."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Slack(Destination):
    """A Slack incoming webhook, which belongs to one channel."""

    url: str = field(repr=False)


def read_destination(name: str, node: Node, environ: Mapping[str, str]) -> Destination | None:
    """A destination, or None where it has a problem."""
    problems_before = len(node.problems)
    if not re.fullmatch(NAME_PATTERN, name) or not name.isprintable():
        node.bad("not usable as a name (at most 60 characters, none of them a space, ':' or '|')")
    if not node.is_mapping():
        node.bad("expected keys and values (kind and url)")  # not quoted: it may be the secret address
        return None
    kind = node.mapping().get("kind")
    if kind is None:
        node.bad(f"its kind is missing (write kind: {' or kind: '.join(KINDS)})")
        return None
    chosen = KINDS.get(kind.choice(KINDS, "kind of destination") or "")
    if chosen is None:
        return None
    found = node.entries((*COMMON_KEYS, *chosen.keys), required=chosen.required)
    rate_limit = found["rate_limit"].read(_rate) if "rate_limit" in found else chosen.rate_limit
    timeout = found["timeout"].read(_timeout) if "timeout" in found else _DEFAULT_TIMEOUT
    cards = found["cards"].read(_cards) if "cards" in found else _few(rate_limit)
    destination = chosen.make(_Common(name, rate_limit, timeout or _DEFAULT_TIMEOUT), found, environ)
    return replace(destination, cards=cards) if len(node.problems) == problems_before else None


class _Common(NamedTuple):
    """What every destination has, in the order of `Destination`'s fields."""

    name: str
    rate_limit: RateLimit | None
    timeout: int


class Kind(NamedTuple):
    """A kind of destination: its keys beside the common ones, the service's rate limit, and how to make one."""

    keys: tuple[str, ...]
    required: tuple[str, ...]
    rate_limit: RateLimit | None
    make: Callable[[_Common, Mapping[str, Node], Mapping[str, str]], Destination]


def _webhook(common: _Common, found: Mapping[str, Node], environ: Mapping[str, str]) -> Destination:
    url = _read_url(found, environ)
    headers = {}
    given = found.get("headers")
    if given is not None and not given.is_mapping():
        given.bad("expected keys and values (name: value)")  # not quoted: it may be a secret
        given = None
    for name, node in (given.mapping() if given is not None else {}).items():
        if not _HEADER.fullmatch(name):
            node.bad("not a header's name (letters, digits and '-')")
        elif name.lower() in _OURS:
            node.bad("this header is set by the sender (leave it out)")
        elif (value := node.read(_filled(environ, _header))) is not None:
            headers[name] = value
    return Webhook(*common, url=url, headers=headers)


def _slack(common: _Common, found: Mapping[str, Node], environ: Mapping[str, str]) -> Destination:
    return Slack(*common, url=_read_url(found, environ))


KINDS: Mapping[str, Kind] = {
    "webhook": Kind(keys=("url", "headers"), required=("url",), rate_limit=None, make=_webhook),
    # https://docs.slack.dev/apis/web-api/rate-limits: incoming webhooks, 1 a second, short bursts apart.
    "slack": Kind(keys=("url",), required=("url",), rate_limit=RateLimit(1, SECOND), make=_slack),
}


def _read_url(found: Mapping[str, Node], environ: Mapping[str, str]) -> str:
    url = found["url"].read(_filled(environ, _url)) if "url" in found else None
    return url or ""


def _filled(environ: Mapping[str, str], parse: Callable[[str], str]) -> Callable[[str], str]:
    """`parse` after each `${NAME}` was replaced by the secret of that name; no message repeats a secret."""

    def value(match: re.Match[str]) -> str:
        secret = read_secret(environ, match[1])
        if secret is None:
            raise ValueError(f"the environment variable {match[1]} is not set (set it, or {match[1]}_FILE)")
        return secret

    return lambda text: parse(_PLACEHOLDER.sub(value, text))


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("not an http or https URL (write https://host/path)")
    return text


def _header(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("not usable in a header (printable ASCII characters only)")
    return text


def _rate(text: str) -> RateLimit:
    if not re.fullmatch(RATE_PATTERN, text):
        raise ValueError(f"not a rate: {shown(text)} (write 20/m; s, m, h and d are known)")
    count, _, unit = text.partition("/")
    return RateLimit(int(count), _PERIODS[unit])


def _cards(text: str) -> int | None:
    if text == "all":
        return None
    if not re.fullmatch(CARDS_PATTERN, text):
        raise ValueError(f"not a number of cards in a minute: {shown(text)} (write 20, or all)")
    return int(text)


def _few(rate_limit: RateLimit | None) -> int | None:
    """As many as the service takes in a minute, less a tenth and at least one, so that a digest finds a place."""
    if rate_limit is None:
        return None
    minute = rate_limit.count * MINUTE // rate_limit.period
    return max(minute - max(minute // 10, 1), 1)


def _timeout(text: str) -> int:
    timeout = parse_duration(text)
    if not 0 < timeout <= _LONGEST_TIMEOUT:
        raise ValueError(f"not a usable timeout: {shown(text)} (over 0s, at most 2m)")
    return timeout
