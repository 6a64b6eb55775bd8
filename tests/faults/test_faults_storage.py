"""A worker's local state on a full disk, damaged in many ways, or somebody else's: never believed."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from command_line import slawatch
from fault_past import POLICIES, Past, Shown, difference, shown_on
from kafka_io import last_of_each, now
from processes import Installation
from services import KafkaCluster
from small_disk import fill, mounted
from waiting import eventually

from agents.engine.store import RocksStore
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from conftest import Figures
    from processes import Program

OLD = 2 * SECOND
"""Of a page, at the most: the gauges are made anew each second."""


class Life:
    """A worker started again by itself, and everything that it showed to the world meanwhile."""

    def __init__(self, house: Installation, past: Past) -> None:
        self._house = house
        self._past = past
        self._settings = {"policies": house.file("policies.yaml", POLICIES)}
        self.codes: list[int] = []
        """With which it left by itself."""
        self.scrapes = 0
        self.wrong: list[object] = []
        self.worker: Program

    async def start(self, within: float = 90) -> Program:
        """Returns once it is ready; where it ends before, it is started again."""
        self.worker = self._house.worker(**self._settings)

        async def ready() -> bool:
            code = self.worker.code
            if code is not None:
                self.codes.append(code)
                assert code == 70, self.worker.output[-2000:]
                self.worker = self._house.worker(**self._settings)
            return (await _get(self.worker, "/readyz"))[0] == 200

        await eventually(ready, within, every=0.05, what="the worker is ready")
        return self.worker

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """All the while /metrics shows what is, or less while partitions are not live; everything is told already."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        assert not self.wrong, f"{len(self.wrong)} wrong pages: {self.wrong[0]}"
        assert self.scrapes, "nobody looked"

    async def _watch(self) -> None:
        while True:
            before = now()
            status, page = await _get(self.worker, "/metrics")
            if status == 200:
                self.scrapes += 1
                shown = shown_on(page)
                after = now()
                if _off(shown, [self._past.expected(at) for at in (before - OLD, before, after)]):
                    self.wrong.append(difference(shown, self._past.expected(after)))
            await asyncio.sleep(0.05)


def _off(shown: Shown, expected: Sequence[Shown]) -> bool:
    """Whether more is shown than there was at any of the instants, or all tickets and yet less of something.

    Each partition's part is from an instant of its own: where a window moves on, a page is of before and after.
    """
    whole = shown[("kept",)] == expected[-1][("kept",)]
    for key in set(shown).union(*expected):
        there = [one[key] for one in expected]
        if shown[key] > max(there) or (whole and shown[key] < min(there)):
            return True
    return False


async def _get(worker: Program, path: str) -> tuple[int, str]:
    if worker.code is not None:
        return 0, ""
    try:
        return await worker.get(path)
    except (AssertionError, OSError):  # it left in between
        return 0, ""


# Full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "w1", 8) as folder:
        yield folder


async def test_a_full_disk_is_said_and_work_goes_on_once_there_is_room(
    kafka: str, unique: str, small_disk: Path, seed: int, figures: Figures
) -> None:
    past = Past(seed, 1500)
    async with Installation(kafka, unique, small_disk.parent) as house:
        life = Life(house, past)
        worker = await life.start()
        first, *rest = past.parts(4)
        house.events.put(*first)
        house.events.flush()
        await house.caught_up()
        ballast = fill(small_disk)
        house.events.put(*(event for part in rest for event in part))
        house.events.flush()
        assert await worker.gone(60) == 70
        said = f"no room for the local state in {small_disk}"
        assert said in worker.output
        assert "make room there, or set SLAWATCH_DATA_DIR to another directory, and start again; nothing is lost" in (
            worker.output
        )
        told = worker.output.count(said)
        still_full = house.worker(policies=house.file("policies.yaml", POLICIES))
        assert await still_full.gone(60) == 70
        assert still_full.output.count(said) == told + 1

        ballast.unlink()
        worker = await life.start()
        await house.caught_up()
        await past.shown_right(worker)
        await past.assert_ledger(house)
        assert await worker.metric("sla_dead_letters_total") == 0
        assert await worker.stop() == 0
        await _assert_same_as_changelog(house, small_disk)
    figures(
        fault="data directory full",
        shown="it ends with 70 and names the directory and the remedy; with room made it goes on, nothing lost",
        tickets=len(past.tickets),
        events=len(past.events),
    )


# Damaged


