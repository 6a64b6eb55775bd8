"""`slawatch worker` as a process on real servers: what it refuses, serves, publishes, reloads and hands over."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from command_line import slawatch
from kafka_io import created, event, now, replied
from processes import Installation, Program
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis
from waiting import eventually

from streams.instants import HOUR, MINUTE, SECOND, parse_instant

if TYPE_CHECKING:
    from pathlib import Path

    from services import RedisServer


def policies(limit: str) -> str:
    return f"version: 1\npolicies:\n  - name: all\n    targets:\n      first_response: {{limit: {limit}}}\n"


async def run(house: Installation, *arguments: str, **settings: str) -> tuple[int, str]:
    """A command run to its end: exit code, and all that it said."""
    done = await asyncio.to_thread(slawatch, *arguments, **house.settings(**settings))
    return done.returncode, done.stdout + done.stderr


# Topics


async def test_topics_are_created_once_and_a_worker_refuses_wrong_ones_by_name(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    house = Installation(kafka, unique, tmp_path)
    code, said = await run(house, "topics", "check")
    assert (code, said.count("does not exist")) == (3, len(house.topics.all))
    code, said = await run(house, "topics", "create")
    assert (code, said.count("created ")) == (0, len(house.topics.all))
    code, said = await run(house, "topics", "create")
    assert (code, said.count("created ")) == (0, 0)

    rated, changelog, reviewed = f"{unique}.ticket-rated", house.topics.changelog, f"{unique}.quality-reviewed"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_partitions({rated: NewPartitions(4)})
        for topic, policy in ((changelog, "delete"), (reviewed, "compact")):
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": policy})])
    finally:
        await admin.close()
    wrong = {
        f"topic {rated} has 4 partitions, not 3",
        f"topic {changelog} has cleanup.policy=delete, it must be compact",
        f"topic {reviewed} has cleanup.policy=compact, it must be delete",
    }
    for arguments in (["topics", "check"], ["topics", "create"], ["worker"]):
        code, said = await run(house, *arguments, data_dir=str(tmp_path / "data"))
        assert code == 3, said
        assert {line for line in said.replace("Error: ", "").splitlines() if line.startswith("topic ")} == wrong


# What is served and published


async def test_boards_metrics_and_windows_agree_and_survive_a_restart(
    kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path, promtool: Path
) -> None:
    """A restart from its own disk, and one from the changelog alone; and boards come back with their Redis."""
    begun = now() - 2 * HOUR
    events = []
    for number in range(40):
        ticket, start = f"T-{number}", begun + number * MINUTE
        events.append(created(ticket, start, team=("billing", "tech")[number % 2], priority="normal", channel="email"))
        if number % 4 == 1:
            events.append(replied(ticket, start + MINUTE, handle_seconds=60))
        if number % 4 == 2:
            events += [replied(ticket, start + HOUR), event("status_changed", ticket, start + HOUR, status="on_hold")]
        if number % 4 == 3:
            events += [
                replied(ticket, start + MINUTE),
                event("status_changed", ticket, start + HOUR, status="resolved"),
            ]
    async with Installation(kafka, unique, tmp_path, redis=redis_server.url) as house:
        settings = {"policies": house.file("policies.yaml", policies("30m"))}
        house.events.put(*events)
        house.events.flush()
        worker = house.worker(**settings)
        await eventually(lambda: unready(worker), timeout=30)
        await worker.ready()
        assert await worker.get("/healthz") == (200, '{"status": "ok"}')
        await house.caught_up()
        await house.alerted([f"T-{number}" for number in range(0, 40, 2)], within=20)

        assert await queue(worker) == {
            ("open", "billing"): 20, ("unanswered", "billing"): 10, ("waiting", "billing"): 10,
            ("on_hold", "billing"): 10, ("overdue", "billing"): 10, ("open", "tech"): 10,
        }  # fmt: skip
        assert await worker.metric("sla_window_judged", window="8h", target="first_response") == 40
        assert await worker.metric("sla_window_met", window="8h", target="first_response", team="tech") == 20
        assert await worker.metric("sla_window_met", window="8h", target="first_response", team="billing") == 0
        assert await worker.metric("sla_window_arrivals", window="7d") == 40
        assert [await verdicts_counted(worker, verdict) for verdict in ("met", "breached")] == [20, 20]

        async def boards_agree() -> bool:
            boards = await read_boards(redis_server, house)
            assert queue_of(boards) == await queue(worker)
            assert windows_of(boards) == await windows(worker)
            return True

        await eventually(boards_agree, timeout=10, every=0.2)
        await asyncio.to_thread(redis_server.kill)
        await eventually(lambda: "Redis is away" in worker.output, timeout=10)
        await worker.ready(within=1)
        await asyncio.to_thread(redis_server.start)
        await eventually(boards_agree, timeout=10, every=0.2)
        assert worker.output.count("Redis is away") == 1

        _, text = await worker.get("/metrics")
        checked = await asyncio.to_thread(
            subprocess.run, [promtool, "check", "metrics"], input=text, capture_output=True, text=True
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")

        before = await queue(worker), await windows(worker)
        assert before[1]
        assert await worker.stop() == 0
        worker = await house.worker(**settings).ready()
        assert "replayed" in worker.output
        assert (await queue(worker), await windows(worker)) == before
        worker.kill()
        shutil.rmtree(tmp_path / "w1")
        worker = await house.worker(**settings).ready()
        assert (await queue(worker), await windows(worker)) == before
        assert Counter(alert["kind"] for _, alert in await house.alerts()) == {"raised": 20, "recovered": 10}


async def unready(worker: Program) -> bool:
    status, body = await worker.get("/readyz")
    return status == 503 and "engine" in json.loads(body)["problems"]


async def queue(worker: Program) -> dict[tuple[str, str], float]:
    """The queue's gauges that are not zero, by state and team."""
    return {(s["state"], s["team"]): value for s, value in await samples(worker, "sla_queue_tickets") if value}


