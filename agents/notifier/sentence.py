"""The sentence a person reads: what is overdue, by how much, which ticket, within its first 80 characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.notifier.text import tame
from agents.notifier.words import ENGLISH
from streams.instants import SECOND, parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

TICKET_LENGTH = 40
FIELD_LENGTH = 24
MESSAGE_LENGTH = 300
_LONGEST = 1e10  # seconds
_OVER = {"resolution": "resolved", "complaint_resolution": "resolved", "acceptance": "accepted"}
"""What ends a clock, by its target; the others' an answer."""


def sentence(alert: Mapping[str, Any], words: Mapping[str, str] = ENGLISH) -> str:
    """What the alert record says, for example
    `BREACH first response overdue 2m: ticket T-1 (urgent, billing, chat) limit 15m`.
    """
    if alert.get("message"):
        what, topic = tame(alert["message"], MESSAGE_LENGTH), words.get(f"about_{alert.get('target')}")
        what = words["fact"].format(label=topic, value=what) if topic else what
        return words["opening"].format(level=_level(alert, words), what=what)
    if alert.get("kind") == "digest":
        return _gathered(alert, words)
    what = " ".join(part for part in (target_name(alert, words), _event(alert, words)) if part)
    opening = words["opening"].format(level=_level(alert, words), what=what).rstrip()
    ticket = tame(alert.get("ticket_id") or "", TICKET_LENGTH)
    about = [words["ticket"].format(ticket=ticket)] if ticket else []
    who = [tame(alert[field], FIELD_LENGTH) for field in ("priority", "team", "channel") if alert.get(field)]
    if who:
        about.append(words["who"].format(who=words["comma"].join(who)))
    limit = seconds(alert, "limit_seconds")
    if limit is not None:
        about.append(words["limit"].format(limit=span(limit, words)))
    if alert.get("late"):
        about.append(f"[{words['late']}]")
    return words["sentence"].format(opening=opening, about=" ".join(about)) if about else opening


def target_name(alert: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """The kind of clock, in words."""
    target = tame(alert.get("target") or "", 2 * FIELD_LENGTH)
    return words.get(target, target)


def level_name(level: object, words: Mapping[str, str]) -> str:
    """The word of a level; one that is not known as it stands there."""
    return words.get(str(level)) or tame(level, FIELD_LENGTH).upper()


def counted(rows: object) -> list[Mapping[str, Any]]:
    """The counts of a digest; rows that are none are left out."""
    return [row for row in rows if isinstance(row, dict) and number(row, "count")] if isinstance(rows, list) else []


def number(row: Mapping[str, Any], field: str) -> int:
    """How many, as a record says; 0 where it says nothing of the kind."""
    value = row.get(field)
    return value if isinstance(value, int) and 0 < value < _LONGEST else 0


def seconds(alert: Mapping[str, Any], field: str) -> float | None:
    """A number of seconds of a record; None where there is none, or one that no clock reaches."""
    value = alert.get(field)
    return value if isinstance(value, int | float) and abs(value) < _LONGEST else None


def span(length: float, words: Mapping[str, str]) -> str:
    """Whole seconds under a minute, whole minutes under a day, then hours: `45s`, `2m`, `1h30m`, `50h`."""
    whole = int(length)
    unit = 1 if whole < 60 else 60 if whole < 86_400 else 3600
    hours, rest = divmod(whole // unit * unit, 3600)
    parts = {"hours": hours, "minutes": rest // 60, "seconds": rest % 60}
    return "".join(words[name].format(n=n) for name, n in parts.items() if n) or words["seconds"].format(n=0)


def _level(alert: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """The word that a lock screen shows first; an escalation names its step."""
    kind, level = str(alert.get("kind")), str(alert.get("level"))
    if kind in ("corrected", "recovered", "acknowledged", "digest"):
        return words[kind]
    word = level_name(level, words)
    if level == "escalation" and alert.get("step") is not None:
        return words["step"].format(level=word, step=tame(alert["step"], 4))
    return word


def _event(alert: Mapping[str, Any], words: Mapping[str, str]) -> str:
    limit, elapsed = seconds(alert, "limit_seconds"), seconds(alert, "elapsed_seconds")
    if alert.get("kind") == "corrected":
        return words["in_time"]
    if alert.get("kind") == "acknowledged":
        who = tame(alert.get("acknowledged_by") or "", FIELD_LENGTH)
        return words["taken_by"].format(who=who) if who else ""
    if alert.get("kind") == "recovered":
        over = words[_OVER.get(str(alert.get("target")), "answered")]
        return over.format(elapsed=span(elapsed, words)) if elapsed is not None else ""
    if limit is None or elapsed is None:
        return words["overdue_now"] if alert.get("level") != "warning" else words["due_now"]
    if alert.get("level") == "warning":
        return words["due"].format(left=span(limit - elapsed, words)) if limit - elapsed >= 1 else words["due_now"]
    return words["overdue"].format(over=span(elapsed - limit, words)) if elapsed - limit >= 1 else words["overdue_now"]


def _gathered(digest: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """How many alerts a digest stands for, in how long a time, and of which levels: the worst level first."""
    rows = counted(digest.get("counts"))
    by_level: dict[str, int] = {}
    for row in rows:
        by_level[str(row.get("level"))] = by_level.get(str(row.get("level")), 0) + number(row, "count")
    order = ("operations", "escalation", "breach", "warning")
    known = sorted(by_level, key=lambda level: order.index(level) if level in order else len(order))
    ids = digest.get("alert_ids")
    total = sum(by_level.values()) or (len(ids) if isinstance(ids, list) else 0)
    try:
        lasted = (parse_instant(str(digest.get("until"))) - parse_instant(str(digest.get("since")))) / SECOND
    except ValueError:
        lasted = 0.0
    what = words["gathered"].format(count=f"{total:,}", span=span(max(lasted, 0.0), words))
    opening = words["opening"].format(level=words["digest"], what=what)
    levels = [words["counted"].format(level=level_name(each, words), count=f"{by_level[each]:,}") for each in known]
    return words["sentence"].format(opening=opening, about=words["comma"].join(levels)) if levels else opening
