"""A process on a core of its own, looked at while it works: what it has done, its CPU seconds and its memory."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENGINE, REST = 1, 0
"""The core of what is measured, and that of everything else."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 30.0  # seconds from SIGTERM to SIGKILL


class Look(NamedTuple):
    """When it was looked at (seconds), how many events it had done with, and the CPU seconds it had used."""

    at: float
    done: int
    cpu: float


class Pace(NamedTuple):
    """Of a part of a run."""

    rate: float
    """Events a second."""
    cpu: float
    """CPU seconds per million events."""


class Pinned:
    """A context manager: the program runs on core `ENGINE` with all that it starts, and is gone afterwards.

    What it prints and logs is in `log`; with `speaks`, what it prints comes from `lines` instead.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str],
        *,
        folder: Path | None = None,
        speaks: bool = False,
    ) -> None:
        self.looks: list[Look] = []
        self.memory = 0
        """MB (a million bytes) that it held at the most when it was last looked at."""
        self._log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                ["taskset", "-c", str(ENGINE), *command],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if speaks else output,
                stderr=output,
                text=True,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._child.stdout is not None:
            self._child.stdout.close()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def logged(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-3000:]

    def lines(self, limit: float) -> Iterator[str]:
        """What it prints, until it ends; it is killed after so many seconds."""
        assert self._child.stdout is not None
        timer = threading.Timer(limit, self.kill)
        timer.start()
        try:
            yield from self._child.stdout
        finally:
            timer.cancel()

    def look(self, done: int) -> None:
        """Notes how far it is. Raises RuntimeError where it has left by itself."""
        if self._child.poll() is not None:
            raise RuntimeError(f"{self._child.args!r} left with {self._child.returncode}:\n{self.logged}")
        self.looks.append(Look(time.monotonic(), done, self.cpu()))
        status = _proc(self.pid, "status").splitlines()
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        self.memory = peak * 1024 // 1_000_000

    def cpu(self) -> float:
        """CPU seconds, its children's included."""
        fields = _proc(self.pid, "stat").rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / _TICKS

    def second_half(self) -> Pace:
        """The pace in the later half of the time from the first event to the last, as the rivals' folder counts."""
        looks = [look for look in self.looks if look.done]
        if len(looks) < 4:
            raise RuntimeError(f"{len(looks)} looks are too few: more events are needed\n{self.logged}")
        half = looks[0].at + (looks[-1].at - looks[0].at) / 2
        first, last = next(look for look in looks if look.at >= half), looks[-1]
        done = last.done - first.done
        if not done:
            raise RuntimeError(f"nothing was done in the second half\n{self.logged}")
        return Pace(done / (last.at - first.at), (last.cpu - first.cpu) / done * 1e6)

    def stop(self) -> None:
        """SIGTERM, and wait until it is gone."""
        self._child.terminate()
        self._child.wait(_PATIENCE)

    def kill(self) -> None:
        """SIGKILL to all of it; nothing happens where it is gone."""
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()
