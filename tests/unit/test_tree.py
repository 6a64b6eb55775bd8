"""The process tree: what dies is started again, what cannot start ends all, and nobody outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from services import free_ports
from waiting import eventually, wait_until

from agents.cli import COMMANDS
from agents.notifier.backoff import Backoff
from agents.tree.health import Health
from agents.tree.log import LONGEST, MergedLog
from agents.tree.members import ALL, Member, members
from agents.tree.metrics import TreeMetrics
from agents.tree.tree import PROGRAM, Tree
from agents.web import serving
from config.settings import Settings, load_settings

# What a child does follows from its command; each says that it lives, with its process id, before it can be signalled.
CHILDREN = """
import os, signal, sys, time
what, mark = sys.argv[1], sys.argv[0] + ".died"
if what == "stubborn":
    signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
elif what == "orderly":
    signal.signal(signal.SIGTERM, lambda *_: (print("bye", flush=True), sys.exit(0)))
if what == "hangup":
    signal.signal(signal.SIGHUP, lambda *_: print("again", flush=True))
print(f"alive {os.getpid()}", flush=True)
if what.startswith("leaves-"):
    sys.exit(int(what[7:]))
if what == "dies-once" and not os.path.exists(mark):
    open(mark, "w").close()
    os.kill(os.getpid(), signal.SIGSEGV)
while True:
    time.sleep(60)
