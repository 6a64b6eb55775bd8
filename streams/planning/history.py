"""What the ledger knows of the past: arrivals by hour of the week, what contacts take, how patient customers are."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from streams.instants import HOUR, SECOND, from_datetime
from streams.ledger_record import LedgerRecord
from streams.planning.demand import Factor, Kind, NoHandling, Said, Stream, Work
from streams.planning.slots import SLOT, WEEK_HOURS, Slots, hour_of_week, hours_between, per_hour

UNKNOWN: Final = "unknown"
"""The team or channel of a ticket that names none."""


class NoHistory(ValueError):
    """The past says too little to plan by."""


class _Past(NamedTuple):
    """What is kept of a ticket; times in microseconds."""

    at: int
    kind: Kind
    replies: int
    told: int
    """Replies that say how long they took."""
    handled: float
    """By those."""
    waited: int
    """On a live channel, for an answer or until the customer hung up."""
    hung_up: bool


@dataclass(slots=True)
class History:
    """Takes ledger records; of a ticket the last one holds.

    `asked`: the attributes that policies ask for. `live`: the channels on which customers wait on the line.
    """

    asked: Collection[str]
    live: Collection[str]
    _tickets: dict[str, _Past] = field(default_factory=dict)
    _kinds: dict[Kind, Kind] = field(default_factory=dict)
    """Each once in memory."""

    def take(self, record: LedgerRecord) -> None:
        """A ticket. One that an agent created is no arrival, and left out."""
        if record.created_by != "customer":
            return
        at = from_datetime(record.created_at)
        kind = self._kind(record)
        told = [reply.handle_seconds for reply in record.replies if reply.handle_seconds is not None]
        ends = record.replies[0].at if record.replies else record.done_at
        on_line = kind.channel in self.live and ends is not None
        self._tickets[record.ticket_id] = _Past(
            at,
            self._kinds.setdefault(kind, kind),
            record.reply_count,
            len(told),
            sum(told) * SECOND,
            max(0, from_datetime(ends) - at) if on_line and ends is not None else 0,
            on_line and record.status == "cancelled" and record.reason == "abandoned",
        )

    def _kind(self, record: LedgerRecord) -> Kind:
        asked = self.asked
        return Kind(
            record.team or UNKNOWN,
            record.channel or UNKNOWN,
            record.priority if "priority" in asked else None,
            record.kind if "kind" in asked else None,
            record.category if "category" in asked else None,
            record.customer_id if "customer_id" in asked else None,
            tuple(sorted(record.tags)) if "tags" in asked and record.tags else None,
        )

    def profile(self, zone: ZoneInfo, weeks: int) -> Profile:
        """What its last weeks say, those before the newest ticket. Raises NoHistory where there is none."""
        if not self._tickets:
            raise NoHistory("holds no ticket that a customer created")
        since = max(past.at for past in self._tickets.values()) - weeks * WEEK_HOURS * HOUR
        return Profile(zone, [past for past in self._tickets.values() if past.at > since])


@dataclass(slots=True)
class _Efforts:
    tickets: int = 0
    replies: int = 0
    told: int = 0
    handled: float = 0.0
    waited: int = 0
    hung_up: int = 0


_Group = TypeVar("_Group", str, tuple[str, str])


class Profile:
    """The past by hour of the week in a zone; what a contact takes by team and channel."""

    def __init__(self, zone: ZoneInfo, tickets: Collection[_Past]) -> None:
        self.zone = zone
        self.tickets = len(tickets)
        self.since = min(past.at for past in tickets) // HOUR * HOUR
        self.until = (max(past.at for past in tickets) // HOUR + 1) * HOUR
        """The whole hours from the first ticket to the last."""
        self._observed = hours_between(self.since, self.until, zone)
        self._arrivals: defaultdict[Kind, Counter[int]] = defaultdict(Counter)
        for past in tickets:
            self._arrivals[past.kind][hour_of_week(past.at, zone)] += 1
        self._efforts = _efforts(((past.kind.team, past.kind.channel), past) for past in tickets)
        self._by_channel = _efforts((past.kind.channel, past) for past in tickets)

    @property
    def unseen(self) -> int:
        """How many hours of the week the past does not hold; they are taken from the same hour of other days."""
        return WEEK_HOURS - len(self._observed)

    def handled(self, team: str, channel: str) -> float | None:
        """Microseconds of work on a contact that was not given up, as replies say; None where they do not.

        A team whose replies do not say is taken to be as all teams are on the channel.
        """
        for efforts in (self._efforts[team, channel], self._by_channel[channel]):
            answered = efforts.tickets - efforts.hung_up
            if efforts.handled and answered:
                return efforts.handled / efforts.told * efforts.replies / answered
        return None

    def work(self, team: str, channel: str, said: Said) -> Work:
        """What its contacts take. Raises NoHandling."""
        handle = said.handle.get(channel) or self.handled(team, channel) or said.staffing.handling.get(channel)
        if not handle:
            raise NoHandling(channel)
        efforts = self._efforts[team, channel]
        replies = efforts.replies / max(1, efforts.tickets - efforts.hung_up)
        # An answer cuts patience short: the mean of exponential patience is estimated by all waits over those who
        # hung up. Where nobody did, nothing is known of it.
        patience = efforts.waited / efforts.hung_up if efforts.hung_up and efforts.waited else math.inf
        return Work(handle, max(1.0, replies), patience)

    def configured(self, said: Said) -> list[str]:
        """The channels whose handling time is not that of replies."""
        return sorted({channel for team, channel in self._efforts if not self.handled(team, channel)} | {*said.handle})

    def demand(self, slots: Slots, factor: Factor, said: Said) -> list[Stream]:
        """What comes in the half-hours of a plan. Raises NoHandling; NoHistory where an hour was seen on no day."""
        hours = [hour_of_week(start, self.zone) for start in slots.starts]
        streams = []
        for kind, amounts in sorted(self._arrivals.items(), key=str):
            rates = {hour: self._rate(amounts, hour) for hour in set(hours)}
            arrivals = [rates[hour] * SLOT / HOUR * factor(kind.team, number) for number, hour in enumerate(hours)]
            streams.append(said.stream(kind, arrivals, self.work(kind.team, kind.channel, said)))
        return streams

    def _rate(self, amounts: Mapping[int, float], hour: int) -> float:
        rate = per_hour(amounts, self._observed, hour)
        if rate is None:
            raise NoHistory(f"says nothing of the hour from {hour % 24:02}:00: it must hold every hour of a day")
        return rate


def _efforts(tickets: Iterable[tuple[_Group, _Past]]) -> dict[_Group, _Efforts]:
    found: defaultdict[_Group, _Efforts] = defaultdict(_Efforts)
    for group, past in tickets:
        efforts = found[group]
        efforts.tickets += 1
        efforts.replies += past.replies
        efforts.told += past.told
        efforts.handled += past.handled
        efforts.waited += past.waited
        efforts.hung_up += past.hung_up
    return dict(found)
