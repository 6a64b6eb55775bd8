"""From the routing file's destinations to senders: the one place that knows every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from agents.notifier.card import Presentation
from agents.notifier.limits import Pace
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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from agents.notifier.card import Person
    from agents.notifier.http import Sender
    from config.routes import Routing


class Calls(NamedTuple):
    """What cards ask of people: by which link an alert record is acknowledged at a destination, who is on call for one
    that was decided at an instant, and to look at the board.
    """

    acknowledge: Callable[[Mapping[str, Any], str], str | None] | None = None
    on_call: Callable[[Mapping[str, Any], int], Person | None] | None = None
    board_url: str | None = None


def endpoints(
    routing: Routing, session: aiohttp.ClientSession, clock: Callable[[], int], calls: Calls | None = None
) -> list[Endpoint]:
    """An endpoint for each destination; `clock` gives microseconds since the epoch."""
    return [
        Endpoint(d.name, sender(d, session, clock, presentation(d, calls)), d.timeout, _pace(d))
        for d in routing.destinations.values()
    ]


def presentation(destination: Destination, calls: Calls | None = None) -> Presentation:
    """How the cards of a destination look."""
    look, (acknowledge, on_call, board_url) = destination.look, calls or Calls()
    return Presentation(
        look.language,
        look.timezone,
        look.team_timezones,
        look.ticket_url,
        (lambda record: acknowledge(record, destination.name)) if acknowledge is not None else None,
        on_call,
        look.show,
        board_url,
    )


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
            return DingTalkSender(session, url, timeout, clock, look, secret)
        case WeCom(url=url):
            return WeComSender(session, url, timeout, clock, look)
        case Feishu(url=url, secret=secret):
            return FeishuSender(session, url, timeout, clock, look, secret)
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


def _pace(destination: Destination) -> Pace:
    return Pace(destination.rate_limit, destination.cards, destination.burst_limit)
