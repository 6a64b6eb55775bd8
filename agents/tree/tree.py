"""The tree: starts its children, starts again what dies, stops all of them together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from typing import TYPE_CHECKING

from agents.engine.lease import ticks
from agents.notifier.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.tree.log import MergedLog
    from agents.tree.members import Member
    from agents.tree.metrics import TreeMetrics

log = logging.getLogger("slawatch.run")

STOPPED_WITHIN = 25.0
"""Seconds that the children have for their orderly end; what is left then is killed."""
STEADY = 60.0
"""Seconds after which a child that dies is one that ran: it is started again as fast as the first time."""
FINAL: Mapping[int, str] = {2: "usage or configuration", 3: "refused"}
"""Exit codes after which another start would end as this one did."""
_BACKOFF = Backoff(first=1.0, cap=30.0)


# Without -P the folder that it is started in could hide our packages, whose names are common.
PROGRAM = (sys.executable, "-P", "-m", "agents.tree.child")
"""What runs a command as a child; its name follows."""


class Tree:
    """Runs once. `log` gets what the children say; `program` starts one of them."""

    def __init__(
        self,
        members: Sequence[Member],
        log: MergedLog,
        metrics: TreeMetrics,
        program: Sequence[str],
        backoff: Backoff = _BACKOFF,
        stopped_within: float = STOPPED_WITHIN,
    ) -> None:
        self._members = members
        self._log = log
        self._metrics = metrics
        self._program = program
        self._backoff = backoff
        self._stopped_within = stopped_within
        self._random = random.Random()  # noqa: S311  it parts those who start again, it guards no secret
        self._running: dict[Member, Process] = {}
        self._stopping = asyncio.Event()
        self._killing = asyncio.Event()
        self._code = 0

    @property
    def running(self) -> Mapping[Member, Process]:
        """The children that are alive."""
        return self._running

    async def run(self) -> int:
        """Until told to stop, or until a child's end says that no start can help; the exit code of the whole."""
        async with asyncio.TaskGroup() as group:
            for member in self._members:
                group.create_task(self._keep(member))
        return self._code

    def stop(self) -> None:
        """Have all children end in order; told a second time, at once."""
        if self._stopping.is_set():
            self._killing.set()
        self._stopping.set()

    def pass_on(self, number: signal.Signals) -> None:
        """A signal to the children that understand it."""
        for member, process in self._running.items():
            if number in member.passed_on:
                _signal(process, number)

    async def _keep(self, member: Member) -> None:
        """One child, through all its lives."""
        failures = 0
        while True:
            begun = ticks()
            code = await self._live(member)
            if self._stopping.is_set():
                return
            if code in FINAL:
                why = f"{member.command} left with exit code {code} ({FINAL[code]}), its last lines say why"
                log.error("%s: another start would not help, so everything stops", why)
                self._code = code
                self.stop()
                return
            failures = 1 if ticks() - begun > STEADY else failures + 1
            delay = self._backoff.delay(failures, unknown=False, rng=self._random)
            log.warning("%s %s; it is started again in %.1f s", member.command, _ended(code), delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
                return
            self._metrics.restarts.labels(member.command).inc()

    async def _live(self, member: Member) -> int:
        """One life of a child, which ends in order when all are to; its exit code, negative for a signal."""
        process = await asyncio.create_subprocess_exec(
            *self._program,
            member.command,
            stdin=PIPE,  # it ends with this process, and so does the child
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,  # Ctrl-C is for this process to pass on
        )
        assert process.stdout is not None
        self._running[member] = process
        up = self._metrics.up.labels(member.command)
        up.set(1)
        said = asyncio.create_task(self._log.follow(member.command, process.stdout))
        ended = asyncio.create_task(process.wait())
        if not await _first(ended, self._stopping):
            _signal(process, signal.SIGTERM)
            if not await _first(ended, self._killing, self._stopped_within):
                log.error("%s did not end in order and is killed", member.command)
                _signal(process, signal.SIGKILL)
        code = await ended
        del self._running[member]
        up.set(0)
        await said
        return code


async def _first(ended: asyncio.Task[int], told: asyncio.Event, within: float | None = None) -> bool:
    """Whether a process ended before it was told to, and within so many seconds."""
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait((ended, waiting), timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return ended.done()


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended a moment ago
        process.send_signal(number)


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"left with exit code {code}"
