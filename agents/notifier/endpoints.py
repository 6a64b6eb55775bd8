"""From the routing file's destinations to senders: the one place that knows every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.notifier.backoff import Pace, Paces
from agents.notifier.card import Presentation
from agents.notifier.notifier import Endpoint
from agents.notifier.senders.dingtalk import DingTalkSender
from agents.notifier.senders.feishu import FeishuSender
from agents.notifier.senders.mail import MailSender
from agents.notifier.senders.slack import SlackSender
from agents.notifier.senders.slack_bot import SlackBotSender
from agents.notifier.senders.teams import TeamsSender
from agents.notifier.senders.webhook import WebhookSender
from agents.notifier.senders.wecom import WeComSender
from config.destination_types import (
    Apprise,
    Destination,
    DingTalk,
    Email,
    Feishu,
    Slack,
    SlackBot,
    Teams,
    Webhook,
    WeCom,
)
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from agents.notifier.http import Sender
    from config.routes import Routing

    Acknowledge = Callable[[Mapping[str, Any]], str | None]


def endpoints(
    routing: Routing,
    session: aiohttp.ClientSession,
    clock: Callable[[], int],
    acknowledge: Acknowledge | None = None,
) -> list[Endpoint]:
    """An endpoint for each destination; `clock` gives microseconds since the epoch, `acknowledge` the link by which
    an alert record is acknowledged.
    """
    return [
        Endpoint(d.name, sender(d, session, clock, presentation(d, acknowledge)), d.timeout, _pace(d))
        for d in routing.destinations.values()
    ]


def presentation(destination: Destination, acknowledge: Acknowledge | None = None) -> Presentation:
    """How the cards of a destination look."""
    look = destination.look
    return Presentation(look.language, look.timezone, look.team_timezones, look.ticket_url, acknowledge, look.show)


def sender(
    destination: Destination, session: aiohttp.ClientSession, clock: Callable[[], int], look: Presentation
) -> Sender:
    """The sender of a destination."""
    timeout = destination.timeout
    match destination:
        case Webhook(url=url, headers=headers, secret=secret):
            return WebhookSender(session, url, headers, timeout, clock, look, secret)
        case Slack(url=url):
            return SlackSender(session, url, timeout, clock, look)
        case SlackBot(url=url, token=token, channel=channel):
            return SlackBotSender(session, url, token, channel, timeout, clock, look)
        case Teams(url=url):
            return TeamsSender(session, url, timeout, clock, look)
        case DingTalk(url=url, secret=secret):
            return DingTalkSender(session, url, secret, timeout, clock, look)
        case WeCom(url=url):
            return WeComSender(session, url, timeout, clock, look)
        case Feishu(url=url, secret=secret):
            return FeishuSender(session, url, secret, timeout, clock, look)
        case Email() as mail:
            return MailSender(
                mail.host,
                mail.port,
                mail.security,
                mail.sender,
                mail.to,
                timeout,
                clock,
                mail.username,
                mail.password,
                look,
            )
        case Apprise(url=url):
            from agents.notifier.senders.others import AppriseSender  # noqa: PLC0415 - takes most of a second to load

            return AppriseSender(url, timeout, look)
    raise TypeError(f"no sender for {type(destination).__name__}")


def _pace(destination: Destination) -> Pace | None:
    paces = [
        Pace(limit.count, limit.period / SECOND)
        for limit in (destination.rate_limit, destination.burst_limit)
        if limit is not None
    ]
    return Paces(paces) if len(paces) > 1 else next(iter(paces), None)
