"""`slawatch send`: events from a file onto their topics."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import click
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from agents.engine import wall_clock
from agents.errors import Refused
from agents.events_io import EventFile, open_events
from agents.kafka import Fault, connection, faults
from agents.loop import run
from agents.progress import progress
from agents.topics import Topics, present
from config.errors import shown
from config.settings import load_settings
from streams.events import TOPIC_OF
from streams.instants import SECOND, parse_instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from config.settings import Settings

_READ_AHEAD = 5_000  # lines
_COMPLAINTS = 20  # lines told one by one
_CATCH_UP = 0.1  # seconds that `--rate` makes up for after a pause


class _Head(msgspec.Struct):
    """What decides where a line goes; the worker judges all else."""

    type: Any = None
    ticket_id: Any = None
    agent_id: Any = None


class _Instant(msgspec.Struct):
    """When it occurs."""

    occurred_at: str


_read_head = msgspec.json.Decoder(_Head).decode


def address(line: bytes) -> tuple[str, bytes | None]:
    """The type and the key of an event's line; raises ValueError where it is no JSON object of a known type.

    The key is None where the id is missing or ill-typed: the worker makes a dead letter of it.
    """
    try:
        head = _read_head(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"no JSON object: {error}") from None
    if not isinstance(head.type, str) or head.type not in TOPIC_OF:
        raise ValueError(f"no known type: {shown(str(head.type))}" if head.type is not None else "no type")
    key = head.agent_id if head.type == "agent_status_changed" else head.ticket_id
    return head.type, key.encode() if isinstance(key, str) else None


def ahead(line: bytes, now: int) -> float:
    """Seconds until an event occurs; 0 where it has, and where the line does not say."""
    try:
        occurs = msgspec.json.decode(line, type=_Instant).occurred_at
        return max(0.0, (parse_instant(occurs) - now) / SECOND)
    except (ValueError, OverflowError, msgspec.DecodeError):
        return 0.0


class _ReadAhead:
    """The file's lines, read in a thread: waiting for the next line of standard input must not stop the sending."""

    def __init__(self, events: EventFile) -> None:
        self._events = events
        self._lines: queue.Queue[tuple[int, bytes] | BaseException | None] = queue.Queue(_READ_AHEAD)
        self._loop = asyncio.get_running_loop()
        self._more = asyncio.Event()
        # A daemon: Ctrl-C must not wait for a line that may never come.
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for item in self._events:
                self._put(item)
            self._put(None)
        except Exception as error:  # noqa: BLE001  whatever it is, the reader of the lines raises it
            self._put(error)

    def _put(self, item: tuple[int, bytes] | BaseException | None) -> None:
        self._lines.put(item)
        if not self._more.is_set():
            self._loop.call_soon_threadsafe(self._more.set)

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        while True:
            await self._more.wait()
            self._more.clear()
            while not self._lines.empty():
                item = self._lines.get_nowait()
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item


class _Sending:
    """Sends lines and remembers what became of them."""

    def __init__(self, producer: AIOKafkaProducer, topics: Topics, source: str) -> None:
        self._producer = producer
        self._topics = topics
        self._source = source
        self.sent: Counter[str] = Counter()
        self.skipped = 0
        self.failed: tuple[int, BaseException] | None = None
        """Line and error of the first event that was not acknowledged."""

    async def line(self, number: int, line: bytes) -> None:
        """Hand one line to the producer, which may wait for room; one that is no event is told and skipped."""
        try:
            kind, key = address(line)
            topic = self._topics.name(TOPIC_OF[kind])
            acknowledged = await self._producer.send(topic, line, key)
        except (ValueError, MessageSizeTooLargeError) as error:
            self._skip(number, error)
            return
        self.sent[topic] += 1
        acknowledged.add_done_callback(partial(self._acknowledge, number))

    def _acknowledge(self, number: int, future: asyncio.Future[Any]) -> None:
        error = future.exception()
        if error is not None and self.failed is None:
            self.failed = number, error

    def _skip(self, number: int, error: Exception) -> None:
        self.skipped += 1
        if self.skipped <= _COMPLAINTS:
            click.echo(f"{self._source}:{number}: {error}; skipped", err=True)
        elif self.skipped == _COMPLAINTS + 1:
            click.echo("further lines that are skipped are only counted", err=True)


async def send(events: EventFile, settings: Settings, rate: float | None, *, live: bool = False) -> _Sending:
    """Put the events of a file on their topics, at most `rate` a second; what became of them. Raises Refused."""
    topics = Topics(settings.topic_prefix)
    reach = connection(settings)
    counts = await present(reach, topics.inputs, to_write=True)
    if len(set(counts.values())) > 1:
        numbers = ", ".join(f"{topic} {count}" for topic, count in counts.items())
        raise Refused(f"the event topics have different numbers of partitions, a ticket would be split: {numbers}")
    producer = AIOKafkaProducer(
        **reach.aiokafka(),
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        max_batch_size=128 * 1024,
        compression_type="zstd",
    )
    sending = _Sending(producer, topics, events.name)
    loop = asyncio.get_running_loop()
    await producer.start()
    try:
        with progress("sending", events.size) as come_to:
            due = loop.time()
            async for number, line in _ReadAhead(events):
                if rate is not None:
                    await asyncio.sleep(due - loop.time())
                    due = max(due + 1 / rate, loop.time() - _CATCH_UP)
                if live and (seconds := ahead(line, wall_clock())):
                    await asyncio.sleep(seconds)
                await sending.line(number, line)
                if number % 500 == 0:
                    come_to(events.position)
                    await asyncio.sleep(0)  # a file is always ready: let the producer's task have its turn
                if sending.failed is not None:
                    break
            await producer.flush()
    finally:
        await producer.stop()
    return sending


@click.command(name="send")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Events a second, at most.")
@click.option("--live", is_flag=True, help="None before it occurs; what lies in the past at once.")
def command(file: str, rate: float | None, *, live: bool) -> None:
    """Put the events of FILE (JSON Lines, plain or gzip; - is standard input) on their topics.

    Each is sent as it stands, to the topic of its type, keyed by its ticket or agent; an event with invalid fields
    too: the worker makes a dead letter of it. A line without a known type is told and skipped, the others are
    sent, and the exit code is 1. Sending a file again does no harm: events are known by their event_id.
    """
    settings = load_settings()
    begun = time.monotonic()
    with open_events(file) as events, faults(settings):
        sending = run(send(events, settings, rate, live=live))
    if sending.failed is not None:
        number, error = sending.failed
        raise Fault(f"{events.name}:{number}: not acknowledged: {error}; send the file again")
    _summarise(sending, time.monotonic() - begun)
    if sending.skipped:
        sys.exit(1)


def _summarise(sending: _Sending, seconds: float) -> None:
    for topic, count in sorted(sending.sent.items()):
        click.echo(f"{count:>12,}  {topic}")
    total = sending.sent.total()
    skipped = f", {sending.skipped:,} lines skipped" if sending.skipped else ""
    click.echo(f"{total:>12,}  events in {seconds:.1f} s, {total / max(seconds, 1e-9):,.0f} a second{skipped}")
