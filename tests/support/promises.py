"""Promises that change while a desk is at work: what was sent, what is told and judged of it, what is in force."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
import yaml
from command_line import slawatch
from judge import judge_all, read_policies
from judge_time import instant
from kafka_io import now
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from processes import Installation, Program

Event = dict[str, Any]


def policies(**limits: str) -> str:
    """A first response within so long, by priority."""
    rules = "".join(
        f"  - name: {priority}\n"
        f"    when: {{priority: [{priority}]}}\n"
        f"    targets:\n"
        f"      first_response: {{limit: {limit}}}\n"
        for priority, limit in limits.items()
    )
    return f"version: 1\npolicies:\n{rules}"


class Desk:
    """What was sent, what is said of it, and what the judge says."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        self.events: list[Event] = []

    def put(self, *events: Event) -> None:
        self.events += events
        self.house.events.put(*events)

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """A command run to its end."""
        done = await asyncio.to_thread(slawatch, *arguments, **self.house.settings())
        return done.returncode, done.stdout, done.stderr

    async def applied(self, text: str, name: str = "applied.yaml") -> int:
        """`slawatch policies apply`; the version's number."""
        code, said, wrong = await self.run("policies", "apply", self.house.file(name, text))
        assert code == 0, wrong
        return int(said.split(" version ")[1].split()[0])

    async def told(self) -> dict[str, list[str]]:
        """The kinds of each ticket's alerts, in their order; one told twice (a kill between alert and state) is one.

        Without those that page nobody: that a breach was answered.
        """
        kinds: dict[str, list[str]] = defaultdict(list)
        for _, alert in await self.house.alerts():
            if alert["ticket_id"] and alert["kind"] == "recovered":
                continue
            kinds[alert["ticket_id"]].append(alert["kind"])
        return {ticket: [kind for kind, _ in groupby(of_one)] for ticket, of_one in kinds.items()}

    async def verdicts(self, since: int) -> dict[str, list[str]]:
        """What the ledger said of each ticket's clock at an instant, and after it, in order."""
        given: dict[str, list[str]] = {}
        for record in await self.house.records(self.house.topics.ledger):
            (clock,) = msgspec.json.decode(record.value)["clocks"]
            before = given.get(record.key.decode(), []) if record.timestamp * 1000 >= since else []
            given[record.key.decode()] = [*before, clock["verdict"]]
        return {ticket: [verdict for verdict, _ in groupby(of_one)] for ticket, of_one in given.items()}

    async def judged_by(self, text: str) -> bool:
        """Whether the ledger is what the judge says under these promises."""
        expected = judge_all(self.events, read_policies(yaml.safe_load(text)), now())
        ledger = await self.house.ledger()
        found = {
            (ticket, clock["target"], clock["cycle"]): (clock["verdict"], instant_of(clock["breached_at"]))
            for ticket, record in ledger.items()
            for clock in record["clocks"]
        }
        assert found == {(c.ticket_id, c.target, c.cycle): (c.verdict, c.breached_at) for c in expected}
        return True


def instant_of(text: str | None) -> int | None:
    return None if text is None else instant(text)


async def in_force(worker: Program) -> tuple[str, str, str]:
    """Source, version and fingerprint of the policies in force."""
    _, text = await worker.get("/metrics")
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    (labels,) = [sample.labels for sample in samples if sample.name == "sla_policies_info"]
    return labels["source"], labels["version"], labels["fingerprint"]


async def has(worker: Program, *expected: str) -> bool:
    """Whether source and version of the policies in force are these; else an AssertionError."""
    assert (await in_force(worker))[: len(expected)] == expected
    return True


def hang_up(worker: Program) -> None:
    """SIGHUP."""
    os.kill(worker.pid, signal.SIGHUP)


async def more(worker: Program, name: str, than: float) -> bool:
    """Whether a metric has passed a value."""
    return await worker.metric(name) > than
