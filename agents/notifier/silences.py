"""Silences: which alerts are told to nobody for a while, who said so and why; nothing of where they are kept.

A record says all there is to say of one silence, and a later record of the same id takes the place of an earlier one.
So whoever has read all of them knows the same silences, in whatever state the rest of the house is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from config.matching import fits
from streams.alert_record import OPERATIONS
from streams.instants import format_duration, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ASKED = ("level", "target", "kind", "policy", "priority", "team", "channel")
"""Fields of an alert record that a silence may ask for."""


class BadSilence(ValueError):
    """A silence that may not take effect; the text says why and what to do."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A record of `sla-silences`, as JSON, keyed by `id`. Instants are RFC 3339; it holds in [since, until)."""

    id: str
    when: dict[str, list[str]]
    """All must fit, each by any of its values; empty: every alert of a ticket."""
    since: str
    until: str
    reason: str
    by: str
    """user@host."""
    at: str
    """When it was written."""
    ended_at: str | None = None
    ended_by: str | None = None

    def span(self) -> tuple[int, int]:
        """The instants [since, until) in which it holds, shorter where it was ended."""
        until = parse_instant(self.until)
        return parse_instant(self.since), until if self.ended_at is None else min(until, parse_instant(self.ended_at))

    def holds(self, now: int) -> bool:
        """Whether it is in force at an instant."""
        since, until = self.span()
        return since <= now < until

    def covers(self, alert: Mapping[str, Any], decided_at: int) -> bool:
        """Whether it silences an alert record that was decided at this instant.

        What the monitor tells of itself is silenced only where its level is asked for by name.
        """
        when = {name: frozenset(values) for name, values in self.when.items()}
        if alert.get("level") == OPERATIONS and OPERATIONS not in when.get("level", ()):
            return False
        return self.holds(decided_at) and fits(when, alert)


_decode = msgspec.json.Decoder(Silence).decode
encode = msgspec.json.Encoder().encode


def checked(silence: Silence, longest: int) -> Silence:
    """The silence; raises BadSilence where it has no end, lasts longer than `longest` microseconds, or asks for what no
    alert has.
    """
    try:
        since, until = parse_instant(silence.since), parse_instant(silence.until)
        silence.span()
    except ValueError as error:
        raise BadSilence(str(error)) from None
    if until <= since:
        raise BadSilence("it ends before it begins (give it a later end)")
    if until - since > longest:
        raise BadSilence(f"it lasts longer than {format_duration(longest)}, the most that is allowed (end it sooner)")
    if unknown := [name for name in silence.when if name not in ASKED]:
        raise BadSilence(f"it asks for {', '.join(unknown)}, which no alert has (known: {', '.join(ASKED)})")
    if empty := [name for name, values in silence.when.items() if not values]:
        raise BadSilence(f"it asks for no value of {', '.join(empty)} (name one, or leave it out)")
    return silence


def read_silence(value: bytes | None, longest: int) -> Silence:
    """The silence in a record; raises BadSilence where it is none, or may not take effect."""
    try:
        return checked(_decode(value or b""), longest)
    except msgspec.MsgspecError as error:
        raise BadSilence(f"not written by `slawatch silence`: {error}") from None


def known(values: Iterable[bytes | None], longest: int) -> tuple[dict[str, Silence], list[BadSilence]]:
    """The silences that these records come to, in their order, by id; and what is wrong with the others."""
    silences: dict[str, Silence] = {}
    refused = []
    for value in values:
        try:
            silence = read_silence(value, longest)
        except BadSilence as error:
            refused.append(error)
        else:
            silences[silence.id] = silence
    return silences, refused


def silencing(silences: Iterable[Silence], alert: Mapping[str, Any], decided_at: int) -> Silence | None:
    """The silence that an alert record falls under; of several the one that ends last."""
    covering = [silence for silence in silences if silence.covers(alert, decided_at)]
    return max(covering, key=lambda silence: (silence.span()[1], silence.id), default=None)
