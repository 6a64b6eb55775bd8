"""One partition at work: applies chunks and alarms, sends what they change in order, knows what may be committed."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from agents.engine.interface import Changes, Out
from agents.engine.replay import proof
from agents.engine.store import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence

    from agents.engine.interface import Observer, Partition, Record
    from agents.engine.store import Rows, StateStore
    from agents.engine.transport import Portion

QUEUED = 4  # changes that wait to be sent before the intake of their partition waits,
QUEUED_TICKETS = 20_000  # or as many as hold so many tickets


class Batches(Protocol):
    """What is used of aiokafka's producer."""

    def create_batch(self) -> Any: ...
    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]: ...


class Surroundings(Protocol):
    """What a lane asks of the engine."""

    observer: Observer

    @property
    def clock(self) -> Callable[[], int]:
        """Gives microseconds since the epoch."""

    @property
    def batches(self) -> Batches:
        """The producer."""

    @property
    def changelog(self) -> str:
        """The changelog topic."""

    async def changelog_keys(self, partition: int, first: int, end: int) -> set[bytes]:
        """The keys of the changelog's records in [first, end)."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs it in the background; if it fails the process ends."""

    def fail(self, reason: str) -> NoReturn:
        """Ends the process."""


class _Work:
    """Changes on their way, and the input offsets by topic that are committable once all of it is acknowledged."""

    __slots__ = ("changes", "next_offsets", "waiting")

    def __init__(self, changes: Changes, next_offsets: Mapping[str, int]) -> None:
        self.changes = changes
        self.next_offsets = next_offsets
        self.waiting = 1  # acknowledgements, and one for the sending itself


