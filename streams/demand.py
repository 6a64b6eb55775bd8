"""How many agents the live queue needs: offered load, Erlang C for live channels, work due for the others."""

from __future__ import annotations

import math
from typing import NamedTuple

from streams.instants import HOUR
from streams.staffing import required_agents

LIVE_CHANNELS = frozenset({"chat", "phone"})
"""Where the customer waits for an answer while connected."""
GOAL = 0.9
"""The share of first responses within their limit that a centre is staffed for."""


class Traffic(NamedTuple):
    """What a team's channel has seen lately; durations in microseconds."""

    arrivals_hour: int
    arrivals_day: int
    handled_day: int
    """Handling time of all replies of the last day."""
    replies_day: int
    due_hour: int
    """Tickets that fall due within the hour."""


def handling(traffic: Traffic) -> float | None:
    """Microseconds of handling that a ticket takes: of all replies of a day, over its arrivals; None if unknown."""
    if not traffic.arrivals_day or not traffic.handled_day:
        return None
    return traffic.handled_day / traffic.arrivals_day


def offered_load(traffic: Traffic) -> float | None:
    """Erlangs: arrivals of the last hour times the handling time of a ticket, over the hour; None if unknown."""
    per_ticket = handling(traffic)
    return None if per_ticket is None else traffic.arrivals_hour * per_ticket / HOUR


def agents_required(channel: str, traffic: Traffic, limit: int | None) -> int | None:
    """The agents needed now; None where no handling time is known, or a live channel has no promise.

    Live channels: the fewest that answer `GOAL` of first responses within the limit, by Erlang C. Others: the work
    that falls due within the hour, over the hour.
    """
    per_ticket = handling(traffic)
    if per_ticket is None:
        return None
    if channel not in LIVE_CHANNELS:
        return math.ceil(traffic.due_hour * traffic.handled_day / max(traffic.replies_day, 1) / HOUR)
    if limit is None:
        return None
    return required_agents(traffic.arrivals_hour * per_ticket / HOUR, per_ticket, limit, GOAL)