async def windows(worker: Program) -> dict[tuple[str, str, str], float]:
    """Judged clocks in the windows that do not move while the test runs, by window, target and team."""
    found = await samples(worker, "sla_window_judged")
    return {(s["window"], s["target"], s["team"]): v for s, v in found if s["window"] in ("8h", "24h", "7d")}


async def samples(worker: Program, name: str) -> list[tuple[dict[str, str], float]]:
    _, text = await worker.get("/metrics")
    families = text_string_to_metric_families(text)
    return [(sample.labels, sample.value) for family in families for sample in family.samples if sample.name == name]


async def verdicts_counted(worker: Program, verdict: str) -> float:
    """Those taken back again are counted apart: by the order in which the topics are read there are some or none."""
    by = {"target": "first_response", "verdict": verdict}
    return await worker.metric("sla_verdicts_total", **by) - await worker.metric("sla_verdicts_retracted_total", **by)


async def read_boards(server: RedisServer, house: Installation) -> list[dict[str, Any]]:
    """The boards of all partitions, each with an end in case nobody writes it any more."""
    keys = [f"{house.app}:board:{number}" for number in range(house.partitions)]
    async with Redis.from_url(server.url) as redis:
        values = await redis.mget(keys)
        assert all(values), values
        assert all([0 < await redis.ttl(key) <= 15 for key in keys])
    return [json.loads(value) for value in values]


