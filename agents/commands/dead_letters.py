"""`slawatch dead-letters`: list, show and put back the records that no worker could use."""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import click

from agents.dead_letters import CUT, EMPTY, FOREIGN, DeadLetter, printable, put_back, read_all, read_one
from agents.kafka import connection, faults
from agents.topics import Topics, present
from config.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from agents.engine.connection import Connection

_KEY_WIDTH = 24


class Place(NamedTuple):
    """Where a dead letter lies on the topic dead-letters."""

    partition: int
    offset: int


class _PlaceType(click.ParamType):
    name = "partition:offset"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        partition, colon, offset = str(value).partition(":")
        if not (colon and partition.isdecimal() and offset.isdecimal()):
            self.fail(f"{value!r} is no PARTITION:OFFSET, as `slawatch dead-letters list` shows them", param, ctx)
        return Place(int(partition), int(offset))


class _Reach:
    """The topic dead-letters of the Kafka that the settings name."""

    def __init__(self) -> None:
        self.settings = load_settings()
        self.connection: Connection = connection(self.settings)
        self.topics = Topics(self.settings.topic_prefix)
        self.topic = self.topics.dead_letters

    async def all(self, reason: str | None) -> AsyncIterator[DeadLetter]:
        """Every dead letter, or those of a reason."""
        numbers = range((await present(self.connection, [self.topic]))[self.topic])
        async for letter in read_all(self.connection, self.topic, numbers):
            if reason is None or letter.has_reason(reason):
                yield letter

    async def some(self, places: Iterable[Place]) -> AsyncIterator[DeadLetter]:
        """The dead letters at these places; raises UsageError where there is none."""
        numbers = range((await present(self.connection, [self.topic]))[self.topic])
        for place in places:
            letter = await read_one(self.connection, self.topic, *place) if place.partition in numbers else None
            if letter is None:
                raise click.UsageError(f"there is no dead letter {place.partition}:{place.offset}")
            yield letter


@click.group(name="dead-letters")
def command() -> None:
    """Records that could not be read or used: nothing is lost, the partition has moved on."""


@command.command(name="list")
@click.option("--reason", help="Only those with this cause, or with this text in their reason.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="How many, newest first.")
def list_(reason: str | None, limit: int) -> None:
    """Count dead letters by cause, and list the newest."""
    reach = _Reach()
    with faults(reach.settings):
        asyncio.run(_list(reach, reason, limit))


async def _list(reach: _Reach, reason: str | None, limit: int) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    newest: list[tuple[str, int, int, DeadLetter]] = []
    async for letter in reach.all(reason):
        counts[letter.cause, letter.field] += 1
        heapq.heappush(newest, (letter.at, letter.partition, letter.offset, letter))
        if len(newest) > limit:
            heapq.heappop(newest)
    if not counts:
        click.echo("no dead letters")
        return
    causes = [(f"{count:,}", *map(printable, cause)) for cause, count in counts.most_common()]
    _table(("count", "cause", "field"), causes)
    if newest:
        click.echo()
        letters = [_row(letter) for *_, letter in sorted(newest, reverse=True)]
        _table(("place", "at", "from", "key", "reason"), letters)


def _row(letter: DeadLetter) -> tuple[str, ...]:
    key = printable(letter.key)
    short = key if len(key) <= _KEY_WIDTH else key[: _KEY_WIDTH - 1] + "…"
    came_from = f"{letter.topic} {letter.origin}"
    about = f"{letter.field}: {letter.reason}" if letter.field else letter.reason
    return letter.id, printable(letter.at), printable(came_from), short, printable(about)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@command.command(name="show")
@click.argument("place", type=_PlaceType(), metavar="PARTITION:OFFSET")
def show(place: Place) -> None:
    """Show one dead letter as it came, whatever is no plain character escaped."""
    reach = _Reach()
    with faults(reach.settings):
        asyncio.run(_show(reach, place))


async def _show(reach: _Reach, place: Place) -> None:
    async for letter in reach.some([place]):
        lines = {
            "place": letter.id,
            "at": letter.at,
            "from": f"{letter.topic} {letter.origin}",
            "cause": letter.cause,
            "field": letter.field,
            "reason": letter.reason,
            "cut from": letter.bytes_before and f"{letter.bytes_before} bytes",
        }
        for title, text in lines.items():
            if text:
                click.echo(f"{title + ':':10}{printable(text)}")
        click.echo(f"{'key:':10}{printable(letter.key)}")
        click.echo(printable(letter.value))


@command.command(name="requeue")
@click.argument("places", nargs=-1, type=_PlaceType(), metavar="[PARTITION:OFFSET]...")
@click.option("--reason", help="All with this cause, or with this text in their reason.")
@click.option("--all", "everything", is_flag=True, help="All there are.")
def requeue(places: tuple[Place, ...], reason: str | None, everything: bool) -> None:
    """Put dead letters back on the topics they came from, with the keys they had.

    They stay listed until their topic's retention ends. Events are known by their event_id, so putting back twice
    does no harm. The exit code is 1 where some could not be put back.
    """
    if bool(places) + (reason is not None) + everything != 1:
        raise click.UsageError("say which: PARTITION:OFFSET (several may be given), --reason TEXT, or --all")
    reach = _Reach()
    inputs = reach.topics.inputs
    with faults(reach.settings):
        outcomes = asyncio.run(_requeue(reach, inputs, places, reason))
    if not outcomes:
        click.echo("no dead letters")
    for outcome, count in outcomes.most_common():
        click.echo(f"{count:>8,}  {outcome}")
    if set(outcomes) & {CUT, FOREIGN, EMPTY}:
        sys.exit(1)


async def _requeue(reach: _Reach, inputs: Sequence[str], places: tuple[Place, ...], reason: str | None) -> Counter[str]:
    await present(reach.connection, inputs, to_write=True)
    letters = reach.some(places) if places else reach.all(reason)
    return await put_back(reach.connection, letters, inputs)
