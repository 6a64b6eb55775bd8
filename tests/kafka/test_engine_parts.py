"""The engine's parts by themselves: the order of writes, the lease, the watermark."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from aiokafka import TopicPartition
from faust.types import TP
from waiting import eventually

from agents.engine import Changes, Connection, Engine, EngineConfig, Observer, Out
from agents.engine.alarms import Alarms
from agents.engine.changelog import Changelog
from agents.engine.lane import Lane
from agents.engine.lease import Lease, ticks
from agents.engine.replay import Replay, proof
from agents.engine.store import Mark, MemoryStore, RocksStore
from agents.engine.transport import Consumer, Portion, _Active
from agents.engine.watermark import Watermark

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterator, Sequence
    from pathlib import Path


def record(offset: int, key: bytes, value: bytes | None) -> Any:
    return SimpleNamespace(topic="input", offset=offset, key=key, value=value, partition=0)


class Ended(Exception):
    """The process would have ended."""


class Batch(list[dict[str, Any]]):
    """A batch of at most three records."""

    def append(self, **record: Any) -> object:  # type: ignore[override]  # as aiokafka names it
        if len(self) == 3:
            return None
        super().append(record)
        return self


class FakeEngine:
    """What surrounds a lane: batches are acknowledged when the test says so."""

    def __init__(self) -> None:
        self.observer = Observer()
        self.changelog = "changelog"
        self.batches = self
        self.sent: list[tuple[str, Batch, asyncio.Future[Any]]] = []
        self.failed: list[str] = []
        self.foreign_keys: set[bytes] = set()
        self._tasks: list[asyncio.Task[None]] = []

    @staticmethod
    def clock() -> int:
        return 1_000_000

    @staticmethod
    def create_batch() -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[Any]:
        assert partition == 7
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.sent.append((topic, batch, future))
        return future

    async def changelog_keys(self, partition: int, first: int, end: int) -> set[bytes]:
        assert (partition, first, end) == (7, 0, 4)
        return self.foreign_keys

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    def fail(self, reason: str) -> NoReturn:
        self.failed.append(reason)
        raise Ended(reason)

    async def acknowledge(self, topic: str, offset: int = 0) -> Batch:
        """Acknowledges the oldest batch under way to a topic."""
        await eventually(lambda: any(sent[0] == topic for sent in self.sent), 2)
        place = next(place for place, sent in enumerate(self.sent) if sent[0] == topic)
        _, batch, future = self.sent.pop(place)
        future.set_result(SimpleNamespace(offset=offset))
        await turn()
        return batch

    @property
    def topics(self) -> list[str]:
        return [topic for topic, _, _ in self.sent]


async def turn() -> None:
    """Lets everything that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


class Owner:
    """Answers with the changes it was given."""

    def __init__(self) -> None:
        self.changes: list[Changes] = []
        self.offsets: list[int] = []

    def chunk(self, records: Sequence[Any], now: int) -> Changes:
        self.offsets += [record.offset for record in records]
        return self.changes.pop(0) if self.changes else Changes()

    def wake_at(self) -> int | None:
        return None

    def prepare(self, now: int) -> bool:
        return False

    def is_ready(self, read_up_to: int) -> bool:
        return False

    def rest(self, now: int) -> Changes:
        return Changes()

    def ring(self, read_up_to: int, now: int) -> Changes:
        return self.changes.pop(0)

    def close(self) -> None:
        pass


def portion(*offsets: int, previous: int | None = None) -> Portion:
    records = [record(offset, b"k", b"v") for offset in offsets]
    return Portion(records, {"input": previous}, {"input": offsets[-1] + 1})


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def lane(engine: FakeEngine, owner: Owner, tmp_path: Path) -> Lane:
    lane = Lane(7, RocksStore(tmp_path / "7"), owner, engine)
    lane.open({"input": 0}, 0)
    return lane