"""


class Site:
    """A tree of such children, and what they said."""

    def __init__(self, folder: Path, *commands: str, within: float = 20.0) -> None:
        script = folder / "children.py"
        script.write_text(CHILDREN)
        self.said: list[str] = []
        members = [Member(name, "none", (signal.SIGHUP,) if name == "hangup" else ()) for name in commands]
        log = MergedLog(lambda line: self.said.append(line.decode().rstrip("\n")), "text", commands)
        self.metrics = TreeMetrics(commands)
        self.program = (sys.executable, "-S", str(script))
        self.tree = Tree(members, log, self.metrics, self.program, Backoff(first=0.02, cap=0.1), within)

    def lines(self, name: str) -> list[str]:
        return [line.partition(" | ")[2] for line in self.said if line.split(" | ")[0].strip() == name]

    def pids(self, name: str) -> list[int]:
        lines = self.lines(name)  # one that is ended while it says so may leave a part of it
        return [int(found[1]) for line in lines if (found := re.fullmatch(r"alive (\d+)", line))]

    async def alive(self, *names: str) -> None:
        await eventually(lambda: all(self.pids(name) for name in names), what=f"{names} live")


def exists(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")
    except FileNotFoundError:
        return False


async def test_all_end_in_order_when_the_tree_is_told_to(tmp_path: Path) -> None:
    site = Site(tmp_path, "orderly", "plain")
    running = asyncio.create_task(site.tree.run())
    await site.alive("orderly", "plain")
    site.tree.stop()
    assert await asyncio.wait_for(running, 10) == 0
    assert site.lines("orderly")[-1] == "bye"
    assert not any(exists(pid) for name in ("orderly", "plain") for pid in site.pids(name))


async def test_what_dies_is_started_again_and_counted_while_the_others_run_on(tmp_path: Path) -> None:
    site = Site(tmp_path, "dies-once", "plain")
    running = asyncio.create_task(site.tree.run())
    await eventually(lambda: len(site.pids("dies-once")) == 2, what="it lives again")
    assert site.metrics.registry.get_sample_value("sla_process_restarts_total", {"process": "dies-once"}) == 1
    assert site.metrics.registry.get_sample_value("sla_process_up", {"process": "dies-once"}) == 1
    await site.alive("plain")
    os.kill(site.pids("plain")[0], signal.SIGKILL)
    await eventually(lambda: len(site.pids("plain")) == 2, what="the killed one lives again")
    site.tree.stop()
    assert await asyncio.wait_for(running, 10) == 0
    assert len(site.pids("dies-once")) == 2


@pytest.mark.parametrize("code", [70, 1, 0])
async def test_a_child_that_keeps_leaving_is_started_again_and_again(tmp_path: Path, code: int) -> None:
    site = Site(tmp_path, f"leaves-{code}")
    running = asyncio.create_task(site.tree.run())
    await eventually(lambda: len(site.pids(f"leaves-{code}")) >= 3, what="three lives")
    site.tree.stop()
    assert await asyncio.wait_for(running, 10) == 0


@pytest.mark.parametrize("code", [2, 3])
async def test_a_child_that_cannot_start_ends_all_with_its_exit_code(
    tmp_path: Path, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(tmp_path, f"leaves-{code}", "orderly")
    assert await asyncio.wait_for(site.tree.run(), 10) == code
    assert len(site.pids(f"leaves-{code}")) == 1
    assert f"leaves-{code} left with exit code {code}" in caplog.text
    assert not any(exists(pid) for pid in site.pids("orderly"))


async def test_what_does_not_end_in_order_is_killed_in_time_or_at_once_when_told_twice(tmp_path: Path) -> None:
    for within, stops in ((0.3, 1), (60.0, 2)):
        site = Site(tmp_path, "stubborn", within=within)
        running = asyncio.create_task(site.tree.run())
        await site.alive("stubborn")
        for _ in range(stops):
            site.tree.stop()
        assert await asyncio.wait_for(running, 10) == 0
        assert not exists(site.pids("stubborn")[0])


async def test_a_signal_is_passed_on_to_those_who_understand_it(tmp_path: Path) -> None:
    site = Site(tmp_path, "hangup", "plain")
    running = asyncio.create_task(site.tree.run())
    await site.alive("hangup", "plain")
    site.tree.pass_on(signal.SIGHUP)
    await eventually(lambda: "again" in site.lines("hangup"), what="it heard of it")
    assert exists(site.pids("plain")[0]), "whom SIGHUP would end is spared"
    site.tree.stop()
    await asyncio.wait_for(running, 10)


@pytest.mark.parametrize("member", ALL, ids=[member.command for member in ALL])
def test_each_is_asked_for_its_health_where_it_tells_of_it_and_no_two_listen_on_one_port(member: Member) -> None:
    assert member.command in COMMANDS
    assert str(Settings.model_fields[member.listens].description).endswith("serves /metrics and health")
    addresses = [field.default for name, field in Settings.model_fields.items() if name.endswith("listen")]
    assert len(addresses) == len(set(addresses)) == 6


async def test_what_a_process_said_that_died_since_is_not_the_answer_of_the_one_started_after_it() -> None:
    (port,) = free_ports(1)
    member = ALL[0]
    settings = load_settings({f"SLAWATCH_{member.listens.upper()}": f"127.0.0.1:{port}"})
    tree: Any = SimpleNamespace(running={member: object()})
    health = Health(tree, (member,), settings)
    assert health.problems() == {member.command: "was not asked yet"}
    async with serving("127.0.0.1", port, CollectorRegistry(), dict):
        asking = asyncio.create_task(health.ask())
        await eventually(lambda: not health.problems(), what="it is ready")
        tree.running[member] = object()
        assert health.problems() == {member.command: "was not asked yet"}
        await eventually(lambda: not health.problems(), what="the one after it is ready")
        asking.cancel()


async def test_the_whole_is_ready_when_every_process_is_and_says_who_is_not_and_why(tmp_path: Path) -> None:
    ports = free_ports(len(ALL))
    settings = load_settings(
        {f"SLAWATCH_{member.listens.upper()}": f"127.0.0.1:{port}" for member, port in zip(ALL, ports, strict=True)}
    )
    site = Site(tmp_path, "plain")
    tree = Tree(ALL, MergedLog(lambda _: None, "text", ("x",)), TreeMetrics(), site.program)
    health = Health(tree, ALL, settings)
    troubles: dict[str, dict[str, str]] = {member.command: {} for member in ALL}
    everything = {member.command: "does not run" for member in ALL}
    assert health.problems() == everything
    async with contextlib.AsyncExitStack() as stack:
        for member, port in zip(ALL, ports, strict=True):
            here = functools.partial(troubles.get, member.command, {})
            await stack.enter_async_context(serving("127.0.0.1", port, CollectorRegistry(), here))
        tasks = [asyncio.create_task(tree.run()), asyncio.create_task(health.ask())]
        await eventually(lambda: not health.problems(), what="the whole is ready")
        troubles["board"] = {"redis": "away"}
        await eventually(lambda: health.problems() == {"board": "redis: away"}, what="the board's trouble is told")
        tree.stop()
        await tasks[0]
        tasks[1].cancel()
    assert health.problems() == everything


def test_the_board_belongs_to_a_site_that_has_redis() -> None:
    commands = [
        [member.command for member in members(load_settings(given))]
        for given in ({}, {"SLAWATCH_REDIS": "redis://127.0.0.1:6379/0"})
    ]
    assert commands == [["worker", "notifier"], ["worker", "notifier", "board"]]


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([*PROGRAM, "simulate", "--tickets", "5000000", "--days", "300", "--out", sys.argv[1]],
                         stdin=subprocess.PIPE, start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_child_ends_with_the_process_that_holds_its_pipe_however_that_dies(tmp_path: Path) -> None:
    """The parent is killed by SIGKILL: the child's input ends, and so does the child."""
    out = tmp_path / "events.jsonl"
    text = PARENT.replace("PROGRAM", repr(PROGRAM))
    with subprocess.Popen([sys.executable, "-c", text, str(out)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            wait_until(lambda: out.exists() and out.stat().st_size > 0, 30, what="the child is at work")
            assert exists(pid)
        finally:
            parent.kill()
    wait_until(lambda: not exists(pid), 20, what="the child is gone")


class TestMergedLog:
    """What the lines of several processes become."""

    @staticmethod
    def merged(log_format: str, chunks: list[bytes]) -> list[bytes]:
        written: list[bytes] = []

        class Output:
            async def read(self, n: int) -> bytes:
                return chunks.pop(0) if chunks else b""

        asyncio.run(MergedLog(written.append, log_format, ("worker", "run")).follow("run", Output()))
        return written

    def test_lines_carry_the_name_however_they_arrive(self) -> None:
        assert self.merged("text", [b"one\ntw", b"o\n\nthree"]) == [
            b"run    | one\n",
            b"run    | two\n",
            b"run    | \n",
            b"run    | three\n",
        ]

    def test_a_line_without_end_does_not_fill_the_memory(self) -> None:
        assert len(self.merged("text", [b"x" * (LONGEST + 1), b"y\n"])) == 2

    @pytest.mark.parametrize(
        ("line", "fields"),
        [
            (b'{"level": "info", "message": "x"}', {"level": "info", "message": "x"}),
            (b"Traceback (most recent", {"message": "Traceback (most recent"}),
            (b"[1]", {"message": "[1]"}),
            (b"\xff", {"message": "\\xff"}),
        ],
    )
    def test_in_json_every_line_is_an_object_that_names_the_process(self, line: bytes, fields: dict[str, str]) -> None:
        (written,) = self.merged("json", [line + b"\n"])
        assert json.loads(written) == {"process": "run", **fields}
