"""Redis away, emptied, full, read-only, set back and tampered with: alerts late at most, none lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from signal import SIGCONT, SIGSTOP
from typing import TYPE_CHECKING

import pytest
from alerting import Alerting
from fault_site import Site
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError
from waiting import eventually

from agents.boards import key
from agents.notifier.lane import UNRECORDED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conftest import Figures
    from processes import Program
    from services import RedisServer

SESSION = 3.0  # seconds, of an Installation's processes
LEASE = 7.0  # seconds for which a claim outlives its sender: the destinations' timeout and 5 s
SOON = 20.0  # seconds for a process to notice, on a busy machine


async def red(*notifiers: Program, because: str) -> float:
    """Waits until /readyz says so; the seconds that took."""
    began = time.monotonic()

    async def says() -> bool:
        for notifier in notifiers:
            status, body = await notifier.get("/readyz")
            assert status == 503, body
            assert because in body, body
        return True

    await eventually(says, SOON, every=0.1, what=f"/readyz says: {because}")
    assert await counted("sla_notifier_redis_up", *notifiers) == 0
    return time.monotonic() - began


async def green(*notifiers: Program) -> float:
    """Waits until they are ready again; the seconds that took."""
    began = time.monotonic()
    for notifier in notifiers:
        await notifier.ready(SOON)
    return time.monotonic() - began


async def counted(metric: str, *notifiers: Program, **labels: str) -> int:
    return int(sum([await notifier.metric(metric, **labels) for notifier in notifiers]))


# Across deadlines, with workers


@pytest.mark.timeout(900)
async def test_redis_away_across_deadlines_makes_alerts_late_and_loses_none(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """Killed, and then paused: connections open, no answer. The workers go on, and their boards come again."""
    rate, away = (150, 60.0) if full else (100, 6.0)
    async with Site(kafka, redis_server, tmp_path, unique, seed, workers=1, notifiers=2, limit=4) as site:
        notifiers = [one.program for one in site.notifiers.values()]

        async def written() -> bool:
            boards = [key(site.house.app, number) for number in range(site.house.partitions)]
            async with Redis.from_url(redis_server.url) as client:
                return None not in await client.mget(boards)  # what is no string is None too

        async def drained() -> bool:
            return await counted("sla_notifier_queue_length", *notifiers) < 10

        reddened, greened, told = [], [], []
        await eventually(written, SOON, what="the boards are written")
        async with Redis.from_url(redis_server.url) as client:  # tampered with, they are written over
            await client.delete(key(site.house.app, 0))
            await client.rpush(key(site.house.app, 0), "what is this")
        async with site.load(rate):
            await eventually(lambda: site.chat.posts, 30, what="the first alert is in the chat")
            for kind, fault, end in (
                ("killed", redis_server.kill, redis_server.start),
                ("paused", redis_server.pause, redis_server.resume),
            ):
                await eventually(written, SOON, what="the boards are written")
                site.fault("redis", kind)
                applied = await site.metric("sla_events_total")
                await asyncio.to_thread(fault)
                gone = time.monotonic()
                reddened.append(await red(*notifiers, because="cannot be asked"))
                before = len(site.chat.posts)
                await asyncio.sleep(max(0.0, gone + away - time.monotonic()))
                assert len(site.chat.posts) == before  # no claim, no message
                assert await site.metric("sla_events_total") > applied  # the workers go on meanwhile
                assert (await site.workers["w1"].program.get("/readyz"))[0] == 200
                site.fault("redis", f"back after {time.monotonic() - gone:.0f} s")
                await asyncio.to_thread(end)
                greened.append(await green(*notifiers))
                await eventually(lambda before=before: len(site.chat.posts) > before, SOON, what="alerts go on")
                await eventually(drained, 3 * SOON, every=0.2, what="what waited is told")
                told.append(time.monotonic() - gone)
            await eventually(written, SOON, what="the boards are written again")
        await site.settled(within=90)
        report = await site.verdict(latest=away + SOON)
        assert report.repeats == 0
        figures(
            fault="Redis away across deadlines: killed, then paused",
            shown="Alerts wait and then each is in the chat once, none marked; the workers and their boards go on.",
            away=f"{away:.0f} s each",
            breaches=report.breaches,
            readyz_red_after=f"{max(reddened):.1f} s",
            all_told_again_after=f"{max(told):.1f} s from its loss",
            readyz_green_after=f"{max(greened):.1f} s",
            latest_alert=f"{report.late_max} s after deadline and grace",
        )


# Emptied, full, read-only, tampered with and set back, in a storm of alerts


class Storm(Alerting):
    """Two notifiers, and a chat of which one channel is so slow that what the other has had is read again and again."""

    def __init__(self, kafka: str, name: str, folder: Path, server: RedisServer) -> None:
        super().__init__(kafka, name, folder, redis=server.url)
        self.server = server
        self.notifiers: dict[str, Program] = {}

    async def begin(self) -> None:
        self.route({"desk": self.webhook("desk"), "slow": self.webhook("slow", rate_limit="2/s", cards="all")})
        for name in ("n1", "n2"):
            self.notifiers[name] = self.notifier(name)
        await green(*self.running)

    async def heal(self) -> None:
        """The slow channel is so no more."""
        self.route({"desk": self.webhook("desk"), "slow": self.webhook("slow")})
        for name in ("n1", "n2"):
            assert await self.notifiers[name].stop() == 0
            self.notifiers[name] = self.notifier(name)
        await green(*self.running)

    @property
    def running(self) -> list[Program]:
        return [notifier for notifier in self.notifiers.values() if notifier.running]

    async def shuffle(self) -> None:
        """A third notifier comes and goes: partitions change hands twice, and are read again from where they wait."""
        third = self.notifiers["n3"] = self.notifier("n3")
        await third.ready()
        assert await third.stop() == 0
        await self.goes_on()

    async def goes_on(self) -> None:
        """Waits until an alert written now is in the chat."""
        (last,) = await self.alert()
        await eventually(lambda: last in self.arrived(), SOON + SESSION + LEASE, every=0.05, what="alerts go on")

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Redis]:
        async with Redis.from_url(self.server.url) as client:
            yield client


async def flushed(storm: Storm) -> None:
    """Twice, the second time while the claims are filled again."""
    for pause in (0.0, 0.3):
        await asyncio.sleep(pause)
        await asyncio.to_thread(storm.server.flush)
    await storm.goes_on()
    await storm.shuffle()


async def flushed_and_killed(storm: Storm) -> None:
    """Emptied in the moment in which a notifier dies that is just sending: nobody is left who knows of that."""
    answer = asyncio.Event()

    async def later(writer: asyncio.StreamWriter) -> None:
        await answer.wait()

    storm.chat.always("/desk", later)
    before = len(storm.chat.to("/desk"))
    await eventually(lambda: len(storm.chat.to("/desk")) >= before + 2, SOON, what="both notifiers are sending")

    async def on_record() -> bool:
        return (await storm.ends("desk"))["sending"] >= 2

    await eventually(on_record, SOON, what="the topic knows")  # before that nothing is promised: docs/routing.md
    await asyncio.to_thread(storm.server.flush)
    storm.notifiers["n1"].kill()
    storm.chat.heal("/desk")
    answer.set()
    storm.notifiers["n1"] = storm.notifier("n1")
    await green(*storm.running)
    await storm.goes_on()


async def put(client: Redis, names: list[str]) -> None:
    for name in names:
        await client.set(name, bytes(4096))


async def full_of_others_data(storm: Storm) -> None:
    async with storm.client() as client:
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", (await client.info("memory"))["used_memory"] + (2 << 20))
        theirs = [f"somebody:{number}" for number in range(1000)]
        with pytest.raises(OutOfMemoryError):
            await put(client, theirs)
        # At the very limit writes pass now and then, as buffers come and go.
        await client.config_set("maxmemory", (await client.info("memory"))["used_memory"] - (1 << 19))
        await red(*storm.running, because="it is full")
        await client.delete(*theirs)
        await green(*storm.running)
        await client.config_set("maxmemory", 0)
    await storm.goes_on()


async def a_replica(storm: Storm) -> None:
    async with storm.client() as client:
        await client.replicaof("127.0.0.1", "1")
        await red(*storm.running, because="it is a replica")
        await client.replicaof("no", "one")
        await green(*storm.running)
    await storm.goes_on()


async def tampered_with(storm: Storm) -> None:
    """Nonsense of each kind, under claims that will be asked for, claims of messages that are done, and the marker."""
    app = storm.house.app
    marker = f"{app}:claims-filled"

    def far_enough_behind() -> list[str]:
        behind = sorted(storm.written.keys() - storm.arrived("slow").keys())
        return behind if len(behind) > 12 else []

    waiting = await eventually(far_enough_behind, SOON, what="the slow channel is behind")
    soon = [f"{app}:claim:{one}:raised:slow" for one in waiting[8:11]]
    done = [f"{app}:claim:{one}:raised:desk" for one in waiting if one in storm.arrived("desk")][:3]
    async with storm.client() as client:
        for spoiled in ([*soon, *done], [marker]):
            before = await counted("sla_notifier_claims_unreadable_total", *storm.running)
            for number, name in enumerate(spoiled):
                await client.delete(name)
                spoil = (client.set, client.rpush, client.sadd)[(number + len(spoiled)) % 3]
                await spoil(name, "what is this")

            async def noticed(before: int = before, *, in_claims: bool = marker not in spoiled) -> bool:
                # Whoever is filling the claims just then writes a spoiled marker over, and no claim ever meets it.
                assert not in_claims or await counted("sla_notifier_claims_unreadable_total", *storm.running) > before
                assert await client.type(marker) == b"string"
                assert (await client.get(marker)).startswith(b"filled ")
                assert [await client.type(name) for name in done] == [b"string"] * len(done)
                assert [await client.get(name) for name in done] == [b"sent"] * len(done)
                return True

            await eventually(noticed, SOON, every=0.2, what=f"{spoiled} are noticed, and the claims are filled anew")
    await storm.shuffle()


async def set_back(storm: Storm) -> None:
    """Killed and started with a snapshot that is older than what the notifiers know to be in it."""
    async with storm.client() as client:
        await client.save()
    await storm.shuffle()  # with it, what has come since is read from the topic, and never again
    await asyncio.to_thread(storm.server.kill)
    await red(*storm.running, because="cannot be asked")
    await asyncio.to_thread(storm.server.start)
    async with storm.client() as client:
        assert await client.exists(f"{storm.house.app}:claims-filled")
    await green(*storm.running)
    await storm.shuffle()


@pytest.mark.timeout(1800)
async def test_whatever_becomes_of_the_claims_no_alert_is_lost_and_none_comes_twice(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """In any order; `sla-deliveries` makes the claims good. Only a message that was being sent may repeat, marked."""
    faults = [flushed, flushed_and_killed, full_of_others_data, a_replica, tampered_with, set_back]
    order = random.Random(seed).sample(faults * 3, 18) if full else random.Random(seed).sample(faults, len(faults))
    async with Storm(kafka, unique, tmp_path, redis_server) as storm:
        await storm.begin()
        async with storm.storm(rate=6):
            await storm.goes_on()
            for fault in order:
                print(f"{len(storm.written)} alerts: {fault.__name__}", flush=True)
                await fault(storm)
        filled = await counted("sla_notifier_claims_refilled_total", *storm.running)
        assert storm.written.keys() - storm.arrived("slow").keys()  # up to here, what the desk has was read again
        await storm.heal()
        await storm.all_arrived(2 * SOON + SESSION + LEASE, "desk", "slow")
        await storm.house.delivered()
        desk, slow = storm.once_each("desk"), storm.once_each("slow")
        killed = order.count(flushed_and_killed)
        assert killed <= desk.repeats <= 2 * UNRECORDED * killed  # both were sending
        assert slow.repeats <= 2 * UNRECORDED * killed
        read_again = await counted("sla_notifier_claims_refused_total", *storm.running, destination="desk")
        assert read_again > 0
        figures(
            fault="Redis emptied, full, read-only, set back by a snapshot, tampered with; in a storm, notifiers change",
            shown="`sla-deliveries` makes the claims good: each alert once, but those being sent at a kill, marked.",
            faults=len(order),
            alerts=desk.alerts,
            marked_repeats=desk.repeats + slow.repeats,
            outcomes_filled_in_again=filled,
            claims_refused=read_again,
        )


# A notifier that comes back from the dead


@pytest.mark.timeout(900)
async def test_a_zombie_notifier_is_refused_its_claims_and_that_is_counted(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, full: bool, figures: Figures
) -> None:
    """Stopped for three session timeouts with its queue full; another has done its messages when it goes on.

    Every second time it is stopped while it sends: nobody knows whether that message arrived, the other repeats it.
    """
    rounds = 6 if full else 1
    async with Alerting(kafka, unique, tmp_path, redis=redis_server.url) as storm:
        storm.route({"desk": storm.webhook("desk", rate_limit="10/s")})
        zombie = storm.notifier("zombie")
        await zombie.ready()
        refused = 0

        async def idle() -> bool:
            return (await storm.ends("desk"))["sent"] == len(storm.arrived())

        for number in range(rounds):
            await storm.alert(60)
            await eventually(lambda: len(storm.written) - len(storm.arrived()) < 52, SOON, what="the first are sent")
            if number % 2 == 0:
                await eventually(idle, SOON, every=0, what="nothing is under way")
            os.killpg(zombie.pid, SIGSTOP)
            stopped = time.monotonic()
            successor = storm.notifier("successor")
            await storm.all_arrived(SOON + SESSION + LEASE)
            await asyncio.sleep(max(0.0, stopped + 3 * SESSION - time.monotonic()))
            os.killpg(zombie.pid, SIGCONT)
            await storm.alert(30)
            await storm.all_arrived(SOON + SESSION + LEASE)
            await green(zombie, successor)
            refused = await counted("sla_notifier_claims_refused_total", zombie)
            assert await successor.stop() == 0
            await storm.house.delivered()
        told = storm.once_each()
        assert refused > 0
        assert told.repeats <= (UNRECORDED + 1) * rounds  # what it was sending or had not on record in that moment
        figures(
            fault="A notifier stopped for three session timeouts, then going on (zombie)",
            shown="Its claims are refused and counted; the chat gets nothing twice but what was being sent, marked.",
            stopped=f"{rounds} times",
            alerts=told.alerts,
            claims_refused=refused,
            marked_repeats=told.repeats,
        )
