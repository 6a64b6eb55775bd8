"""Whether the children do their jobs: each is asked now and then, and what they answer is the tree's own answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from config.settings import near

if TYPE_CHECKING:
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
        self._answers: dict[Member, str | None] = dict.fromkeys(members, "was not asked yet")

    def problems(self) -> Mapping[str, str]:
        """Why the whole is not ready, by process; empty where it is."""
        running = self._tree.running
        found = {
            member.command: answer if member in running else "does not run" for member, answer in self._answers.items()
        }
        return {command: problem for command, problem in found.items() if problem is not None}

    async def ask(self) -> None:
        """For ever; to be cancelled."""
        timeout = aiohttp.ClientTimeout(total=_WITHIN)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                answers = await asyncio.gather(*(_asked(session, url) for url in self._where.values()))
                self._answers.update(zip(self._where, answers, strict=True))
                await asyncio.sleep(EVERY)


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