class TestLane:
    async def test_what_a_ticket_gave_rise_to_is_acknowledged_before_its_state_is_sent(
        self, lane: Lane, engine: FakeEngine, owner: Owner
    ) -> None:
        """Else a kill between the two leaves a state by which the alert was written, and the ledger."""
        alerts, records = [Out("alerts", b"k", b"breach")], [Out("ledger", b"k", b"breached")]
        owner.changes = [Changes(tickets={b"k": b"announced"}, alerts=alerts, records=records)]
        await lane.ring(5)
        await turn()
        assert engine.topics == ["alerts", "ledger"]
        await engine.acknowledge("alerts")
        assert engine.topics == ["ledger"]
        await engine.acknowledge("ledger")
        assert engine.topics == ["changelog"]

    async def test_a_ring_never_waits_for_writes_that_are_stuck(self, lane: Lane, owner: Owner) -> None:
        """Whoever rings looks after the other lanes too, and has to say that the monitor is blind."""
        owner.changes = [Changes(tickets={b"k": b"%d" % n}, alerts=[Out("alerts", b"k", b"%d" % n)]) for n in range(9)]
        async with asyncio.timeout(1):
            while lane.has_room:
                await lane.ring(5)
        assert owner.changes, "and it is asked for no more than has room"

    async def test_an_offset_is_committable_once_everything_it_caused_is_acknowledged(
        self, lane: Lane, engine: FakeEngine, owner: Owner
    ) -> None:
        owner.changes = [Changes(tickets={b"k": b"1"}, records=[Out("ledger", b"k", b"1"), Out("dead", None, b"x")])]
        await lane.chunk(portion(0, 1))
        await lane.chunk(portion(2, previous=2))
        await turn()
        for topic in ("dead", "ledger"):
            await engine.acknowledge(topic)
            assert lane.durable == {}, "the second chunk caused nothing, yet the first comes before it"
        await engine.acknowledge("changelog")
        assert lane.durable == {"input": 3}
        assert lane.idle

    async def test_the_disk_has_a_ticket_only_after_the_changelog(
        self, lane: Lane, engine: FakeEngine, owner: Owner
    ) -> None:
        owner.changes = [Changes(tickets={b"k": b"1"}, derived={b"w": b"1"}, cold={b"k"})]
        await lane.chunk(portion(0))
        await turn()
        assert lane.store.get(b"k") == b"1"
        assert (lane.store.mark.offset, dict(lane.store.derived_items())) == (-1, {})
        await engine.acknowledge("changelog", 0)
        assert (lane.store.mark.offset, dict(lane.store.derived_items())) == (0, {b"w": b"1"})

    async def test_derived_rows_keep_their_order(self, lane: Lane, engine: FakeEngine, owner: Owner) -> None:
        owner.changes = [Changes(tickets={b"k": b"1"}, derived={b"w": b"1"}), Changes(derived={b"w": b"2"})]
        await lane.chunk(portion(0))
        await lane.chunk(portion(1))
        await turn()
        assert dict(lane.store.derived_items()) == {}
        await engine.acknowledge("changelog", 0)
        assert dict(lane.store.derived_items()) == {b"w": b"2"}
        owner.changes = [Changes(derived={b"w": b"3"})]
        await lane.chunk(portion(2))
        await turn()
        assert dict(lane.store.derived_items()) == {b"w": b"3"}
        assert not lane.store.derived_stale

    async def test_a_change_larger_than_a_batch(self, lane: Lane, engine: FakeEngine, owner: Owner) -> None:
        owner.changes = [Changes(tickets={b"%d" % n: b"v" for n in range(5)}, derived={b"w": b"5"})]
        await lane.chunk(portion(0))
        await turn()
        assert len(await engine.acknowledge("changelog", 0)) == 3
        assert (lane.store.mark.offset, dict(lane.store.derived_items()), lane.durable) == (2, {}, {})
        assert len(await engine.acknowledge("changelog", 3)) == 2
        assert (lane.store.mark.offset, dict(lane.store.derived_items())) == (4, {b"w": b"5"})
        assert lane.durable == {"input": 1}

    async def test_a_gap_in_the_input_ends_the_process_and_a_repeat_is_skipped(
        self, lane: Lane, engine: FakeEngine, owner: Owner
    ) -> None:
        await lane.chunk(portion(0, 1, 5))  # 2-4: markers of a transaction
        await lane.chunk(portion(5, 6, previous=2))
        assert owner.offsets == [0, 1, 5, 6]
        with pytest.raises(Ended, match="goes on at 9, not at 7"):
            await lane.chunk(portion(9, previous=9))

    async def test_a_foreign_write_to_the_changelog_is_overwritten(
        self, lane: Lane, engine: FakeEngine, owner: Owner
    ) -> None:
        engine.foreign_keys = {b"k", b"stranger"}
        owner.changes = [Changes(tickets={b"k": b"1"})]
        await lane.chunk(portion(0))
        await engine.acknowledge("changelog", 4)
        again = await engine.acknowledge("changelog", 5)
        assert {one["key"]: one["value"] for one in again} == {b"k": b"1", b"stranger": None}
        assert lane.store.mark.offset == 6

    async def test_a_lost_write_ends_the_process(self, lane: Lane, engine: FakeEngine, owner: Owner) -> None:
        owner.changes = [Changes(tickets={b"k": b"1"})]
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await lane.chunk(portion(0))
        await turn()
        engine.sent[0][2].set_exception(OSError("no"))
        await turn()
        assert "was not acknowledged" in engine.failed[0]

    async def test_intake_waits_while_too_much_is_unsent(self, lane: Lane, engine: FakeEngine, owner: Owner) -> None:
        owner.changes = [Changes(alerts=[Out("alerts", b"k", b"v")]) for _ in range(10)]
        intake = asyncio.create_task(_feed(lane, 10))
        await turn()
        assert lane.read["input"] == 5
        for _ in range(10):
            await engine.acknowledge("alerts")
        await intake
        assert lane.durable == {"input": 10}


