"""Instants and durations as integer microseconds: how they are written and read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

SECOND: Final = 1_000_000
MINUTE: Final = 60_000_000
HOUR: Final = 3_600_000_000
DAY: Final = 86_400_000_000

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant on the wire: RFC 3339 with an offset."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d{1,6})?)s)?")


def from_datetime(moment: datetime) -> int:
    """Microseconds since the Unix epoch of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(instant: int) -> datetime:
    """The aware UTC datetime of microseconds since the Unix epoch; raises OverflowError outside years 1-9999."""
    return _EPOCH + timedelta(0, 0, instant)


def parse_instant(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 text with an offset, as the events' decoder reads it.

    Raises ValueError where the text is none, or has no offset.
    """
    try:
        return from_datetime(msgspec.convert(text, Moment))
    except msgspec.ValidationError:
        example = "2026-01-31T09:00:00+08:00"
        raise ValueError(f"not an RFC 3339 instant with an offset: {text!r} (write {example})") from None


def format_instant(instant: int) -> str:
    """RFC 3339 in UTC with `Z`; a fraction only where there is one, then six digits."""
    text = to_datetime(instant).isoformat()
    return text[:-6] + "Z"


def parse_duration(text: str, *, days: bool = False) -> int:
    """Microseconds of `1h30m`, `90s`, `1.5s`; `2d` only where `days`, for a day of business time is ambiguous.

    Raises ValueError with the remedy.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"not a duration: {text!r} (write 1h30m, 90s{', 2d' if days else ''})")
    if match[1] is not None and not days:
        raise ValueError(f"days are ambiguous in business time: {text!r} (write hours, e.g. 24h)")
    return sum(round(float(n) * _UNITS[unit]) for n, unit in zip(match.groups(), "dhms", strict=True) if n)


def format_duration(duration: int) -> str:
    """The shortest text that `parse_duration` reads back: 5400 s is `1h30m`."""
    hours, rest = divmod(duration, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds = f"{rest / SECOND:.6f}".rstrip("0").rstrip(".")
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{seconds}s" if rest else ""]
    return "".join(parts) or "0s"
