"""The engines of the rivals' folder on the same broker: their own load, commands, programs and raw floor.

The folder is given by `--rivals`, or `RIVALS`, else ../shared/rivals beside the repository. Nothing is written there:
the programs are compiled in var/bench/rivals, with jars that Maven brings. One thing is changed in them on the way:
the number of events after which they print their counts once more is that of this run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pinned import Pinned

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("RIVALS") or REPOSITORY.parent / "shared" / "rivals")
WORK = REPOSITORY / "var" / "bench" / "rivals"

ENGINES = {"ks": "ks", "flink-rocksdb": "flink", "flink-heap": "flink"}
"""By name: the folder of its program."""

_THEIR_COUNT = "3000000"
_TOPIC, _ALERTS = "tickets-in", "sla-alerts"
_CLEAN = {"PYTHONDONTWRITEBYTECODE": "1"}


class Counts(NamedTuple):
    """What an engine said at its end."""

    events: int
    judged: int
    late: int


class Rivals:
    """The rivals' folder, for runs of so many events."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder.resolve()
        self._count = count

    def build(self) -> None:
        """Brings the jars and compiles. Raises RuntimeError with what went wrong."""
        if not (self._folder / "gen.py").is_file():
            raise RuntimeError(f"no rivals in {self._folder}: give their folder with --rivals or RIVALS")
        for name in sorted(set(ENGINES.values())):
            self._compile(name)

    def preload(self, bootstrap: str) -> None:
        """Puts the load on their topic, by their own generator."""
        _done([sys.executable, self._folder / "gen.py", str(self._count), _TOPIC], WORK, {"BOOT": bootstrap, **_CLEAN})

    def start(self, name: str, app: str, bootstrap: str, state: Path) -> Pinned:
        """Starts an engine, or their `floor`."""
        state.mkdir()
        environment = {
            **os.environ,
            "BOOT": bootstrap, "IN": _TOPIC, "ALERTS": _ALERTS, "APPID": app, "DIR": str(state), "N": str(self._count),
            **_CLEAN,
        }  # fmt: skip
        if name == "floor":
            command = [sys.executable, str(self._folder / "floor.py")]
        else:
            command, more = self._command(name)
            environment |= more
        return Pinned(command, state.with_suffix(".log"), environment, folder=WORK, speaks=True)

    def until_read(self, process: Pinned, limit: float) -> Counts:
        """Waits until it says that it has read all. Raises TimeoutError where it does not within so many seconds."""
        counts = Counts(0, 0, 0)
        for line in process.lines(limit):
            if line.startswith("PROG "):
                counts = Counts(*map(int, line.split()[1:4]))
                process.look(counts.events)
                if counts.events >= self._count:
                    return counts
        raise TimeoutError(f"it read {counts.events:,} of {self._count:,} events\n{process.logged}")

    def _command(self, name: str) -> tuple[list[str], Mapping[str, str]]:
        """As their cmd.sh says, and the variables that it sets."""
        script = 'source "$0/cmd.sh"; engcmd "$1"; echo "$C"; env'
        told = _done(["bash", "-c", script, self._folder, name], WORK, {}).splitlines()
        variables = dict(line.split("=", 1) for line in told[1:] if re.match(r"(PG|BACKEND|VARIANT|STORE)=", line))
        return told[0].split(), variables

    def _compile(self, name: str) -> None:
        folder, classes = WORK / name, WORK / name / "out"
        built = folder / ".built"
        if built.is_file() and built.read_text() == str(self._count):
            return
        built.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "libs" / ".complete").is_file():
            (folder / "pom.xml").write_bytes((self._folder / name / "pom.xml").read_bytes())
            goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=libs"]
            _done(["mvn", "-q", "-B", *goal], folder, {})
            (folder / "libs" / ".complete").touch()
        sources = []
        for source in (self._folder / name / "src" / "main" / "java").glob("*.java"):
            text = source.read_text("utf-8")
            if _THEIR_COUNT not in text:
                raise RuntimeError(f"{source} does not print its counts after {_THEIR_COUNT} events any more")
            sources.append(folder / source.name)
            sources[-1].write_text(text.replace(_THEIR_COUNT, str(self._count)), "utf-8")
        shutil.rmtree(classes, ignore_errors=True)
        _done(["javac", "-nowarn", "-cp", "libs/*", "-d", "out", *sources], folder, {})
        built.write_text(str(self._count))


def _done(command: list[str | Path], folder: Path, environment: Mapping[str, str]) -> str:
    """What it printed. Raises RuntimeError where it failed or took longer than ten minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(str(error)) from error
    if done.returncode:
        raise RuntimeError(f"{command[0]} left with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout
