"""`slawatch run` on real servers: a child that dies comes back and events go on; it ends whole, and says why."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from fake_chat import FakeChat
from kafka_io import created, now
from processes import Installation
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processes import Program

POLICIES = "version: 1\npolicies: [{name: all, targets: {first_response: {limit: 1s}}}]\n"


def children(parent: int) -> dict[int, str]:
    """The processes that a process started: the command of each."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(status[1]) == parent and status[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().split(b"\0")[-2].decode()
        except (FileNotFoundError, ProcessLookupError, IndexError):
            continue
    return found


def exist(pids: Iterable[int]) -> bool:
    return any(Path(f"/proc/{pid}").exists() for pid in pids)


def pids_of(tree: Program, command: str) -> list[int]:
    return [pid for pid, name in children(tree.pid).items() if name == command]


async def told(house: Installation, chat: FakeChat, ticket: str) -> None:
    """A ticket that nobody answers is told in the chat."""
    house.events.put(created(ticket, now(), priority="urgent", team="billing", channel="chat"))
    house.events.flush()
    await eventually(lambda: any(post.body["ticket_id"] == ticket for post in chat.posts), 40, what=f"{ticket} is told")


async def shown(tree: Program, ticket: str) -> None:
    """A ticket that is overdue is on the board, which says that it sees all."""
    (page,) = re.findall(r"the board is at (\S+)", tree.output)[-1:]

    async def is_there() -> bool:
        async with aiohttp.request("GET", f"{page}/api/board") as answer:
            picture = await answer.json()
        assert picture["monitor"]["state"] == "live", picture["monitor"]
        return ticket in [row["ticket_id"] for row in picture["overdue"]]

    await eventually(is_there, 40, what=f"{ticket} is shown")


async def test_a_site_in_one_tree_outlives_its_children_and_leaves_none_behind(
    kafka: str, redis_url: str, unique: str, tmp_path: Path
) -> None:
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path, redis=redis_url) as house:
        tree = await house.tree(chat, policies=house.file("policies.yaml", POLICIES)).ready()
        await told(house, chat, "before")
        await shown(tree, "before")

        for command in ("worker", "notifier", "board"):
            (killed,) = pids_of(tree, command)
            os.kill(killed, signal.SIGKILL)
            await eventually(
                lambda c=command, k=killed: pids_of(tree, c) not in ([], [k]), 20, what=f"the {command} lives again"
            )
            assert f"{command} was ended by SIGKILL; it is started again" in tree.output
        await told(house, chat, "after")
        await shown(tree, "after")
        await tree.ready()
        assert await tree.metric("sla_process_restarts_total") == 3
        assert await tree.metric("sla_process_up") == 3
        assert len([post for post in chat.posts if post.body["ticket_id"] == "before"]) == 1

        left = children(tree.pid)
        assert set(left.values()) == {"worker", "notifier", "board"}
        assert await tree.stop() == 0
        assert not exist(left)
        assert "worker   | " in tree.output
        assert "stopped: partitions are given up in order" in tree.output


async def test_a_tree_that_is_killed_leaves_no_process_behind(kafka: str, unique: str, tmp_path: Path) -> None:
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path) as house:
        tree = await house.tree(chat, policies=house.file("policies.yaml", POLICIES)).ready()
        left = children(tree.pid)
        assert len(left) == 2
        assert "no board: SLAWATCH_REDIS is not set" in tree.output
        tree.kill()
        await eventually(lambda: not exist(left), 20, what="all are gone")


async def test_wrong_policies_end_the_whole_tree_with_their_message(kafka: str, unique: str, tmp_path: Path) -> None:
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path) as house:
        wrong = house.file("policies.yaml", POLICIES.replace("1s", "0s"))
        tree = house.tree(chat, policies=wrong)
        assert await tree.gone(30) == 2
        assert "a limit of zero is broken at once" in tree.output
        assert "worker left with exit code 2 (usage or configuration)" in tree.output
