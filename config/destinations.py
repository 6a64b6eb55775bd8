"""The destinations of a routing file: every kind, its keys, and how each is reached."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from config.calendars import parse_zone
from config.destination_types import (
    UTC,
    Apprise,
    Destination,
    DingTalk,
    Email,
    Feishu,
    Look,
    RateLimit,
    Slack,
    SlackBot,
    Teams,
    Webhook,
    WeCom,
)
from config.destination_values import (
    DEFAULT_TIMEOUT,
    address,
    apprise_url,
    bot_channel,
    bot_token,
    cards,
    filled,
    header,
    https_or_http,
    mailbox,
    port,
    rate,
    signing_secret,
    ticket_url,
    timeout,
    with_query,
)
from streams.instants import MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from config.source import Node

    Parse = Callable[[str], str]

COMMON_KEYS = ("kind", "rate_limit", "timeout", "cards", "language", "timezone", "team_timezones", "ticket_url", "show")
LANGUAGES = ("en", "zh")
SHOWN = ("agent", "customer")
"""What a card holds of people only where it is switched on."""
SECURITY = ("starttls", "tls", "none")
NAME_PATTERN = r"[^\s:|]{1,60}"

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = ("content-type", "content-length", "transfer-encoding", "host", "x-slawatch-signature")


class _Keys:
    """The keys of one destination, read with the secrets of an environment; what is wrong is noted at its key."""

    def __init__(self, node: Node, found: Mapping[str, Node], environ: Mapping[str, str]) -> None:
        self.node = node
        self.found = found
        self.environ = environ

    def secret(self, key: str, parse: Parse) -> str | None:
        """A value in which `${NAME}` stands for a secret; None where it is missing or wrong."""
        return self.found[key].read(filled(self.environ, parse)) if key in self.found else None

    def needed(self, key: str, parse: Parse) -> str:
        """The same of a required key, whose lack is a problem already."""
        return self.secret(key, parse) or ""

    def plain(self, key: str, parse: Parse) -> str:
        """A value as it stands there."""
        return (self.found[key].read(parse) if key in self.found else None) or ""


class _Common(NamedTuple):
    """What every destination has, in the order of `Destination`'s fields."""

    name: str
    rate_limit: RateLimit | None
    timeout: int


class Kind(NamedTuple):
    """A kind of destination: its keys beside the common ones, its service's rate limits, and how to make one."""

    keys: tuple[str, ...]
    required: tuple[str, ...]
    rate_limit: RateLimit | None
    make: Callable[[_Common, _Keys], Destination]
    burst_limit: RateLimit | None = None


def _webhook(common: _Common, keys: _Keys) -> Destination:
    url, secret = keys.needed("url", https_or_http), keys.secret("secret", signing_secret)
    headers = {}
    given = keys.found.get("headers")
    if given is not None and not given.is_mapping():
        given.bad("expected keys and values (name: value)")  # not quoted: it may be a secret
        given = None
    for name, node in (given.mapping() if given is not None else {}).items():
        if not _HEADER.fullmatch(name):
            node.bad("not a header's name (letters, digits and '-')")
        elif name.lower() in _OURS:
            node.bad("this header is set by the sender (leave it out)")
        elif (value := node.read(filled(keys.environ, header))) is not None:
            headers[name] = value
    return Webhook(*common, url=url, headers=headers, secret=secret)


def _slack(common: _Common, keys: _Keys) -> Destination:
    return Slack(*common, url=keys.needed("url", https_or_http))


def _slack_bot(common: _Common, keys: _Keys) -> Destination:
    token, channel = keys.needed("token", bot_token), keys.plain("channel", bot_channel)
    url = keys.secret("url", https_or_http) or "https://slack.com/api"
    return SlackBot(*common, url=url.rstrip("/"), token=token, channel=channel)


def _teams(common: _Common, keys: _Keys) -> Destination:
    return Teams(*common, url=keys.needed("url", https_or_http))


def _dingtalk(common: _Common, keys: _Keys) -> Destination:
    url = keys.needed("url", with_query("access_token", "a DingTalk bot"))
    return DingTalk(*common, url=url, secret=keys.secret("secret", signing_secret))


def _wecom(common: _Common, keys: _Keys) -> Destination:
    return WeCom(*common, url=keys.needed("url", with_query("key", "a WeCom bot")))


def _feishu(common: _Common, keys: _Keys) -> Destination:
    return Feishu(*common, url=keys.needed("url", https_or_http), secret=keys.secret("secret", signing_secret))