def queue_of(boards: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    total: Counter[tuple[str, str]] = Counter()
    for board in boards:
        for line in board["queue"]:
            for state in ("open", "unanswered", "waiting", "on_customer", "on_hold", "overdue"):
                total[state, line["team"]] += line[state]
    return {key: value for key, value in total.items() if value}


def windows_of(boards: list[dict[str, Any]]) -> dict[tuple[str, str, str], float]:
    total: Counter[tuple[str, str, str]] = Counter()
    for board in boards:
        for cell in board["windows"]:
            if cell["window"] in ("8h", "24h", "7d") and cell["measure"] == "first_response":
                total[cell["window"], cell["measure"], cell["team"]] += cell["count"]
    return dict(total)


async def test_running_workers_explain_their_tickets(kafka: str, unique: str, tmp_path: Path) -> None:
    """Any text is a ticket's name; of two workers one holds it."""
    begun, ticket = now() - HOUR, "T/1 ü?&#%2F"
    async with Installation(kafka, unique, tmp_path) as house:
        house.events.put(created(ticket, begun, priority="urgent"), replied(ticket, begun + 20 * MINUTE))
        house.events.flush()
        file = house.file("policies.yaml", policies("15m"))
        workers = [house.worker(name, policies=file) for name in ("w1", "w2")]
        await house.shared(*workers)
        await house.caught_up()
        where = [part for worker in workers for part in ("--worker", f"http://127.0.0.1:{worker.port}")]
        code, said = await run(house, "explain", ticket, *where, "--json")
        assert code == 0, said
        (clock,) = [clock for clock in json.loads(said)["clocks"] if clock["policy"]]
        assert (clock["target"], clock["verdict"], clock["policy"]) == ("first_response", "breached", "all")
        assert parse_instant(clock["breached_at"]) == parse_instant(clock["deadline"]) == begun + 15 * MINUTE
        assert (clock["limit_seconds"], clock["elapsed_seconds"]) == (900, 1200)

        code, said = await run(house, "explain", "unknown", *where)
        assert (code, "'unknown' is in no partition" in said) == (1, True), said
        assert [(await worker.get("/tickets/unknown"))[0] for worker in workers] == [404, 404]


# Reload and hand-over


async def test_policies_are_reloaded_and_a_wrong_file_leaves_the_old_in_force(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    begun = now()
    async with Installation(kafka, unique, tmp_path) as house:
        file = house.file("policies.yaml", policies("1h"))
        house.events.put(
            created("breached", begun - 2 * HOUR),
            created("done", begun - 2 * HOUR),
            event("status_changed", "done", begun - HOUR + MINUTE, status="resolved"),
            created("young", begun - 10 * MINUTE),
        )
        house.events.flush()
        worker = await house.worker(policies=file).ready()
        await house.alerted(["breached", "done"], within=20)

        house.file("policies.yaml", policies("3h"))

        async def corrected() -> bool:
            assert [kind for kind, _ in await announced(house)] == ["corrected", "raised", "raised", "recovered"]
            return True

        await eventually(corrected, timeout=20, every=0.2)
        assert (await announced(house))[0] == ("corrected", "breached")
        await eventually(
            lambda: verdicts(house, breached="pending", done="met", young="pending"), timeout=10, every=0.2
        )

        house.file("policies.yaml", policies("0s"))
        await eventually(lambda: worker.metric("sla_policy_reload_errors_total"), timeout=20)
        assert "policies.yaml:5" in worker.output
        house.events.put(created("after the wrong file", now() - 10 * MINUTE))
        house.events.flush()
        await eventually(lambda: verdicts(house, **{"after the wrong file": "pending"}), timeout=10, every=0.2)

        house.file("policies.yaml", policies("5m"))
        await house.alerted(["young", "after the wrong file"], within=20)
        await eventually(lambda: verdicts(house, breached="breached", done="breached", young="breached"), timeout=10)
        assert await worker.metric("sla_policy_reload_errors_total") == 1
        # Operations heard of the wrong file, and that it was put right.
        assert [(kind, ticket) for kind, ticket in await announced(house) if not ticket] == [
            ("raised", ""),
            ("recovered", ""),
        ]

        assert await worker.stop() == 0
        house.file("policies.yaml", policies("90m"))
        worker = await house.worker(policies=file).ready()
        everyone = {"breached": "breached", "done": "met", "young": "pending", "after the wrong file": "pending"}
        await eventually(lambda: verdicts(house, **everyone), timeout=10, every=0.2)
        assert len(await announced(house)) == 10, await announced(house)
        assert await worker.stop() == 0


async def announced(house: Installation) -> list[tuple[str, str]]:
    return sorted((alert["kind"], alert["ticket_id"]) for _, alert in await house.alerts())


async def verdicts(house: Installation, **expected: str) -> bool:
    ledger = await house.ledger()
    assert {name: ledger[name]["clocks"][0]["verdict"] for name in expected if name in ledger} == expected
    return True


async def test_sigterm_hands_everything_over_and_nothing_is_announced_twice(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    """One of two workers leaves while tickets are coming in whose deadlines are still ahead."""
    async with Installation(kafka, unique, tmp_path, partitions=6) as house:
        file = house.file("policies.yaml", policies("4s"))
        leaving, staying = house.worker("w1", policies=file), house.worker("w2", policies=file)
        await house.shared(leaving, staying)
        tickets = []
        for number in range(400):
            tickets.append(f"T-{number}")
            house.events.put(created(tickets[-1], now()))
            if number == 200:
                leaving.terminate()
            if number % 4 == 1:
                house.events.put(replied(tickets[-1], now()))
            await asyncio.sleep(0.005)  # spreads the deadlines over two seconds
        house.events.flush()
        assert await leaving.gone() == 0
        await house.shared(staying)
        silent = [ticket for number, ticket in enumerate(tickets) if number % 4 != 1]
        await house.alerted(silent, within=30)
        await house.caught_up()
        alerts = await house.alerts()
        assert Counter(alert["ticket_id"] for _, alert in alerts) == Counter(silent)
        assert await staying.metric("sla_events_total", outcome="repeated") == 0
        late = (
            max(parse_instant(alert["decided_at"]) - parse_instant(alert["deadline"]) for _, alert in alerts) - SECOND
        )
        print(f"at most {late / SECOND:.3f} s from deadline + grace to the decision")
        assert late < 5 * SECOND
        assert await staying.stop() == 0
        assert len(await house.ledger()) == len(tickets)