def _flip(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(rng.randrange(1, 9)):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def _truncate(file: Path, rng: random.Random) -> None:
    file.write_bytes(file.read_bytes()[: rng.randrange(file.stat().st_size or 1)])


def _cut_a_little(file: Path, rng: random.Random) -> None:
    file.write_bytes(file.read_bytes()[: -rng.randrange(1, 60)])


def _zero_end(file: Path, rng: random.Random) -> None:
    """As a power cut leaves what was not on the disk yet."""
    content = file.read_bytes()
    kept = rng.randrange(len(content) or 1)
    file.write_bytes(content[:kept] + bytes(len(content) - kept))


def _delete(file: Path, rng: random.Random) -> None:
    file.unlink()


def _fill(file: Path, rng: random.Random) -> None:
    file.write_bytes(rng.randbytes(file.stat().st_size or 100))


def _garbage(file: Path, rng: random.Random) -> None:
    file.with_stem(f"{rng.randrange(900, 999):06d}").write_bytes(rng.randbytes(5000))


_DAMAGES: list[tuple[str, Callable[[Path, random.Random], None]]] = [
    (pattern, damage)
    for pattern in ("*.sst", "MANIFEST-*", "*.log", "CURRENT")
    for damage in (_flip, _truncate, _cut_a_little, _zero_end, _delete, _fill)
]
_DAMAGES += [("*.sst", _garbage), ("*.log", _garbage), ("IDENTITY", _delete), ("OPTIONS-*", _fill)]


@pytest.mark.timeout(1800)  # in full form it starts a worker some forty times
async def test_damaged_state_is_rebuilt_or_merely_older(
    kafka: str, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """Tables and a log as kill -9 leaves them, each partition's damaged in another way; then the state is whole."""
    past, rng = Past(seed, 1500), random.Random(seed)
    damages = _DAMAGES * 4 if full else rng.sample(_DAMAGES, 12)
    rng.shuffle(damages)
    found: Counter[str] = Counter()
    async with Installation(kafka, unique, tmp_path) as house:
        life = Life(house, past)
        for part in past.parts(2):
            worker = await life.start()
            house.events.put(*part)
            await asyncio.to_thread(house.events.flush)
            await house.caught_up()
            if not found:
                assert await worker.stop() == 0
            found["parts"] += 1
        await past.shown_right(worker)
        worker.kill()
        shutil.copytree(tmp_path / "w1", tmp_path / "pristine")

        rounds = [damages[start : start + house.partitions] for start in range(0, len(damages), house.partitions)]
        for number, several in enumerate(rounds):
            shutil.rmtree(tmp_path / "w1")
            shutil.copytree(tmp_path / "pristine", tmp_path / "w1")
            stores = _stores(house, tmp_path / "w1")
            named = []
            for store, (pattern, damage) in zip(stores, several, strict=False):
                file = rng.choice(sorted(store.glob(pattern)))
                damage(file, rng)
                named.append(f"{damage.__name__.strip('_')} {pattern}")
            print(f"round {number}: {named}", flush=True)
            async with life.watched():
                worker = await life.start()
                await past.shown_right(worker)
            found["rebuilt"] += int(await worker.metric("sla_stores_rebuilt_total"))
            assert await worker.stop() == 0
            await _assert_same_as_changelog(house, tmp_path / "w1")
        await past.assert_ledger(house)
    assert found["rebuilt"]
    figures(
        fault="local state damaged: bits flipped, cut, zeroed, deleted, overwritten, strange files",
        shown="rebuilt from the changelog, or older and brought up to date; gauges, tickets and ledger the judge's, "
        "no wrong gauge meanwhile",
        damages=len(damages),
        rebuilt=found["rebuilt"],
        found_while_open=len(life.codes),
        pages_looked_at=life.scrapes,
    )


def _stores(house: Installation, data: Path) -> list[Path]:
    return [data / house.topics.changelog / "worker-0" / str(number) for number in range(house.partitions)]


async def _assert_same_as_changelog(house: Installation, data: Path) -> None:
    """What lies on the disk is what the changelog says."""
    held: dict[bytes, bytes] = {}
    for path in _stores(house, data):
        store = RocksStore(path)
        held |= dict(store.items())
        store.close()
    last = await last_of_each(house.bootstrap, house.topics.changelog, house.partitions)
    assert held == {key: record.value for key, record in last.items() if record.value is not None}


# Somebody else's


async def test_the_state_of_another_cluster_app_or_count_is_not_taken(
    kafka: str, unique: str, tmp_path: Path, figures: Figures
) -> None:
    past = Past(7, 30)
    data = tmp_path / "w1"
    policies = {"data_dir": str(data)}
    async with Installation(kafka, unique, tmp_path) as house:
        life = Life(house, past)
        worker = await life.start()
        house.events.put(*past.events)
        house.events.flush()
        await house.caught_up()

        async with Installation(kafka, f"{unique}b", tmp_path) as other:
            neighbour = await Life(other, past).start()
            assert await neighbour.metric("sla_tickets_kept") == 0
            await past.shown_right(worker)
            assert {path.name for path in data.iterdir()} == {house.topics.changelog, other.topics.changelog}
            assert await neighbour.stop() == 0
        assert await worker.stop() == 0

        with KafkaCluster() as cluster:
            async with Installation(cluster.bootstrap, unique, tmp_path) as elsewhere:
                done = await asyncio.to_thread(slawatch, "worker", **elsewhere.settings(**policies))
        assert done.returncode == 3, done.stderr
        assert "belongs to" in done.stderr
        assert "set SLAWATCH_DATA_DIR to another directory, or remove this one" in done.stderr

        await _delete_topics(kafka, [topic.name for topic in house.topics.all])
        async with Installation(kafka, unique, tmp_path, partitions=2) as fewer:
            done = await asyncio.to_thread(slawatch, "worker", **fewer.settings(**policies))
        assert done.returncode == 3, done.stderr
        assert "of 3 partitions" in done.stderr
        assert "of 2 partitions" in done.stderr
    figures(
        fault="local state of another cluster, another app or another number of partitions",
        shown="exit code 3, with whose it is and what to do; two apps on one directory keep apart",
    )


async def _delete_topics(bootstrap: str, names: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(names)

        async def gone() -> bool:
            return not set(names) & set(await admin.list_topics())

        await eventually(gone, 30)
    finally:
        await admin.close()
