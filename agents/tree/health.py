"""Whether the children do their jobs: each is asked now and then, and what they answer is the tree's own answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from config.settings import near

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

    from agents.tree.members import Member
    from agents.tree.tree import Tree
    from config.settings import Settings

EVERY = 2.0
_WITHIN = 2.0  # seconds for an answer


class Health:
    """What is wrong, by process; asks while `ask` runs."""

    def __init__(self, tree: Tree, members: tuple[Member, ...], settings: Settings) -> None:
        self._tree = tree
        self._where = {member: near(getattr(settings, member.listens)) for member in members}
        self._answers: dict[Member, tuple[Process | None, str | None]] = dict.fromkeys(members, (None, None))

    def problems(self) -> Mapping[str, str]:
        """Why the whole is not ready, by process; empty where it is."""
        found = {member.command: self._problem(member) for member in self._where}
        return {command: problem for command, problem in found.items() if problem is not None}

    async def ask(self) -> None:
        """For ever; to be cancelled."""
        timeout = aiohttp.ClientTimeout(total=_WITHIN)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                running = dict(self._tree.running)
                answers = await asyncio.gather(*(_asked(session, url) for url in self._where.values()))
                for member, answer in zip(self._where, answers, strict=True):
                    self._answers[member] = running.get(member), answer
                await asyncio.sleep(EVERY)

    def _problem(self, member: Member) -> str | None:
        process = self._tree.running.get(member)
        if process is None:
            return "does not run"
        asked, answer = self._answers[member]
        return answer if asked is process else "was not asked yet"  # what its predecessor said is not its answer


async def _asked(session: aiohttp.ClientSession, url: str) -> str | None:
    """What a process says is wrong; None: nothing."""
    try:
        async with session.get(f"{url}/readyz") as response:
            if response.status == 200:
                return None
            said = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return "does not answer"
    problems = said.get("problems") if isinstance(said, dict) else None
    if not isinstance(problems, dict) or not problems:
        return "is not ready"
    return "; ".join(f"{name}: {problem}" for name, problem in problems.items())