async def _feed(lane: Lane, chunks: int) -> None:
    for number in range(chunks):
        await lane.chunk(portion(number))


def test_the_lease_lasts_a_session_from_the_sending_of_the_last_answered_request() -> None:
    lease = Lease(10)
    assert lease.valid, "nothing is owned before the first membership"
    lease.renew(ticks() - 9)
    assert lease.valid
    lease.renew(ticks() - 11)
    assert lease.valid, "a late answer to an older request takes nothing back"
    late = Lease(10)
    late.renew(ticks() - 11)
    assert not late.valid


class FakeEnds:
    def __init__(self) -> None:
        self.end = 0

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.end)


async def test_input_is_read_up_to_the_newest_question_whose_answer_was_reached() -> None:
    """On all topics of the partition; the time of asking counts."""
    ends, time = FakeEnds(), iter(range(100, 200))
    watermark = Watermark(ends, ["a", "b"], lambda: next(time))
    assert watermark.read_up_to(0, {"a": 9, "b": 9}) is None
    for ends.end in (5, 8, 20):
        await watermark.ask([0])
    assert watermark.asked_at(0) == 102
    assert watermark.read_up_to(0, {"a": 5, "b": 4}) is None
    assert watermark.read_up_to(0, {"a": 5, "b": 5}) == 100
    assert watermark.read_up_to(0, {"a": 19, "b": 30}) == 101, "no need to reach the newest"
    watermark.forget(0)
    assert watermark.read_up_to(0, {"a": 99, "b": 99}) is None


def test_a_partition_is_shown_only_while_nobody_else_can_have_it() -> None:
    """Resumed, or cut off from the group, it does not know yet that it has a successor."""
    connection = Connection("127.0.0.1:1")
    config = EngineConfig(connection, "app", ("input",), "changelog", "beats", partitions=4, data_dir=None)
    engine: Any = Engine(config, lambda number, store: SimpleNamespace())
    engine._lanes, engine._open = {3: object()}, True
    engine.lease.renew(ticks())
    assert engine.live == {3}
    engine.lease = Lease(10)
    engine.lease.renew(ticks() - 11)
    assert engine.live == frozenset()
    assert engine.open, "it goes on until it learns that it has one"


