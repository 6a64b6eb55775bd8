"""What a destination is, of every kind: where it is and how its cards look. What is secret is in no repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` messages in any `period` of microseconds."""

    count: int
    period: int


@dataclass(frozen=True, slots=True)
class Look:
    """How a card looks at a destination: its language, whose wall clock, where tickets are, what of people it shows."""

    language: str = "en"
    timezone: ZoneInfo = UTC
    team_timezones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    ticket_url: str | None = None  # holds {ticket_id}
    show: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where messages go. `timeout` is in microseconds; `burst_limit` is a second limit that its service has.

    More than `cards` messages in a minute are summed up (None: never).
    """

    name: str
    rate_limit: RateLimit | None
    timeout: int
    look: Look = field(default_factory=Look, kw_only=True)
    burst_limit: RateLimit | None = field(default=None, kw_only=True)
    cards: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Webhook(Destination):
    """An HTTP endpoint that takes the alert record as JSON, signed where it has a secret."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Slack(Destination):
    """A Slack incoming webhook, which belongs to one channel."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SlackBot(Destination):
    """A channel that a Slack bot posts to: its messages can be answered in a thread and changed."""

    url: str
    token: str = field(repr=False)
    channel: str


@dataclass(frozen=True, slots=True)
class Teams(Destination):
    """A Power Automate workflow that posts Adaptive Cards to a channel or chat of Microsoft Teams."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DingTalk(Destination):
    """A DingTalk group's own bot, signed where it has a secret."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class WeCom(Destination):
    """A WeCom group's bot."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Feishu(Destination):
    """A Feishu or Lark group's own bot, signed where it has a secret."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Email(Destination):
    """Mailboxes, by an SMTP server."""

    host: str
    port: int
    security: str
    sender: str
    to: tuple[str, ...]
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Apprise(Destination):
    """Any service that the library Apprise knows, by its address there."""

    url: str = field(repr=False)
