"""Policy and routing files that change while the desk is at work: SIGHUP, wrong files, and deadlines that move."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from fake_chat import FakeChat
from judge_time import instant
from kafka_io import created, now
from processes import Installation
from promises import Desk, hang_up, in_force, more, policies
from waiting import eventually

from streams.instants import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from conftest import Figures
    from processes import Program

GRACE = 1 * SECOND
LATE = 10 * SECOND
"""Nothing is announced later than this after deadline and grace, on a machine that has other things to do."""
PARTITIONS = 4

GOOD = policies(normal="1h")
WRONG = {
    "bad YAML": (GOOD + "  - name: [", "policies.yaml:8: not YAML"),
    "an unknown key": (GOOD.replace("targets", "target"), "policies.yaml:5: policies[0].target: unknown key"),
    "a wrong value": (
        GOOD.replace("1h", "0s"),
        "policies.yaml:6: policies[0].targets.first_response.limit: a limit",
    ),
    "an unknown calendar": (GOOD.replace("1h", "1h, calendar: office"), "policies.yaml:6: policies[0].targets."),
    "nothing in it": ("", "policies.yaml:1: the file is empty"),
    "no file": (None, "policies.yaml: cannot be read"),
}


async def test_sighup_with_a_wrong_policy_file_changes_nothing_and_a_gauge_says_so(
    kafka: str, unique: str, tmp_path: Path, figures: Figures
) -> None:
    success, errors = "sla_policies_last_reload_successful", "sla_policy_reload_errors_total"
    async with Installation(kafka, unique, tmp_path, PARTITIONS) as house:
        file = Path(house.file("policies.yaml", GOOD))
        worker = house.worker(policies=str(file))
        # Before it is at work, too, SIGHUP does no harm.
        await eventually(lambda: worker.get("/healthz"), timeout=30)
        await eventually(lambda: listens(worker), timeout=30)
        hang_up(worker)
        await worker.ready()
        assert await worker.metric(success, source="file") == 1
        before = await in_force(worker)
        assert before[:2] == ("file", "")
        for kind, (text, said) in WRONG.items():
            if text is None:
                await asyncio.to_thread(file.unlink)
            else:
                house.file(file.name, text)
            for _ in range(2):  # also where the file is as it was the last time
                count = await worker.metric(errors)
                hang_up(worker)
                await eventually(
                    lambda count=count: more(worker, errors, count), timeout=10, what=f"SIGHUP with {kind}"
                )
            assert said in worker.output, kind
            assert await in_force(worker) == before
            assert await worker.metric(success, source="file") == 0
            house.file(file.name, GOOD)
            hang_up(worker)
            await eventually(lambda: worker.metric(success, source="file"), timeout=10)

        at = await worker.metric("sla_policies_last_reload_success_timestamp_seconds")
        assert abs(at - time.time()) < 60
        house.file(file.name, policies(normal="2h"))
        hang_up(worker)
        await eventually(lambda: changed(worker, before[2]), timeout=10)
        assert await worker.metric("sla_policies_last_reload_success_timestamp_seconds") > at
        assert await worker.stop() == 0
    figures(
        fault="SIGHUP with a wrong policy file",
        shown="the old policies stay in force, a gauge is 0 and the log names file, line and field",
        files=", ".join(WRONG),
    )


async def listens(worker: Program) -> bool:
    return (await worker.get("/healthz"))[0] == 200


async def changed(worker: Program, fingerprint: str) -> bool:
    return (await in_force(worker))[2] != fingerprint


async def test_a_changed_file_moves_the_deadline_of_every_open_ticket(
    kafka: str, unique: str, tmp_path: Path, full: bool, figures: Figures
) -> None:
    """Of the open tickets one half gets a shorter limit, whose deadlines then pass one after the other; the other half
    a longer one, just before the old deadlines."""
    count = 10_000 if full else 2_000
    ahead = (45 if full else 15) * SECOND  # time to take the tickets, and to judge them anew
    old, new = policies(urgent="1h", normal="30m"), policies(urgent="10m", normal="1h")
    async with Installation(kafka, unique, tmp_path, PARTITIONS) as house:
        desk = Desk(house)
        file = house.file("policies.yaml", old)
        workers = [house.worker(name, policies=file) for name in ("w1", "w2")]
        await house.shared(*workers)
        begun = now()
        for number in range(count):
            spread = number * (5 if full else 2) * SECOND // count
            limit = (10 if number % 2 else 30) * MINUTE
            priority = "urgent" if number % 2 else "normal"
            desk.put(created(f"T-{number}", begun + ahead + spread - limit, priority=priority))
        house.events.flush()
        await house.caught_up()
        assert now() < begun + ahead - 5 * SECOND, "too slow: the deadlines would pass before the change"

        house.file("policies.yaml", new)
        sent = time.monotonic()
        for worker in workers:
            hang_up(worker)
        watching = [asyncio.create_task(longest_pause(worker)) for worker in workers]
        await eventually(lambda: judged_anew(workers, count), timeout=60, every=0.05)
        took = time.monotonic() - sent
        stall = max(await asyncio.gather(*watching))
        assert now() < begun + ahead, "too slow: the new deadlines passed before they were known"

        urgent = {f"T-{number}" for number in range(count) if number % 2}
        await house.alerted(urgent, within=60)
        await eventually(lambda: desk.judged_by(new), timeout=20, every=0.5)
        alerts = await house.alerts()
        assert Counter(alert["ticket_id"] for _, alert in alerts) == Counter(
            urgent
        )  # by the old ones none, by the new one each
        late = [record.timestamp * 1000 - instant(alert["deadline"]) - GRACE for record, alert in alerts]
        starts = {event["ticket_id"]: instant(event["occurred_at"]) for event in desk.events}
        assert all(instant(alert["deadline"]) == starts[alert["ticket_id"]] + 10 * MINUTE for _, alert in alerts)
        assert min(late) >= -50_000, (
            "before deadline and grace"
        )  # the broker's stamp is another clock's, in milliseconds
        assert max(late) < LATE
        fingerprints = {await in_force(worker) for worker in workers}
        assert len(fingerprints) == 1
        assert [await worker.stop() for worker in workers] == [0, 0]
    late.sort()
    figures(
        fault=f"a policy change that moves {count:,} open deadlines",
        shown="every alert comes by the new deadline, none by the old; the ledger is the judge's",
        all_deadlines_right=f"{took:.1f} s", longest_stall=f"{stall * 1000:.0f} ms",
        late_p99=f"{late[len(late) * 99 // 100] / SECOND:.2f} s", late_max=f"{late[-1] / SECOND:.2f} s",
    )  # fmt: skip


async def judged_anew(workers: list[Program], count: int) -> bool:
    """Whether every ticket is judged by the changed policies."""
    return sum([await worker.metric("sla_tickets_judged_anew_total") for worker in workers]) >= count


async def longest_pause(worker: Program) -> float:
    """The longest that the worker's event loop let a question wait, in seconds, until all tickets are judged anew."""
    longest, calm = 0.0, 0
    async with aiohttp.ClientSession() as session:
        while calm < 150:
            asked = time.monotonic()
            async with session.get(f"http://127.0.0.1:{worker.port}/healthz") as response:
                await response.read()
            waited = time.monotonic() - asked
            longest = max(longest, waited)
            calm = calm + 1 if waited < 0.05 else 0
            await asyncio.sleep(0.01)
    return longest


