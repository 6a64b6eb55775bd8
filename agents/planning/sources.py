"""Where a plan's demand comes from, a past or a forecast, and what each has to say of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from streams.instants import HOUR, format_duration
from streams.planning.history import HANDLE, HANDLE_ELSE
from streams.planning.slots import WEEK_HOURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.roster import Forecast
    from streams.planning.demand import Factor, Stream
    from streams.planning.history import Profile
    from streams.planning.presence import Presence
    from streams.planning.slots import Slots


class Source(Protocol):
    """Of contacts, and perhaps of staff."""

    name: str
    since: int | None
    until: int | None
    """When it begins and ends, where it is itself about the future."""

    def demand(self, slots: Slots, factor: Factor, handles: Mapping[str, int]) -> list[Stream]:
        """What comes; `handles`: handling times by channel that the planner says."""

    def staff(self, team: str, slots: Slots) -> list[int] | None:
        """Agents at work; None where it does not know."""

    def notes(self, handles: Mapping[str, int]) -> list[str]:
        """What whoever reads the plan must know of it."""


class Remembered:
    """The past by hour of the week."""

    def __init__(self, profile: Profile, presence: Presence, name: str) -> None:
        self.name = name
        self._profile = profile
        self._presence = presence
        self.since: int | None = None
        self.until: int | None = None

    def demand(self, slots: Slots, factor: Factor, handles: Mapping[str, int]) -> list[Stream]:
        """As `Source` has it, like the rest."""
        return self._profile.demand(slots, factor, handles)

    def staff(self, team: str, slots: Slots) -> list[int] | None:
        """As they were."""
        return self._presence.staff(team, slots) if self._presence else None

    def notes(self, handles: Mapping[str, int]) -> list[str]:
        """How long the past is, and what it lacks."""
        profile = self._profile
        weeks = (profile.until - profile.since) / (WEEK_HOURS * HOUR)
        said = f"Contacts: {profile.tickets:,} of the past, {weeks:.1f} weeks of {self.name}, by hour of the week."
        if profile.unseen:
            said += f" It lacks {profile.unseen} hours of the week, which are as the same hours of its other days."
        return [said, *_assumed(profile.assumed(handles))]


class Foreseen:
    """A forecast."""

    def __init__(self, forecast: Forecast, name: str) -> None:
        self.name = name
        self.since = forecast.since
        self.until = forecast.until
        self._forecast = forecast

    def demand(self, slots: Slots, factor: Factor, handles: Mapping[str, int]) -> list[Stream]:
        """As `Source` has it, like the rest."""
        return self._forecast.demand(slots, factor, handles)

    def staff(self, team: str, slots: Slots) -> list[int] | None:
        """It knows of none."""
        return None

    def notes(self, handles: Mapping[str, int]) -> list[str]:
        """What it does not say."""
        return [f"Contacts: as {self.name} has them.", *_assumed(self._forecast.assumed(handles))]


def _assumed(places: Sequence[tuple[str, str]]) -> list[str]:
    if not places:
        return []
    channels = sorted({channel for _, channel in places})
    times = ", ".join(f"{channel} {format_duration(HANDLE.get(channel, HANDLE_ELSE))}" for channel in channels)
    where = ", ".join(f"{team} {channel}" for team, channel in places)
    return [f"Handling times are assumed, for nothing says them of {where}: {times} (--handle {channels[0]}=8m)."]
