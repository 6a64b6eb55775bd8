"""A card: what a person is shown of an alert, in their language and by their clock, before any service's markup."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote
from zoneinfo import ZoneInfo

from agents.notifier.sentence import FIELD_LENGTH, counted, level_name, number, seconds, sentence, span, target_name
from agents.notifier.text import tame
from agents.notifier.words import ENGLISH, LANGUAGES
from config.destination_values import TICKET
from streams.instants import parse_instant, to_datetime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agents.notifier.message import Message

VALUE_LENGTH = 80
LINE_LENGTH = 160
WORST = 5
ROWS = 10
"""Rows of a digest's counts that a card shows; it says how many more there are."""

PRIVATE = {"agent": ("agent", "agent_id"), "customer": ("customer", "customer_id", "subject", "comment")}
"""What of people a record may carry, by the switch that lets it onto a card."""

_LONGEST_ID = 500  # characters, percent-encoded
_UTC = ZoneInfo("UTC")


class Person(Protocol):
    """Whoever is on call: a name, and ids by service (`slack`, `teams`, `dingtalk`, `wecom`, `feishu`, `email`)."""

    @property
    def name(self) -> str:
        """What people call them."""

    @property
    def ids(self) -> Mapping[str, str]:
        """By which each service knows them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a card: `name` for programs, `label` and `value` for people."""

    name: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where a card leads: the `url` is ours alone, text of tickets in it is percent-encoded."""

    name: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a section, with an address where it has one."""

    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a digest's card."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown. Every text of it is one tame line; each service still has to take the sting from its own markup.

    `tone` is `warning`, `breach`, `escalation`, `operations`, `good` or `digest`.
    """

    alert_id: str
    tone: str
    title: str
    facts: tuple[Fact, ...]
    links: tuple[Link, ...]
    sections: tuple[Section, ...] = ()
    mention: Person | None = None
    words: Mapping[str, str] = field(default_factory=lambda: ENGLISH)

    @property
    def footer(self) -> str:
        """By which the alert is found again."""
        return self.words["alert"].format(id=self.alert_id)

    @property
    def repeated(self) -> str:
        """What a card says that may be there already."""
        return self.words["repeat"]

    @property
    def called(self) -> str | None:
        """The name of the person it calls."""
        return tame(self.mention.name, VALUE_LENGTH) if self.mention is not None else None

    def line(self, fact: Fact) -> str:
        """A fact as one line."""
        return self.words["fact"].format(label=fact.label, value=fact.value)


@dataclass(frozen=True, slots=True)
class Presentation:
    """How the cards of one destination look.

    `zones` are those of teams whose clock is not `zone`; `acknowledge` makes the link by which an alert record is
    acknowledged, if it can be; `on_call` says who is called by one that was decided at an instant; `show` names what
    of PRIVATE is shown; `board_url` is where the board is.
    """

    language: str = "en"
    zone: ZoneInfo = _UTC
    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    ticket_url: str | None = None
    acknowledge: Callable[[Mapping[str, Any]], str | None] | None = None
    on_call: Callable[[Mapping[str, Any], int], Person | None] | None = None
    show: frozenset[str] = frozenset()
    board_url: str | None = None

    @property
    def words(self) -> Mapping[str, str]:
        """The words of its language."""
        return LANGUAGES[self.language]


def card_of(message: Message, presentation: Presentation) -> Card:
    """The card of a message. What asks for something to be done calls the one who is on call for it; a digest, the
    one for the worst that it sums up.
    """
    alert = message.told
    record = next(_worst(alert.record), None) if alert.kind == "digest" else alert.record
    called = None
    if record is not None and presentation.on_call is not None and alert.kind in ("raised", "digest"):
        called = presentation.on_call(record, alert.decided_at)
    return present(alert.record, presentation, mention=called)


def present(
    record: Mapping[str, Any],
    presentation: Presentation,
    *,
    mention: Person | None = None,
    ack_url: str | None = None,
) -> Card:
    """The card of an alert record or a digest; `mention` is the one person it calls."""
    words = presentation.words
    if ack_url is None and presentation.acknowledge is not None:
        ack_url = presentation.acknowledge(record)
    digest = record.get("kind") == "digest"
    facts = _digest_facts(record, presentation) if digest else _facts(record, presentation)
    called = [Fact("on_call", words["on_call"], tame(mention.name, VALUE_LENGTH))] if mention is not None else []
    return Card(
        alert_id=tame(record.get("alert_id") or "", VALUE_LENGTH),
        tone=_tone(record),
        title=sentence(record, words),
        facts=(*facts, *called),
        links=tuple(_links(record, presentation, ack_url)),
        sections=tuple(_sections(record, presentation)) if digest else (),
        mention=mention,
        words=words,
    )


def public(record: Mapping[str, Any], show: frozenset[str]) -> dict[str, Any]:
    """The record without what of people is not switched on."""
    hidden = {name for part, names in PRIVATE.items() if part not in show for name in names}
    return {name: value for name, value in record.items() if name not in hidden}


def ticket_link(template: str | None, ticket: object) -> str | None:
    """The address of a ticket; none where its id would lead somewhere else, as `..` does."""
    encoded = quote(str(ticket or ""), safe="", errors="replace")
    if template is None or not encoded.strip(".") or len(encoded) > _LONGEST_ID:
        return None
    return template.replace(TICKET, encoded)


def moment(text: object, zone: ZoneInfo, words: Mapping[str, str]) -> str | None:
    """An RFC 3339 instant by the wall clock of a zone; None where it is none."""
    try:
        local = to_datetime(parse_instant(str(text))).astimezone(zone)
    except (ValueError, OverflowError):
        return None
    return words["moment"].format(
        day=words["days"].split()[local.weekday()], date=f"{local:%Y-%m-%d}", time=f"{local:%H:%M}", zone=zone.key
    )


def _tone(record: Mapping[str, Any]) -> str:
    kind, level = record.get("kind"), str(record.get("level"))
    if kind == "digest":
        return "digest"
    if kind in ("corrected", "recovered", "acknowledged"):
        return "good"
    return level if level in ("warning", "breach", "escalation", "operations") else "breach"


def _facts(record: Mapping[str, Any], presentation: Presentation) -> Iterator[Fact]:
    words, zone = presentation.words, presentation.zones.get(str(record.get("team")), presentation.zone)

    def fact(name: str, value: object) -> Iterator[Fact]:
        if value:
            yield Fact(name, words[name], tame(value, VALUE_LENGTH))

    limit = seconds(record, "limit_seconds")
    if limit is not None:
        promised = words["promised"].format(target=target_name(record, words), limit=span(limit, words))
        yield Fact("promise", words["promise"], promised)
    for name in ("policy", "priority", "team", "channel"):
        yield from fact(name, record.get(name))
    for name, of in (("since", "started_at"), ("deadline", "deadline")):
        yield from _at(name, record.get(of), zone, words)
    yield from fact("acknowledged_by", record.get("acknowledged_by"))
    yield from _at("acknowledged_at", record.get("acknowledged_at"), zone, words)
    for part, names in PRIVATE.items():
        if part in presentation.show:
            values = [tame(record[name], VALUE_LENGTH) for name in names if record.get(name)]
            yield from fact(part, words["comma"].join(values))


def _at(name: str, text: object, zone: ZoneInfo, words: Mapping[str, str]) -> Iterator[Fact]:
    """Made of numbers and the zone's name, so that nothing in it has to be tamed."""
    said = moment(text, zone, words) if text else None
    if said:
        yield Fact(name, words[name], said)


