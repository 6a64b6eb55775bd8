"""The engine on a real Kafka: exact after kill -9, hand-overs and a lost disk; what rings, rings for what was read."""

from __future__ import annotations

import random
import shutil
import signal
import time
from typing import TYPE_CHECKING

from counting_run import Run, now
from waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_unanswered_ticket_rings_within_a_second_and_an_answered_one_never(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    """Lateness is measured from deadline + grace."""
    async with Run(kafka, unique, tmp_path) as run:
        worker = run.start()
        await run.all_live(worker)
        created = now()
        for number in range(20):
            run.send("created", f"T{number}", created)
        for number in range(10):
            run.send("replied", f"T{number}", created + 1_000_000)
        await run.assert_exact()
        deadline = created + 2_000_000
        lateness = [record.timestamp * 1000 - deadline - 500_000 for record in await run.records("alerts")]
        assert len(lateness) == 10
        assert max(lateness) < 1_000_000
        assert await worker.stop() == 0
        assert run.sizes(worker) == run.expected_sizes()


async def test_kill_9_under_load_loses_and_invents_nothing(kafka: str, unique: str, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with Run(kafka, unique, tmp_path) as run:
        worker = run.start()
        await run.all_live(worker)
        for _ in range(4):
            await run.load(800, 2 + chance.random() * 2, chance)
            worker.kill()
            worker = run.start()
        await run.load(800, 2, chance)
        await run.assert_exact(60)
        # A kill while RocksDB opens may leave a table that its list does not name: the store is rebuilt, and says so.
        rebuilt = {fact["partition"] for fact in worker.said("rebuilt")}
        used = [fact["known"] for fact in worker.said("recovered") if fact["partition"] not in rebuilt]
        assert used
        assert all(used), "the local state was not used"
        assert await worker.stop() == 0
        assert run.sizes(worker) == run.expected_sizes()


async def test_an_empty_disk_recovers_the_same_state(kafka: str, unique: str, tmp_path: Path, seed: int) -> None:
    """Tombstones included, and derived rows rebuilt."""
    chance = random.Random(seed)
    async with Run(kafka, unique, tmp_path) as run:
        worker = run.start()
        await run.all_live(worker)
        await run.load(1000, 3, chance)
        await run.assert_exact()  # or a forgotten ticket comes back with an event of another topic
        for ticket in chance.sample(sorted(run.sent), 200):
            run.forget(ticket)
        await run.assert_exact()
        worker.kill()
        shutil.rmtree(tmp_path / "w0")
        worker = run.start()
        await run.all_live(worker)
        assert not any(fact["known"] for fact in worker.said("recovered"))
        await run.load(500, 1, chance)
        await run.assert_exact()
        assert await worker.stop() == 0
        assert run.sizes(worker) == run.expected_sizes()
        worker = run.start()
        await run.all_live(worker)
        assert await worker.stop() == 0
        assert sum(fact["replayed"] for fact in worker.said("recovered")) == 0, "a clean stop leaves nothing to replay"
        assert run.sizes(worker) == run.expected_sizes()


async def test_workers_join_and_leave_under_load(kafka: str, unique: str, tmp_path: Path, seed: int) -> None:
    """1 -> 2 -> 1 workers: exact, and a planned hand-over is short."""
    chance = random.Random(seed)
    async with Run(kafka, unique, tmp_path) as run:
        first = run.start("w0")
        await run.all_live(first)
        await run.load(500, 2, chance)
        second = run.start("w1")
        await run.load(500, 60, chance, until=lambda: bool(first.live() and second.live()))
        await run.all_live(first, second)
        await run.load(500, 2, chance)
        second.signal(signal.SIGTERM)
        asked = time.monotonic()
        await run.all_live(first)
        assert time.monotonic() - asked < 5
        assert await second.gone(30) == 0
        await run.load(500, 2, chance)
        alerts = await run.assert_exact()
        assert max(alerts.values(), default=1) == 1, "a planned hand-over repeats nothing"
        assert await first.stop() == 0


async def test_a_zombie_writes_nothing(kafka: str, unique: str, tmp_path: Path, seed: int) -> None:
    """A worker stopped for three sessions and resumed leaves, and its successor's state stands."""
    chance = random.Random(seed)
    async with Run(kafka, unique, tmp_path, session=3) as run:
        first = run.start("w0")
        await run.all_live(first)
        second = run.start("w1")
        await run.all_live(first, second)
        await run.load(500, 2, chance)
        first.signal(signal.SIGSTOP)
        await run.load(500, 9, chance)
        first.signal(signal.SIGCONT)
        await run.load(500, 3, chance)
        assert await first.gone(20) == 70
        assert "session ran out" in first.complaints
        await run.all_live(second)
        await run.assert_exact()
        assert not second.said("foreign")


async def test_a_reply_that_lies_unread_is_read_before_anything_rings(kafka: str, unique: str, tmp_path: Path) -> None:
    """A restart behind a backlog: creations first, their replies far behind much other input."""
    async with Run(kafka, unique, tmp_path, limit=3) as run:
        created = now()
        for number in range(200):
            run.send("created", f"T{number}", created)
        run.flush()
        worker = run.start()
        await run.all_live(worker)
        worker.kill()
        for number in range(100_000):
            run.send("noise", f"T{number % 200}", created)
        for number in range(199):
            run.send("replied", f"T{number}", created + 1_000_000)
        run.flush()
        await eventually(lambda: now() > created + 5_000_000, 10)
        run.start()
        alerts = await run.assert_exact(60)
        assert set(alerts) == {"T199"}


async def test_deadlines_ring_on_time_under_steady_load(kafka: str, unique: str, tmp_path: Path, seed: int) -> None:
    """ "Read up to the latest known end" never holds under load: the watermark does."""
    async with Run(kafka, unique, tmp_path, limit=2) as run:
        worker = run.start()
        await run.all_live(worker)
        await run.load(2_000, 6, random.Random(seed))
        await run.assert_exact()
        deadlines = {
            ticket: event.at + 2_000_000 for ticket, of in run.sent.items() for kind, event in of if kind == "created"
        }
        late = sorted(
            (record.timestamp * 1000 - deadlines[record.key.decode()] - 500_000) / 1e6
            for record in await run.records("alerts")
        )
        print(f"lateness p50 {late[len(late) // 2]:.3f} p99 {late[int(len(late) * 0.99)]:.3f} max {late[-1]:.3f} s")
        assert late[int(len(late) * 0.99)] < 2