class FakeTeller:
    """Kafka's answer takes a moment."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def send_and_wait(self, topic: str, value: bytes, partition: int) -> None:
        await asyncio.sleep(0.05)
        self.taken.append(value)

    async def stop(self) -> None:
        pass


async def test_what_operations_are_told_at_the_end_still_leaves() -> None:
    connection = Connection("127.0.0.1:1")
    config = EngineConfig(connection, "app", ("input",), "changelog", "beats", partitions=4, data_dir=None)
    engine: Any = Engine(config, lambda number, store: SimpleNamespace())
    engine.teller = engine.app = engine._client = FakeTeller()
    engine._connected.set()
    engine.lease.renew(ticks())
    engine.tell("alerts", b"raised")
    engine.tell("alerts", b"recovered")
    await engine.stop()
    assert engine.teller.taken == [b"raised", b"recovered"]


def test_a_fetch_under_way_sees_partitions_paused_and_never_takes_none_for_all() -> None:
    held_back: set[TP] = set()
    alignment = SimpleNamespace(may_read=lambda tp: tp not in held_back)
    thread = SimpleNamespace(alignment=alignment)
    consumer: Any = SimpleNamespace(flow_active=True, _active_partitions={TopicPartition("a", 0)}, _thread=thread)
    active = _Active(consumer)
    assert TopicPartition("a", 0) in active
    held_back.add(TP("a", 0))
    assert TopicPartition("a", 0) not in active
    held_back.clear()
    consumer._active_partitions.clear()
    assert TopicPartition("a", 0) not in active
    assert bool(active), "aiokafka takes an empty set for all partitions"


class Loading:
    """An owner that is loaded by steps, when the test lets it."""

    def __init__(self, number: int, opening: Opening) -> None:
        self.number, self._opening = number, opening

    def load(self) -> Iterator[None]:
        for _ in range(2):
            while not self._opening.steps:
                yield
            self._opening.steps -= 1
            yield

    def wake_at(self) -> int | None:
        return None

    def rest(self, now: int) -> Changes:
        return Changes()

    def close(self) -> None:
        self._opening.closed.append(self.number)


class Opening:
    """An engine that has been given partitions, and what surrounds it."""

    def __init__(self, *numbers: int) -> None:
        self.steps = 0
        """How many steps of loading may be taken."""
        self.closed: list[int] = []
        self.opened: list[int] = []
        """Partitions whose input was let flow."""
        connection = Connection("127.0.0.1:1")
        config = EngineConfig(connection, "app", ("input",), "changelog", "beats", partitions=9, data_dir=None)
        self.engine: Any = Engine(config, lambda number, store: Loading(number, self))  # type: ignore[arg-type,return-value]  # as much of it as is used
        self.engine.lease.renew(ticks())
        self.engine.app = SimpleNamespace(consumer=SimpleNamespace(open_inputs=self.opened.append))
        self.engine._alarms = SimpleNamespace(forget=lambda number: None)
        for number in numbers:
            store = self.engine._stores[number] = MemoryStore()
            self.engine._replays[number] = Replay(store)
            self.engine._found[number] = True
            self.engine._ends[number] = 0

    def open(self) -> Collection[int]:
        """Its input could flow from the beginning on."""
        loaded: Collection[int] = self.engine.opened({TP("input", number): 0 for number in self.engine._stores})
        return set(loaded)


async def test_partitions_go_live_one_by_one_as_they_are_loaded() -> None:
    opening = Opening(3, 5)
    engine = opening.engine
    assert opening.open() == set()
    await turn()
    assert (engine.live, engine.open) == (frozenset(), False)
    opening.steps = 3
    await eventually(lambda: engine.live == {3}, timeout=5)
    assert (opening.opened, engine.open) == ([3], False), "it is not ready before all are open"
    opening.steps = 1
    await eventually(lambda: engine.open, timeout=5)
    assert (engine.live, opening.opened, opening.closed) == ({3, 5}, [3, 5], [])


async def test_the_partition_of_which_the_least_is_missing_is_opened_first() -> None:
    opening = Opening(3, 5)
    engine = opening.engine
    for number, held in ((3, -1), (5, 4)):
        engine._stores[number].mark, engine._ends[number] = Mark(held), 5
        engine._replays[number] = SimpleNamespace(next=5, refused={}, anew=False, applied=0)
    opening.open()
    opening.steps = 4
    await eventually(lambda: engine.open, timeout=5)
    assert opening.opened == [5, 3]


async def test_a_partition_that_stays_is_loaded_anew_only_where_somebody_else_wrote_its_changelog() -> None:
    opening = Opening(3, 5)
    engine = opening.engine
    opening.open()
    opening.steps = 4
    await eventually(lambda: engine.open, timeout=5)
    kept = engine.owner(3)
    await engine.giving_up()
    places = {TP("input", number) for number in (3, 5)}
    engine.app.consumer.assignment = lambda: places
    engine._stores[3].mark = engine._stores[5].mark = Mark(7)
    await engine.recovered({3: 8, 5: 9})
    assert (opening.closed, engine._next_changelog[3]) == ([5], 8)
    assert opening.open() == {3}
    assert engine.owner(3) is kept
    await engine.giving_up()


@pytest.mark.parametrize("last_sign", [None, 7])
async def test_a_partition_that_opens_later_was_not_blind_so_long_unless_nobody_was_at_work(
    last_sign: int | None,
) -> None:
    opening = Opening(3, 5)
    engine = opening.engine
    now = [1_000]
    engine.clock = lambda: now[0]
    engine._last_sign = last_sign
    opening.open()
    opening.steps = 2
    await eventually(lambda: engine.live == {3}, timeout=5)
    now[0] = 90_000
    opening.steps = 2
    await eventually(lambda: engine.open, timeout=5)
    opened = [engine.opened_at(engine.open_lanes[number]) for number in (3, 5)]
    assert opened == ([7, 7] if last_sign else [1_000, 90_000])


async def test_a_partition_that_is_loaded_by_halves_is_closed_when_partitions_change_hands() -> None:
    opening = Opening(3, 5)
    engine = opening.engine
    opening.open()
    opening.steps = 3
    await eventually(lambda: engine.live == {3}, timeout=5)
    await engine.giving_up()
    assert (engine.live, engine.open, opening.closed) == (frozenset(), False, [5])
    opening.steps = 9
    await turn()
    assert opening.opened == [3], "its input stays where it is"
    assert opening.open() == {3}, "what was loaded and stays goes on at once"
    await eventually(lambda: engine.open, timeout=5)
    assert (engine.live, opening.opened) == ({3, 5}, [3, 5])


async def test_it_may_be_given_up_before_anything_is_loaded() -> None:
    opening = Opening(3)
    opening.open()
    await opening.engine.giving_up()
    opening.steps = 9
    await turn()
    assert (opening.engine.live, opening.opened) == (frozenset(), [])


async def test_an_owner_that_cannot_be_loaded_ends_the_process() -> None:
    opening = Opening(3)
    failed: list[str] = []
    opening.engine.fail = failed.append
    opening.engine._factory = lambda number, store: SimpleNamespace(load=lambda: iter([1 // 0]), close=lambda: None)
    opening.open()
    await eventually(lambda: failed, timeout=5)
    assert "ZeroDivisionError" in failed[0]


class Topic:
    """A partition of the changelog, of which a consumer hands out two records at a time; some may be gone."""

    def __init__(self, *records: Any) -> None:
        self._records = records
        self._position = 0
        self.stopped = False

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True

    def assign(self, places: list[TopicPartition]) -> None:
        assert places == [TopicPartition("changelog", 3)]

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._position = offset

    async def position(self, place: TopicPartition) -> int:
        return self._position

    async def getmany(self, place: TopicPartition, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, Any]:
        found = [record for record in self._records if record.offset >= self._position][:2]
        self._position = found[-1].offset + 1 if found else self._position + 1  # the mark of a transaction
        return {place: found} if found else {}


class Reading(Changelog):
    """Reads a topic of the test's."""

    def __init__(self, topic: Topic) -> None:
        super().__init__(Connection("127.0.0.1:1"), "changelog")
        self._topic_of_the_test = topic

    def _made(self) -> Topic:
        return self._topic_of_the_test


