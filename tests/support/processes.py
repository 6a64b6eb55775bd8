"""An installation of slawatch on real servers: its topics, its long-lived commands as processes, and what they say."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import msgspec
from command_line import SLAWATCH, environment
from kafka_io import EventWriter, last_of_each, unread
from prometheus_client.parser import text_string_to_metric_families
from services import free_ports
from topic_records import read_records
from waiting import eventually

from agents.engine import Connection
from agents.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aiokafka import ConsumerRecord
    from fake_chat import FakeChat

SESSION = "3s"
"""Of every process: short, so that a killed one's partitions are soon another's."""


class Program:
    """A running command; it leads a process group of its own, and nothing else is ever signalled."""

    def __init__(
        self,
        name: str,
        command: str,
        settings: dict[str, str],
        port: int,
        log: Path,
        program: Sequence[str | Path] = (SLAWATCH,),
    ) -> None:
        self.name = name
        self.command = command
        self.port = port
        self._log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [*program, command],
                env=environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._child.poll()

    @property
    def output(self) -> str:
        """What it and its namesakes before it printed and logged."""
        return self._log.read_text(errors="replace")

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page; status 0 while nobody listens."""
        assert self.running, f"{self.name} left with {self._child.returncode}:\n{self.output[-3000:]}"
        try:
            async with aiohttp.request("GET", f"http://127.0.0.1:{self.port}{path}") as response:
                return response.status, await response.text()
        except aiohttp.ClientConnectionError:
            return 0, ""

    async def ready(self, within: float = 60) -> Self:
        """Waits for /readyz."""

        async def answers() -> bool:
            status, body = await self.get("/readyz")
            assert status == 200, f"{body}\n{self.output[-2000:]}"
            return True

        await eventually(answers, within, every=0.05, what=f"{self.name} is ready")
        return self

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels."""
        status, text = await self.get("/metrics")
        assert status == 200, f"/metrics answered {status}:\n{text}\n{self.output[-2000:]}"
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    def kill(self) -> None:
        """kill -9, and wait until it is gone; nothing happens where it already is."""
        if self.running:
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def terminate(self) -> None:
        self._child.terminate()

    async def gone(self, within: float = 30) -> int:
        """Its exit code, once it has left."""
        await eventually(lambda: not self.running, within, what=f"{self.name} leaves")
        return self._child.returncode

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.terminate()
        return await self.gone()


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, to ten milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int, kind: str = "VmRSS") -> int:
    """What a process holds now, or with `VmHWM` held at the most."""
    status = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(f"{kind}:")) * 1024


async def appetite(programs: Sequence[Program], seconds: float) -> list[float]:
    """The share of a core that each process uses for so long."""

    def used() -> list[float]:
        return [cpu_seconds(program.pid) for program in programs]

    before, begun = used(), time.monotonic()
    await asyncio.sleep(seconds)  # a duration is what is measured
    return [(now - then) / (time.monotonic() - begun) for now, then in zip(used(), before, strict=True)]


class Installation:
    """An async context manager: creates the topics, and afterwards none of its processes is left."""

    def __init__(self, bootstrap: str, name: str, folder: Path, partitions: int = 3, **settings: str) -> None:
        self.bootstrap = bootstrap
        self.partitions = partitions
        self.app = name
        self.prefix = f"{name}."
        self.topics = Topics(self.prefix, name)
        self.events = EventWriter(bootstrap, self.prefix)
        self._folder = folder
        self._settings = {
            "kafka": bootstrap,
            "app": name,
            "topic_prefix": self.prefix,
            "partitions": str(partitions),
            "session_timeout": SESSION,
            **settings,
        }
        self.program: Sequence[str | Path] = (SLAWATCH,)
        """What its processes run; it is given the command's name as its last argument."""
        self._programs: list[Program] = []

    async def __aenter__(self) -> Self:
        await self.topics.create(Connection(self.bootstrap), self.partitions, None)
        return self

    async def __aexit__(self, failure: object, *_: object) -> None:
        for program in self._programs:
            program.kill()
        if failure is not None:
            for program in {program.name: program for program in self._programs}.values():
                print(f"--- {program.name}, {program.command}\n{program.output[-4000:]}")

    def settings(self, **more: str) -> dict[str, str]:
        """For `command_line.slawatch`."""
        return self._settings | more

    def file(self, name: str, text: str) -> str:
        """Writes a file at once, as an editor's rename does; its path, for a setting."""
        path = self._folder / name
        draft = path.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(path)
        return str(path)

    def worker(self, name: str = "w1", **settings: str) -> Program:
        """Starts a worker; one of the same name before it leaves it its local state."""
        return self._start(name, "worker", "metrics_listen", data_dir=str(self._folder / name), **settings)

    def notifier(self, chat: FakeChat, name: str = "notifier", **settings: str) -> Program:
        """Starts a notifier that sends every alert to the channel /desk."""
        return self._start(name, "notifier", "notifier_listen", **({"routing": self._routing(chat)} | settings))

    def _routing(self, chat: FakeChat) -> str:
        return self.file(
            "routing.yaml",
            "version: 1\n"
            f"destinations: {{desk: {{kind: webhook, url: '{chat.url('/desk')}', timeout: 5s}}}}\n"
            "routes: [{to: [desk]}]\n",
        )

    def tree(self, chat: FakeChat, name: str = "run", **settings: str) -> Program:
        """Starts the whole site as one process tree; its port answers for the whole."""
        names = ("metrics_listen", "notifier_listen", "board_metrics_listen", "board_listen")
        listen = {
            **{name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(len(names)), strict=True)},
            "data_dir": str(self._folder / "w1"),
            "routing": self._routing(chat),
        }
        return self._start(name, "run", "run_listen", **(listen | settings))

    def _start(self, name: str, command: str, listen: str, **settings: str) -> Program:
        (port,) = free_ports(1)
        with_port = self.settings(**({listen: f"127.0.0.1:{port}"} | settings))
        self._programs.append(Program(name, command, with_port, port, self._folder / f"{name}.log", self.program))
        return self._programs[-1]

    async def shared(self, *workers: Program, within: float = 60) -> None:
        """Waits until all partitions are live, and each of these workers has some."""

        async def live() -> bool:
            held = [await worker.metric("sla_partitions_live") for worker in workers]
            assert all(held), held
            return sum(held) == self.partitions

        for worker in workers:
            await worker.ready(within)
        await eventually(live, within, every=0.1, what="each worker has a part of the partitions")

    async def caught_up(self, within: float = 60) -> None:
        """Waits until every event is read by the workers, and all that follows from it is durable."""
        await self._read_by(self.app, self.topics.inputs, within)

    async def delivered(self, within: float = 30) -> None:
        """Waits until the notifier is done with every alert."""
        await self._read_by(f"{self.app}-notifier", [self.topics.alerts], within)

    async def _read_by(self, group: str, topics: Iterable[str], within: float) -> None:
        async def done() -> bool:
            return await unread(self.bootstrap, group, topics, self.partitions) == 0

        await eventually(done, within, every=0.2, what=f"{group} has committed all of its input")

    async def records(self, topic: str) -> list[ConsumerRecord]:
        """Every record of one topic, of each partition in order."""
        return await read_records(self.bootstrap, [topic], self.partitions)

    async def alerts(self) -> list[tuple[ConsumerRecord, dict[str, Any]]]:
        """Every record of sla-alerts, with its value read."""
        return [(record, msgspec.json.decode(record.value)) for record in await self.records(self.topics.alerts)]

    async def alerted(self, tickets: Iterable[str], within: float) -> None:
        """Waits until each of these tickets has an alert."""
        wanted = set(tickets)

        async def all_there() -> bool:
            missing = wanted - {alert["ticket_id"] for _, alert in await self.alerts()}
            assert not missing, f"{len(missing)} without an alert: {sorted(missing)[:5]}"
            return True

        await eventually(all_there, within, every=0.2, what="alerts")

    async def ledger(self) -> dict[str, dict[str, Any]]:
        """The last record of each ticket."""
        last = await last_of_each(self.bootstrap, self.topics.ledger, self.partitions)
        return {key.decode(): msgspec.json.decode(record.value) for key, record in last.items() if key is not None}