def _links(record: Mapping[str, Any], presentation: Presentation, ack_url: str | None) -> Iterator[Link]:
    words = presentation.words
    ticket = ticket_link(presentation.ticket_url, record.get("ticket_id"))
    if ticket is not None:
        yield Link("ticket", words["open_ticket"], ticket)
    if ack_url is not None:
        yield Link("acknowledge", words["acknowledge"], ack_url)
    if presentation.board_url is not None:
        yield Link("board", words["open_board"], presentation.board_url)


def _digest_facts(record: Mapping[str, Any], presentation: Presentation) -> Iterator[Fact]:
    words, zone = presentation.words, presentation.zone
    ends = [said for name in ("since", "until") if (said := moment(record.get(name), zone, words)) is not None]
    if ends:
        yield Fact("from_to", words["from_to"], " – ".join(ends))


def _sections(record: Mapping[str, Any], presentation: Presentation) -> Iterator[Section]:
    words = presentation.words
    rows = sorted(counted(record.get("counts")), key=lambda row: -number(row, "count"))
    lines = [Line(_row(row, words)) for row in rows[:ROWS]]
    if len(rows) > ROWS:
        left = sum(number(row, "count") for row in rows[ROWS:])
        lines.append(Line(words["more"].format(count=f"{left:,}")))
    if lines:
        yield Section(words["by_team"], tuple(lines))
    shown = list(islice(_worst(record), WORST))
    if shown:
        told = (tame(sentence(each, words), LINE_LENGTH) for each in shown)
        links = (ticket_link(presentation.ticket_url, each.get("ticket_id")) for each in shown)
        yield Section(words["worst"], tuple(Line(text, url) for text, url in zip(told, links, strict=True)))


def _worst(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    worst = record.get("worst")
    yield from (each for each in worst if isinstance(each, dict)) if isinstance(worst, list) else ()


def _row(row: Mapping[str, Any], words: Mapping[str, str]) -> str:
    team = tame(row.get("team") or words["no_team"], FIELD_LENGTH)
    priority = tame(row.get("priority") or words["no_priority"], FIELD_LENGTH)
    level = level_name(row.get("level"), words)
    told = words["counted"].format(level=level, count=f"{number(row, 'count'):,}")
    return words["fact"].format(label=words["comma"].join((team, priority)), value=told)