def written(offset: int, key: bytes, value: bytes | None, *, by_us: bool = True) -> Any:
    return SimpleNamespace(offset=offset, key=key, value=value, headers=tuple(proof(key, value)) if by_us else ())


class TestRestoring:
    async def test_what_is_missing_is_replayed_up_to_the_end_and_no_more_is_asked_for(self) -> None:
        engine = Opening(3).engine
        engine._ends[3] = 8
        topic = Topic(*(written(n, b"k%d" % (n % 2), b"%d" % n) for n in (0, 1, 2, 5, 6)))  # 7: a mark
        positions = {TP("input", 3): 40, TP("input", 4): 50}
        async with Reading(topic) as changelog:
            assert await engine._restore(changelog, 3, positions) == positions
        assert dict(engine._stores[3].items()) == {b"k0": b"6", b"k1": b"5"}
        assert (engine._replays[3].applied, engine._next_changelog[3], topic.stopped) == (5, 8, True)
        async with Reading(topic) as changelog:
            engine._replays[3] = Replay(engine._stores[3])
            engine._ends[3] = 7
            await engine._restore(changelog, 3, positions)
        assert engine._replays[3].applied == 0

    async def test_where_a_stranger_may_have_hidden_a_record_the_input_is_read_from_its_beginning(self) -> None:
        opening = Opening(3)
        engine = opening.engine
        engine._ends[3] = 4
        gone_back: list[Any] = []
        refused: list[Any] = []

        async def go_back(positions: Any) -> None:
            gone_back.append(positions)

        async def beginning_offsets(places: list[TopicPartition]) -> dict[TopicPartition, int]:
            return dict.fromkeys(places, 7)

        engine.app.consumer.go_back = go_back
        engine._client = SimpleNamespace(beginning_offsets=beginning_offsets)
        engine.observer.refused = lambda *told, anew: refused.append((told, anew))
        strange = Topic(written(0, b"a", b"1"), written(3, b"b", b"x", by_us=False))
        async with Reading(strange) as changelog:
            found = await engine._restore(changelog, 3, {TP("input", 3): 40, TP("input", 4): 50})
        assert gone_back == [{TP("input", 3): 7}]
        assert found == {TP("input", 3): 7, TP("input", 4): 50}
        assert refused == [(("changelog", 3, {b"b": 3}), True)]
        assert engine._next_changelog[3] == 4, "what is written over comes after it"


