"""The sentence a person reads: what is overdue, by how much, which ticket, within its first 80 characters."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from streams.instants import SECOND, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGLISH = {
    "warning": "WARNING",
    "breach": "BREACH",
    "escalation": "ESCALATION",
    "operations": "OPERATIONS",
    "corrected": "CORRECTED",
    "recovered": "RECOVERED",
    "first_response": "first response",
    "next_response": "next response",
    "resolution": "resolution",
    "follow_up": "follow-up",
    "acceptance": "acceptance",
    "team_answer": "team answer",
    "complaint_resolution": "complaint resolution",
    "due": "due in {left}",
    "due_now": "due now",
    "overdue": "overdue {over}",
    "overdue_now": "overdue",
    "in_time": "was in time after all",
    "answered": "answered after {elapsed}",
    "ticket": "ticket {ticket}",
    "limit": "limit {limit}",
    "late": "found late",
}
"""Every word a card uses, by what it says: another language is another table with these keys."""

TICKET_LENGTH = 40
FIELD_LENGTH = 24
MESSAGE_LENGTH = 300


def clean(text: object, length: int) -> str:
    """One line of at most `length` characters in which nothing acts: no control, bidi or invisible characters.

    Markup is each sender's affair, for what acts differs from one chat to the next.
    """
    kept = []
    for char in str(text)[: 8 * length]:
        category = unicodedata.category(char)
        if char.isspace() or category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category not in ("Cf", "Cs", "Co", "Cn"):
            kept.append(char)
    line = " ".join("".join(kept).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def sentence(alert: Mapping[str, Any], words: Mapping[str, str] = ENGLISH) -> str:
    """What the alert record says, for example
    `BREACH first response overdue 2m: ticket T-1 (urgent, billing, chat) limit 15m`.
    """
    if alert.get("message"):
        return f"{_level(alert, words)} {clean(alert['message'], MESSAGE_LENGTH)}"
    target = clean(alert.get("target") or "", 2 * FIELD_LENGTH)
    opening = " ".join(part for part in (_level(alert, words), words.get(target, target), _event(alert, words)) if part)
    ticket = clean(alert.get("ticket_id") or "", TICKET_LENGTH)
    about = [words["ticket"].format(ticket=ticket)] if ticket else []
    who = [clean(alert[field], FIELD_LENGTH) for field in ("priority", "team", "channel") if alert.get(field)]
    if who:
        about.append(f"({', '.join(who)})")
    if _seconds(alert, "limit_seconds") is not None:
        about.append(words["limit"].format(limit=_duration(_seconds(alert, "limit_seconds") or 0)))
    if alert.get("late"):
        about.append(f"[{words['late']}]")
    return f"{opening}: {' '.join(about)}" if about else opening


def _level(alert: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """The word in capitals that a lock screen shows first; an escalation names its step."""
    kind, level = str(alert.get("kind")), str(alert.get("level"))
    if kind in ("corrected", "recovered"):
        return words[kind]
    word = words.get(level) or clean(level, FIELD_LENGTH).upper()
    return f"{word} {clean(alert['step'], 4)}" if level == "escalation" and alert.get("step") is not None else word


def _event(alert: Mapping[str, Any], words: Mapping[str, str]) -> str:
    limit, elapsed = _seconds(alert, "limit_seconds"), _seconds(alert, "elapsed_seconds")
    if alert.get("kind") == "corrected":
        return words["in_time"]
    if limit is None or elapsed is None:
        return words["overdue_now"] if alert.get("level") != "warning" else words["due_now"]
    if alert.get("kind") == "recovered":
        return words["answered"].format(elapsed=_duration(elapsed))
    if alert.get("level") == "warning":
        return words["due"].format(left=_duration(limit - elapsed)) if limit - elapsed >= 1 else words["due_now"]
    return words["overdue"].format(over=_duration(elapsed - limit)) if elapsed - limit >= 1 else words["overdue_now"]


def _seconds(alert: Mapping[str, Any], field: str) -> float | None:
    value = alert.get(field)
    return value if isinstance(value, int | float) else None


def _duration(seconds: float) -> str:
    """Whole seconds under a minute, whole minutes under a day, then hours: `45s`, `2m`, `1h30m`, `50h`."""
    whole = int(seconds)
    unit = 1 if whole < 60 else 60 if whole < 86_400 else 3600
    return format_duration(whole // unit * unit * SECOND)
