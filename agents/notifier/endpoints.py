"""From the routing file's destinations to senders: the one place that knows every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.notifier.limits import Pace
from agents.notifier.notifier import Endpoint
from agents.notifier.slack import SlackSender
from agents.notifier.webhook import WebhookSender
from config.destinations import Destination, Slack, Webhook

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from agents.notifier.http import Sender
    from config.routing import Routing


def endpoints(routing: Routing, session: aiohttp.ClientSession, clock: Callable[[], int]) -> list[Endpoint]:
    """An endpoint for each destination; `clock` gives microseconds since the epoch."""
    return [Endpoint(d.name, _sender(d, session, clock), d.timeout, _pace(d)) for d in routing.destinations.values()]


def _sender(destination: Destination, session: aiohttp.ClientSession, clock: Callable[[], int]) -> Sender:
    match destination:
        case Webhook():
            return WebhookSender(session, destination.url, destination.headers, destination.timeout, clock)
        case Slack():
            return SlackSender(session, destination.url, destination.timeout, clock)
    raise TypeError(f"no sender for {type(destination).__name__}")


def _pace(destination: Destination) -> Pace:
    return Pace(destination.rate_limit, destination.cards)