def test_the_input_of_a_partition_that_is_not_loaded_waits_for_it() -> None:
    """And is forgotten when partitions change hands: whoever has it then opens it."""
    sought: list[TP] = []
    consumer: Any = object.__new__(Consumer)
    host = SimpleNamespace(config=SimpleNamespace(inputs=("input", "other")), opened=lambda positions: {1})
    consumer.app = SimpleNamespace(engine=host)
    consumer.can_resume_flow, consumer.suspend_flow = asyncio.Event(), asyncio.Event()
    consumer._thread = SimpleNamespace(alignment=SimpleNamespace(sought=sought.append))
    consumer._paused_partitions, consumer._active_partitions = set(), set()
    places = {TP(topic, number) for topic in ("input", "other") for number in (1, 2, 3)}
    consumer._awaiting_seek, consumer._awaiting_load, consumer._positions = set(places), set(), {}
    consumer.resume_flow()
    assert {tp.partition for tp in consumer._active_partitions} == {1}
    consumer.open_inputs(3)
    assert consumer._active_partitions == {tp for tp in places if tp.partition != 2}
    assert set(sought) == {tp for tp in places if tp.partition == 3}
    consumer._awaiting_load = set()
    consumer.open_inputs(2)
    assert {tp.partition for tp in consumer._active_partitions} == {1, 3}


class Telling:
    """A lane whose owner has alerts that are ready, and then tickets to write."""

    def __init__(self, number: int, done: list[str]) -> None:
        self.number, self.has_room, self.owner = number, True, self
        self._left = ["told", "told", "wrote", "wrote"]
        self._done = done

    def wake_at(self) -> int | None:
        return 0 if self._left else None

    def is_ready(self, read_up_to: int) -> bool:
        return "told" in self._left

    async def ring(self, read_up_to: int) -> None:
        self._done.append(f"{self._left.pop(0)} {self.number}")


async def test_what_is_ready_is_told_in_all_partitions_before_one_writes_its_tickets() -> None:
    done: list[str] = []
    lanes: Any = {number: Telling(number, done) for number in range(2)}
    lease = Lease(60)
    lease.renew(ticks())
    engine: Any = SimpleNamespace(
        config=SimpleNamespace(inputs=("input",), grace=0), clock=lambda: 9, open_lanes=lanes, lease=lease,
        reached=lambda lane: {},
    )  # fmt: skip
    alarms = Alarms(engine, SimpleNamespace())  # type: ignore[arg-type]  # nothing is asked
    alarms._watermark = SimpleNamespace(read_up_to=lambda number, reached: 9)  # type: ignore[assignment]  # as much of it as is used
    await alarms._ring_all(list(lanes.values()))
    assert done == ["told 0", "told 0", "told 1", "told 1", "wrote 0", "wrote 0", "wrote 1", "wrote 1"]