# The routing file


def routing(url: str) -> str:
    return f"version: 1\ndestinations: {{desk: {{kind: webhook, url: '{url}'}}}}\nroutes: [{{to: [desk]}}]\n"


async def test_sighup_to_a_notifier_takes_a_right_routing_file_and_no_wrong_one(
    kafka: str, unique: str, tmp_path: Path, figures: Figures
) -> None:
    success = "sla_notifier_routing_last_reload_successful"
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path, PARTITIONS) as house:
        worker = house.worker(policies=house.file("policies.yaml", policies(normal="10m")))
        file = house.file("desk.yaml", routing(chat.url("/old")))
        notifier = await house.notifier(chat, routing=file).ready()
        await worker.ready()

        async def told(ticket: str, path: str) -> None:
            house.events.put(created(ticket, now() - HOUR, priority="normal"))
            house.events.flush()
            await eventually(
                lambda: [post.path for post in chat.posts if post.body["ticket_id"] == ticket] == [path], timeout=30
            )

        await told("first", "/old")
        for wrong in ("version: 1\nroutes: [", routing(chat.url("/new")).replace("kind", "knd: 1, kind"), ""):
            house.file("desk.yaml", wrong)
            count = notifier.output.count("the changed routing is refused")
            hang_up(notifier)
            await eventually(lambda c=count: notifier.output.count("the changed routing is refused") > c, timeout=10)
            assert await notifier.metric(success) == 0
        assert "desk.yaml:2: destinations.desk.knd: unknown key" in notifier.output
        await told("second", "/old")
        house.file("desk.yaml", routing(chat.url("/new")))
        hang_up(notifier)
        await eventually(lambda: "takes effect" in notifier.output, timeout=10)
        begun = time.monotonic()
        await told("third", "/new")
        took = time.monotonic() - begun
        assert await notifier.metric(success) == 1
        await house.delivered()
        assert len(chat.posts) == 3
        hang_up(notifier)
        notifier.terminate()
        assert await notifier.gone() == 0
        assert await worker.stop() == 0
    figures(
        fault="SIGHUP to a notifier with a wrong routing file, then with a right one",
        shown="the old routing stays and a gauge is 0; the right one takes effect, nothing is told twice",
        first_alert_by_the_new_routing=f"{took:.1f} s",
    )
