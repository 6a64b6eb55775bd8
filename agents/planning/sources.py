"""Where a plan's demand comes from, a past or a forecast, and what each has to say of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from streams.instants import HOUR, format_duration
from streams.planning.slots import WEEK_HOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.roster import Forecast
    from streams.planning.demand import Factor, Said, Stream
    from streams.planning.history import Profile
    from streams.planning.presence import Presence
    from streams.planning.slots import Slots


class Source(Protocol):
    """Of contacts, and perhaps of staff."""

    name: str
    since: int | None
    until: int | None
    """When it begins and ends, where it is itself about the future."""

    def demand(self, slots: Slots, factor: Factor, said: Said) -> list[Stream]:
        """What comes. Raises NoHandling, NoHistory."""

    def staff(self, team: str, slots: Slots) -> list[int] | None:
        """Agents at work; None where it does not know."""

    def notes(self, said: Said) -> list[str]:
        """What whoever reads the plan must know of it."""


class Remembered:
    """The past by hour of the week."""

    def __init__(self, profile: Profile, presence: Presence, name: str) -> None:
        self.name = name
        self._profile = profile
        self._presence = presence
        self.since: int | None = None
        self.until: int | None = None

    def demand(self, slots: Slots, factor: Factor, said: Said) -> list[Stream]:
        """As `Source` has it, like the rest."""
        return self._profile.demand(slots, factor, said)

    def staff(self, team: str, slots: Slots) -> list[int] | None:
        """As they were."""
        return self._presence.staff(team, slots) if self._presence else None

    def notes(self, said: Said) -> list[str]:
        """How long the past is, and what it lacks."""
        profile = self._profile
        weeks = (profile.until - profile.since) / (WEEK_HOURS * HOUR)
        told = f"Contacts: {profile.tickets:,} of the past, {weeks:.1f} weeks of {self.name}, by hour of the week."
        if profile.unseen:
            told += f" It lacks {profile.unseen} hours of the week, which are as the same hours of its other days."
        return [told, *_configured(profile.configured(said), said)]


class Foreseen:
    """A forecast."""

    def __init__(self, forecast: Forecast, name: str) -> None:
        self.name = name
        self.since = forecast.since
        self.until = forecast.until
        self._forecast = forecast

    def demand(self, slots: Slots, factor: Factor, said: Said) -> list[Stream]:
        """As `Source` has it, like the rest."""
        return self._forecast.demand(slots, factor, said)

    def staff(self, team: str, slots: Slots) -> list[int] | None:
        """It knows of none."""
        return None

    def notes(self, said: Said) -> list[str]:
        """What it does not say."""
        return [f"Contacts: as {self.name} has them.", *_configured(self._forecast.configured(said), said)]


def _configured(channels: Sequence[str], said: Said) -> list[str]:
    times = {channel: said.handle.get(channel) or said.staffing.handling.get(channel) for channel in channels}
    told = ", ".join(f"{channel} {format_duration(time)}" for channel, time in times.items() if time)
    return [f"Handling times as configured, not as measured: {told}."] if told else []
