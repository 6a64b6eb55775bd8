"""The CSV files of a plan: rosters (`team,from,to,agents`) and forecasts (`from,to,team,channel,contacts`)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from config.csv_rows import rows
from streams.instants import SECOND
from streams.planning.demand import Kind, NoHandling, Work
from streams.planning.roster import Duty
from streams.planning.slots import SLOT, Slots

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from config.csv_rows import Row
    from streams.planning.demand import Factor, Said, Stream

ROSTER = ("team", "from", "to", "agents")
FORECAST = ("from", "to", "team", "channel", "contacts")
FORECAST_MORE = ("priority", "kind", "category", "tags", "handle_seconds", "replies", "patience_seconds")
MOST = 100_000
"""Agents on duty, contacts of a row: more is a slip of the pen."""


def read_roster(path: Path, zone: ZoneInfo) -> list[Duty]:
    """Who is on duty; times without an offset are the zone's. Raises ConfigError with everything that is wrong."""
    duties = []
    for row in rows(path, ROSTER):
        team, span, agents = row.needed("team"), row.span(zone), row.whole("agents")
        if agents is not None and agents > MOST:
            row.bad("agents", f"over {MOST:,} (write how many are on duty)")
        if team is not None and span is not None and agents is not None:
            duties.append(Duty(team, *span, agents))
    return duties


class Forecast:
    """Contacts by span of time, as a planner foresees them. Raises ConfigError with everything that is wrong."""

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        self._spans: list[tuple[int, int, Kind, float, _Told]] = []
        for row in rows(path, FORECAST, FORECAST_MORE):
            team, channel, span = row.needed("team"), row.needed("channel"), row.span(zone)
            contacts = row.number("contacts")
            if contacts is not None and contacts > MOST:
                row.bad("contacts", f"over {MOST:,} in one row (write rows for shorter spans)")
            told = _told(row)
            if team is not None and channel is not None and span is not None and contacts is not None:
                self._spans.append((*span, _kind(row, team, channel), contacts, told))

    @property
    def since(self) -> int | None:
        """When its first row begins; None where it has none."""
        return min((since for since, *_ in self._spans), default=None)

    @property
    def until(self) -> int | None:
        """When its last row ends."""
        return max((until for _, until, *_ in self._spans), default=None)

    def demand(self, slots: Slots, factor: Factor, said: Said) -> list[Stream]:
        """What comes in the half-hours of a plan, evenly within each row's span. Raises NoHandling."""
        found: dict[tuple[Kind, Work], list[float]] = {}
        for since, until, kind, contacts, (told, replies, patience) in self._spans:
            handle = said.handle.get(kind.channel) or told or said.staffing.handling.get(kind.channel)
            if not handle:
                raise NoHandling(kind.channel)
            arrivals = found.setdefault((kind, Work(handle, replies, patience)), [0.0] * slots.count)
            for number in range(max(slots.number(since), 0), min(slots.number(until - 1) + 1, slots.count)):
                start = slots.starts[number]
                overlap = min(until, start + SLOT) - max(since, start)
                arrivals[number] += contacts * overlap / (until - since) * factor(kind.team, number)
        return [said.stream(kind, arrivals, work) for (kind, work), arrivals in found.items()]

    def configured(self, said: Said) -> list[str]:
        """The channels whose handling time is not in the file."""
        return sorted({kind.channel for _, _, kind, _, (told, *_) in self._spans if not told} | {*said.handle})


_Told = tuple[float | None, float, float]
"""Handling time, replies and patience of a row's contacts, as `Work` has them; None: not said."""


def _told(row: Row) -> _Told:
    handle, patience = _seconds(row, "handle_seconds"), _seconds(row, "patience_seconds")
    replies = row.number("replies", 1.0)
    if replies is not None and replies < 1:
        row.bad("replies", f"less than 1: {replies:g} (how many replies a contact takes; leave it empty for 1)")
    return handle, max(1.0, replies or 1.0), patience or math.inf


def _seconds(row: Row, name: str) -> float | None:
    if row.text(name) is None:
        return None
    seconds = row.number(name)
    if seconds == 0:
        row.bad(name, "0 (write how many seconds, or leave it empty)")
    return seconds * SECOND if seconds else None


def _kind(row: Row, team: str, channel: str) -> Kind:
    tags = row.text("tags")
    return Kind(
        team,
        channel,
        priority=row.text("priority"),
        kind=row.text("kind"),
        category=row.text("category"),
        tags=tuple(sorted(tags.split())) if tags else None,
    )
