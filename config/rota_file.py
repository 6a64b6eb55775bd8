"""Rotas as written in the routing file, with every problem by line and field."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from config.calendars import DATE_PATTERN, WEEKDAYS, parse_date, parse_zone
from config.errors import shown
from config.rota import Feed, Rota, Rotation, Turn, begins
from config.secret import fill
from config.urls import on_the_web
from streams.instants import parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from config.people import Person
    from config.source import Node

ROTA_KEYS = ("timezone", "hand_over", "starts", "ends", "weekly", "calendar", "overrides")
OVERRIDE_KEYS = ("from", "until", "person")
CLOCK_PATTERN = r"\d\d?:\d\d"
HAND_OVER_PATTERN = rf"((mon|tue|wed|thu|fri|sat|sun) )?{CLOCK_PATTERN}"
EDGE_PATTERN = rf"{DATE_PATTERN}([Tt ]{CLOCK_PATTERN}.*)?"

_HAND_OVER = re.compile(r"(?:(\w+) )?(\d\d?):(\d\d)")
_LOCAL = re.compile(rf"({DATE_PATTERN})(?:[Tt ](\d\d?):(\d\d))?")
_MORNING = "09:00"


class _HandOver(NamedTuple):
    weekday: int | None
    second: int


def read_rotas(node: Node | None, people: Mapping[str, Person], environ: Mapping[str, str]) -> dict[str, Rota]:
    """The rotas of a file by name, `${NAME}` in addresses taken from `environ`; notes what is wrong."""
    named = node.mapping() if node is not None else {}
    found = {name: _rota(name, item, people, environ) for name, item in named.items()}
    return {name: rota for name, rota in found.items() if rota is not None}


def _rota(name: str, node: Node, people: Mapping[str, Person], environ: Mapping[str, str]) -> Rota | None:
    problems_before = len(node.problems)
    found = node.entries(ROTA_KEYS, required=("timezone",))
    zone = found["timezone"].read(parse_zone) if "timezone" in found else None
    feed, weekly = found.get("calendar"), found.get("weekly")
    if node.is_mapping() and (feed is None) == (weekly is None):
        node.bad("expected either weekly (people who take turns) or calendar (the URL of an iCalendar)")
        return None
    turns: Rotation | Feed | None = None
    if weekly is not None:
        turns = _rotation(zone, found, weekly, people)
    elif feed is not None:
        turns = _feed(zone, found, feed, environ)
    overrides = _overrides(found["overrides"], zone, people) if "overrides" in found and zone is not None else ()
    if turns is None or len(node.problems) > problems_before:
        return None
    return Rota(name, turns, overrides, node.line)


def _rotation(
    zone: str | None, found: Mapping[str, Node], weekly: Node, people: Mapping[str, Person]
) -> Rotation | None:
    named = [item.choice(people, "person") for item in weekly.many(empty="nobody would be on call (name somebody)")]
    hand_over = found["hand_over"].read(_hand_over) if "hand_over" in found else None
    starts = found["starts"].read(parse_date) if "starts" in found else None
    ends = found["ends"].read(parse_date) if "ends" in found else None
    if "hand_over" not in found:
        weekly.bad("when does a turn begin? (write hand_over: mon 09:00 beside it)")
    if "starts" not in found:
        weekly.bad("whose turn is it? (write starts: and the date on which the first one's turn began)")
    if hand_over is not None and starts is not None:
        weekday, _ = hand_over
        if weekday is None:
            found["hand_over"].bad("on which day? (write mon 09:00)")
        elif starts.weekday() != weekday:
            day = starts + timedelta(days=(weekday - starts.weekday()) % 7)
            found["starts"].bad(f"a {WEEKDAYS[starts.weekday()]}, and turns begin on {WEEKDAYS[weekday]} (write {day})")
    if starts is not None and ends is not None and ends <= starts:
        found["ends"].bad("ends before it starts, so that nobody is ever on call (write a later date)")
    if zone is None or hand_over is None or starts is None:
        return None
    turns = tuple(people[name] for name in named if name is not None and name in people)
    return Rotation(zone, starts, hand_over.second, turns, ends) if turns else None


def _feed(zone: str | None, found: Mapping[str, Node], feed: Node, environ: Mapping[str, str]) -> Feed | None:
    for key in ("starts", "ends"):
        if key in found:
            found[key].bad("the calendar says it itself (leave it out)")
    address = feed.read(lambda text: _address(fill(environ, text)))
    hand_over = found["hand_over"].read(_hand_over) if "hand_over" in found else _HandOver(None, 0)
    if hand_over is not None and hand_over.weekday is not None:
        found["hand_over"].bad("only an hour: at it the calendar's whole days begin (write 09:00)")
    return Feed(zone, hand_over.second, address) if zone and hand_over is not None and address is not None else None


def _address(text: str) -> str:
    """An http or https URL; calendars are handed out as webcal: too, which is https by another name."""
    url = re.sub(r"^webcals?://", "https://", text)
    if not on_the_web(url):
        raise ValueError("not an http, https or webcal URL (write https://host/path)")
    return url


def _hand_over(text: str) -> _HandOver:
    match = _HAND_OVER.fullmatch(text)
    if match is None or (match[1] is not None and match[1] not in WEEKDAYS):
        raise ValueError(f"not a day and time: {shown(text)} (write mon {_MORNING})")
    return _HandOver(WEEKDAYS.index(match[1]) if match[1] else None, _second(text, match[2], match[3]))


def _second(text: str, hour: str, minute: str) -> int:
    if int(hour) > 23 or int(minute) > 59:
        raise ValueError(f"no such time of day: {shown(text)} (00:00 to 23:59)")
    return int(hour) * 3600 + int(minute) * 60


def _overrides(node: Node, zone: str, people: Mapping[str, Person]) -> tuple[Turn, ...]:
    """In order of time; overlapping ones are a problem."""
    read: list[tuple[Turn, Node]] = []
    for item in node.items():
        found = item.entries(OVERRIDE_KEYS, required=OVERRIDE_KEYS)
        if len(found) < len(OVERRIDE_KEYS):
            continue
        since, until = (found[key].read(lambda text: _edge(text, zone)) for key in ("from", "until"))
        person = found["person"].choice(people, "person")
        if since is None or until is None or person is None:
            continue
        if since >= until:
            found["until"].bad("not after from (write a later one)")
        read.append((Turn(since, until, people[person]), item))
    read.sort(key=lambda pair: pair[0].since)
    for (before, first), (after, item) in pairwise(read):
        if after.since < before.until:
            item.bad(f"overlaps the override in line {first.line} (let one end where the other begins)")
    return tuple(turn for turn, _ in read)


def _edge(text: str, zone: str) -> int:
    """An instant: with an offset, or by the rota's own wall clock, a date being its midnight."""
    match = _LOCAL.fullmatch(text)
    try:
        if match is None:
            return parse_instant(text)
        day: date = parse_date(match[1])
        return begins(zone, day, _second(text, match[2], match[3]) if match[2] else 0)
    except ValueError as error:
        if match is not None:
            raise
        raise ValueError(f"{error}, or by the rota's own clock 2026-01-31 09:00 or 2026-01-31") from None