def _email(common: _Common, keys: _Keys) -> Destination:
    found = keys.found
    security = (found["security"].choice(SECURITY, "security") if "security" in found else None) or "starttls"
    number = keys.plain("port", port) or {"starttls": "587", "tls": "465", "none": "25"}[security]
    username, password = keys.secret("username", str), keys.secret("password", str)
    if "username" in found and "password" not in found:
        found["username"].bad("without a password (add password: ${NAME}, or leave the username out)")
    if "password" in found and "username" not in found:
        found["password"].bad("without a username (add it)")
    if "password" in found and security == "none":
        found["password"].bad("would cross the network in the clear (write security: starttls or tls)")
    nodes = found["to"].many(empty="nobody would get it (write an address)") if "to" in found else []
    to = tuple(dict.fromkeys(read for node in nodes if (read := node.read(mailbox)) is not None))
    return Email(
        *common,
        host=keys.plain("host", address),
        port=int(number),
        security=security,
        sender=keys.plain("from", mailbox),
        to=to,
        username=username,
        password=password,
    )


def _apprise(common: _Common, keys: _Keys) -> Destination:
    return Apprise(*common, url=keys.needed("url", apprise_url))


KINDS: Mapping[str, Kind] = {
    "webhook": Kind(("url", "headers", "secret"), ("url",), None, _webhook),
    # https://docs.slack.dev/apis/web-api/rate-limits: incoming webhooks and chat.postMessage in a channel, 1 a second,
    # short bursts apart.
    "slack": Kind(("url",), ("url",), RateLimit(1, SECOND), _slack),
    "slack-bot": Kind(("token", "channel", "url"), ("token", "channel"), RateLimit(1, SECOND), _slack_bot),
    # learn.microsoft.com, "Create an Incoming Webhook": throttled over four requests in a second.
    "teams": Kind(("url",), ("url",), RateLimit(4, SECOND), _teams),
    # open.dingtalk.com, "Custom robot access": 20 messages a minute; over that it is silenced for 10 minutes.
    "dingtalk": Kind(("url", "secret"), ("url",), RateLimit(20, MINUTE), _dingtalk),
    # developer.work.weixin.qq.com/document/path/91770: 20 messages a minute.
    "wecom": Kind(("url",), ("url",), RateLimit(20, MINUTE), _wecom),
    # open.feishu.cn, "Custom bot usage guide": 100 a minute and 5 a second.
    "feishu": Kind(("url", "secret"), ("url",), RateLimit(100, MINUTE), _feishu, RateLimit(5, SECOND)),
    # No service's limit: a mailbox or a phone is of no use to anybody beyond these.
    "email": Kind(
        ("host", "port", "security", "username", "password", "from", "to"),
        ("host", "from", "to"),
        RateLimit(60, MINUTE),
        _email,
    ),
    "apprise": Kind(("url",), ("url",), RateLimit(20, MINUTE), _apprise),
}


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
    limit = found["rate_limit"].read(rate) if "rate_limit" in found else None
    common = _Common(
        name,
        RateLimit(*limit) if limit is not None else chosen.rate_limit,
        (found["timeout"].read(timeout) if "timeout" in found else None) or DEFAULT_TIMEOUT,
    )
    made = chosen.make(common, _Keys(node, found, environ))
    look = _look(found)
    few = found["cards"].read(cards) if "cards" in found else _few(common.rate_limit)
    if len(node.problems) > problems_before:
        return None
    return replace(made, look=look, burst_limit=None if limit is not None else chosen.burst_limit, cards=few)


def _few(rate_limit: RateLimit | None) -> int | None:
    """As many as the service takes in a minute, less a tenth and at least one, so that a digest finds a place."""
    if rate_limit is None:
        return None
    minute = rate_limit.count * MINUTE // rate_limit.period
    return max(minute - max(minute // 10, 1), 1)


def _look(found: Mapping[str, Node]) -> Look:
    zone = found["timezone"].read(parse_zone) if "timezone" in found else None
    teams = {
        team: ZoneInfo(named)
        for team, node in (found["team_timezones"].mapping() if "team_timezones" in found else {}).items()
        if (named := node.read(parse_zone)) is not None
    }
    shows = [node.choice(SHOWN, "part of people") for node in found["show"].many()] if "show" in found else []
    return Look(
        language=(found["language"].choice(LANGUAGES, "language") if "language" in found else None) or "en",
        timezone=ZoneInfo(zone) if zone else UTC,
        team_timezones=teams,
        ticket_url=found["ticket_url"].read(ticket_url) if "ticket_url" in found else None,
        show=frozenset(part for part in shows if part is not None),
    )