class Lane:
    """The owner of a partition's tickets, its store, and everything of it that is on its way to Kafka."""

    def __init__(self, number: int, store: StateStore, owner: Partition, around: Surroundings) -> None:
        self.number = number
        self.store = store
        self.owner = owner
        self.read: dict[str, int] = {}  # the next offset to read, of each input topic
        self.durable: dict[str, int] = {}  # the next offset of each input topic that may be committed
        self._around = around
        self._next_changelog = 0
        self._queue: deque[_Work] = deque()
        self._unfinished: deque[_Work] = deque()
        self._pumping = False
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._open_derived: Rows | None = None  # of the last changelog batch on its way: later ones join it

    def open(self, positions: Mapping[str, int], next_changelog: int, refused: Iterable[bytes] = ()) -> None:
        """Input flows from these offsets; the changelog is known up to `next_changelog`, and `refused` are the keys
        whose last record there is not ours."""
        self.read = dict(positions)
        self.durable = {}
        self._next_changelog = next_changelog
        if refused:
            work = _Work(Changes(), {})
            self._begin(work)
            self._write_again(work, refused)

    def recall(self, said: Sequence[Record]) -> None:
        """Shows the owner alerts that were written before it had the partition."""
        changes = self.owner.recall(said, self._around.clock()) if said else None
        if changes:
            self.store.put(changes.tickets)
            work = _Work(changes, {})
            self._begin(work)
            self._enqueue(work)

    @property
    def idle(self) -> bool:
        """Nothing is on its way."""
        return not self._unfinished

    @property
    def has_room(self) -> bool:
        """More changes can be taken without waiting."""
        waiting = sum(len(work.changes.tickets) for work in self._queue)
        return len(self._queue) <= QUEUED and waiting <= QUEUED_TICKETS

    async def drained(self) -> None:
        """Waits until everything sent is acknowledged."""
        rest = self.owner.rest(self._around.clock())
        if rest:
            self._submit(_Work(rest, {}))
        await self._idle.wait()

    async def chunk(self, portion: Portion) -> None:
        """Applies what is new in a portion. Waits where too much of the partition is still to be sent."""
        read, records, upto = self.read, portion.records, portion.upto
        for topic, previous in portion.previous.items():
            if previous is not None and previous > read[topic]:
                self._around.fail(f"input gap: {topic}/{self.number} goes on at {previous}, not at {read[topic]}")
        if any(previous is None or previous < read[topic] for topic, previous in portion.previous.items()):
            records = [record for record in records if record.offset >= read[record.topic]]
            if not records:
                return
            upto = {record.topic: record.offset + 1 for record in records}
        started = perf_counter()
        changes = self.owner.chunk(records, self._around.clock())
        read.update(upto)
        self._around.observer.chunk(self.number, len(records), perf_counter() - started)
        self._submit(_Work(changes, upto))
        while not self.has_room:
            self._room.clear()
            await self._room.wait()

    async def ring(self, read_up_to: int) -> None:
        """Lets the owner announce what is due. Waits for nothing: whoever rings looks after the other lanes too."""
        started = perf_counter()
        changes = self.owner.ring(read_up_to, self._around.clock())
        self._around.observer.rung(self.number, len(changes.alerts), perf_counter() - started)
        self._submit(_Work(changes, {}))

    def _submit(self, work: _Work) -> None:
        self.store.put(work.changes.tickets)
        self._begin(work)
        self._enqueue(work)

    def _begin(self, work: _Work) -> None:
        self._unfinished.append(work)
        self._idle.clear()

    def _enqueue(self, work: _Work) -> None:
        self._queue.append(work)
        if not self._pumping:
            self._pumping = True
            self._around.run(self._pump())

    async def _pump(self) -> None:
        while self._queue:
            work = self._queue[0]
            await self._send(work)
            self._queue.popleft()
            self._room.set()
        self._pumping = False

    async def _send(self, work: _Work) -> None:
        changes = work.changes
        if changes.alerts or changes.records:
            # A ticket that says "announced" must not outlive its alert, nor one that was answered its ledger's record.
            await asyncio.gather(*await self._send_outs(changes.alerts), *await self._send_outs(changes.records))
        if changes.tickets:
            await self._send_tickets(work)
        elif changes.derived:
            self._keep_derived(changes.derived)
        self._step(work)

    async def _send_outs(self, outs: Iterable[Out]) -> list[asyncio.Future[Any]]:
        batches = self._around.batches
        timestamp = self._around.clock() // 1000
        acknowledgements = []
        by_topic: defaultdict[str, list[Out]] = defaultdict(list)
        for out in outs:
            by_topic[out.topic].append(out)
        for topic, group in by_topic.items():
            batch = batches.create_batch()
            for out in group:
                key, value, headers = out.key, out.value, out.headers
                if batch.append(timestamp=timestamp, key=key, value=value, headers=headers) is None:
                    acknowledgements.append(await batches.send_batch(batch, topic, partition=self.number))
                    batch = batches.create_batch()
                    batch.append(timestamp=timestamp, key=key, value=value, headers=headers)
            acknowledgements.append(await batches.send_batch(batch, topic, partition=self.number))
        return acknowledgements

    async def _send_tickets(self, work: _Work) -> None:
        batches = self._around.batches
        timestamp = self._around.clock() // 1000
        batch = batches.create_batch()
        rows: Rows = {}
        for key, value in work.changes.tickets.items():
            headers = proof(key, value)
            if batch.append(timestamp=timestamp, key=key, value=value, headers=headers) is None:
                await self._send_changelog(work, batch, rows, derived=None)
                batch, rows = batches.create_batch(), {}
                batch.append(timestamp=timestamp, key=key, value=value, headers=headers)
            rows[key] = value
        await self._send_changelog(work, batch, rows, derived=work.changes.derived)

    async def _send_changelog(self, work: _Work, batch: Any, rows: Rows, *, derived: Rows | None) -> None:
        around = self._around
        acknowledgement = await around.batches.send_batch(batch, around.changelog, partition=self.number)
        self._open_derived = derived
        work.waiting += 1
        settle = partial(self._settle, work.changes.cold, rows, derived)
        acknowledgement.add_done_callback(partial(self._acknowledged, work, settle))

    def _keep_derived(self, derived: Rows) -> None:
        # Local writes keep the order in which they were caused.
        if self._open_derived is not None:
            self._open_derived.update(derived)
        else:
            self.store.settle({}, derived, self.store.mark, ())

    def _acknowledged(self, work: _Work, settle: Callable[[int], None], done: asyncio.Future[Any]) -> None:
        try:
            settle(done.result().offset)
        except BaseException as error:  # noqa: BLE001 - in a callback nobody else would see it
            self._around.fail(f"partition {self.number}: a write was not acknowledged: {error!r}")
        self._step(work)

    def _settle(self, cold: Collection[bytes], rows: Rows, derived: Rows | None, base: int) -> None:
        if base != self._next_changelog:
            if base < self._next_changelog:
                self._around.fail(f"the changelog of partition {self.number} acknowledged offset {base}")
            work = _Work(Changes(), {})
            self._begin(work)  # a hand-over waits for it
            self._around.run(self._overwrite(work, self._next_changelog, base))
        self._next_changelog = base + len(rows)
        if self._open_derived is derived:
            self._open_derived = None
        mark = Mark(self._next_changelog - 1, at=self._around.clock())
        self.store.settle(rows, derived, mark, cold)

    async def _overwrite(self, work: _Work, first: int, end: int) -> None:
        """Another process wrote [first, end) of our changelog; the last record of a key must be ours."""
        keys = await self._around.changelog_keys(self.number, first, end)
        self._around.observer.foreign_write(self.number, end - first)
        self._write_again(work, keys)

    def _write_again(self, work: _Work, keys: Iterable[bytes]) -> None:
        work.changes.tickets = {key: self.store.get(key) for key in keys}
        self._enqueue(work)

    def _step(self, work: _Work) -> None:
        work.waiting -= 1
        unfinished = self._unfinished
        while unfinished and not unfinished[0].waiting:
            done = unfinished.popleft()
            self.durable.update(done.next_offsets)
        if not unfinished:
            self._idle.set()

    def refresh(self) -> None:
        """Notes that nothing newer is in the changelog."""
        if self.idle:
            self.store.settle({}, None, self.store.mark._replace(at=self._around.clock()), ())

    def close(self) -> None:
        """The partition is given up, or the process ends; the store stays open."""
        self.owner.close()
