"""How many agents the live queue needs: offered load; Erlang for live channels, the work due for the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from streams.instants import HOUR
from streams.queue import RISKS
from streams.staffing import required_agents

OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Staffing:
    """What a centre aims at, and what it knows of its work that events do not tell."""

    goals: Mapping[str, float]
    """By target: the share of its clocks that are to be met."""
    live: frozenset[str]
    """Channels on which the customer waits for an answer while connected."""
    handling: Mapping[str, int]
    """By channel: the microseconds of work on a ticket, where replies do not carry them."""


@dataclass(slots=True)
class Traffic:
    """What a team's channel has seen lately; durations in microseconds. Sums, of the last day but for the first."""

    arrivals_hour: int = 0
    arrivals: int = 0
    given_up: int = 0
    """Of the arrivals: abandoned before an answer."""
    timed: int = 0
    """Replies that carry their handling time."""
    handled: int = 0
    """The handling time that they carry."""
    waited: int = 0
    """How long first responses took, and how long those waited who gave up."""
    due: dict[str, int] = field(default_factory=dict)
    """Tickets that fall due within each of RISKS from now on; and those that are overdue."""

    def add(self, other: Traffic) -> None:
        """Count in what was seen elsewhere."""
        for name in ("arrivals_hour", "arrivals", "given_up", "timed", "handled", "waited"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for within, tickets in other.due.items():
            self.due[within] = self.due.get(within, 0) + tickets


class Handling(NamedTuple):
    """Microseconds of work on a ticket and on one reply, and where that is known from."""

    ticket: float
    reply: float
    source: Literal["replies", "configured"]


def handling(channel: str, traffic: Traffic, staffing: Staffing) -> Handling | None:
    """The handling times of a channel; None where neither its replies nor the configuration tell.

    Of a reply: the mean of those that carry it. Of a ticket: all that replies carry, over the arrivals that did not
    give up.
    """
    if traffic.timed:
        reply = traffic.handled / traffic.timed
        answered = traffic.arrivals - traffic.given_up
        return Handling(traffic.handled / answered if answered > 0 else reply, reply, "replies")
    configured = staffing.handling.get(channel)
    return None if configured is None else Handling(configured, configured, "configured")


def offered_load(traffic: Traffic, handling: Handling) -> float:
    """Erlangs: arrivals of the last hour times the handling time of a ticket, over the hour."""
    return traffic.arrivals_hour * handling.ticket / HOUR


def patience(traffic: Traffic) -> float:
    """The mean microseconds until a customer gives up waiting; infinite where nobody did.

    All the time that was waited over how many gave up: what is most likely where patience is exponential, and in
    Erlang A exact, P(given up) = E(wait) / patience (Garnett, Mandelbaum, Reiman 2002).
    """
    return traffic.waited / traffic.given_up if traffic.given_up and traffic.waited else math.inf


def due_work(traffic: Traffic, handling: Handling) -> dict[str, float]:
    """Microseconds of work by the time within which it falls due, a reply a ticket; what is overdue by itself."""
    return {within: traffic.due.get(within, 0) * handling.reply for within in (*RISKS, OVERDUE)}


def agents_required(
    traffic: Traffic, handling: Handling, limit: int | None, goal: float, *, live: bool, share: float = 1.0
) -> float | None:
    """The agents needed now; None for a live channel without a promise.

    Live: the fewest that answer `goal` of first responses within the limit, by Erlang C, by Erlang A where customers
    give up. Others: the work falling due within a time, over that time; the most that any asks for that is no shorter
    than a reply takes, for that is nobody's to shorten.

    Where the traffic is that of a `share` of all tickets, so that the shares' results may be added up: the same share
    of what is needed for all. Agents who share a queue need fewer than the sum of what its parts would need alone.
    """
    if live:
        if limit is None:
            return None
        load = offered_load(traffic, handling) / share
        return share * required_agents(load, handling.ticket, limit, goal, patience(traffic))
    work = due_work(traffic, handling)
    longest = max(RISKS.values())
    spans = {within: span for within, span in RISKS.items() if span >= min(handling.reply, longest)}
    return share * max(math.ceil(work[within] / share / span) for within, span in spans.items())
