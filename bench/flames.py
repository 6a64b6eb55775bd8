"""Where the worker's CPU time goes while it reads a backlog as fast as it can, on one core.

py-spy looks at it a hundred times a second, from the other core. A sample counts for the innermost Python function:
what that calls in C (msgspec, RocksDB, zstd, the socket) is its own time. Threads that wait are left out, and so are
the frames that only lead to the work. Opened by itself, the picture shows a frame's share under the mouse.

Run it with `--events=N`, `--seconds=N`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pinned
import results
from loaded import loaded

RATE = 100  # samples a second
SHOWN = 15  # functions
STACKS = 400  # kept for the flame graph, the most frequent

PARTS = {
    "streams/": "streams: what events mean",
    "agents/engine/": "agents/engine: Kafka, RocksDB, order of writes",
    "agents/": "agents: partition, windows kept, boards, metrics",
    "aiokafka/": "aiokafka: records in and out",
    "faust/": "Faust",
    "mode/": "Faust",
}
"""By the beginning of a file's name; the rest is Python's own and smaller libraries."""

_OUTSIDE = ("runpy", "click/", "threading.py", "asyncio/", "concurrent/", "mode/threads.py", "uvloop/", "slawatch")
_OUTSIDE_OURS = ("agents/cli.py", "agents/commands/", "agents/loop.py", "agents/app.py")
"""What only leads to the work: cut off from the outer end of a stack."""
_WAITING = ("selectors.py", "threading.py", "concurrent/futures/thread.py")
_WAITING_OURS = "Engine._watch"
"""Where threads wait; py-spy cannot tell on every kernel."""
_OURS = re.compile(r".*/(?=(?:agents|streams|config)/)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    spy = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    if not Path(spy).exists():
        sys.exit("there is no py-spy: pip install '.[bench]'")
    os.sched_setaffinity(0, {pinned.REST})
    with loaded(options.events) as site, site.worker("flames") as process:
        raw = site.folder / "stacks"
        site.until_begun(process, "flames")
        time.sleep(1)
        command = [spy, "record", "--pid", str(process.pid), "--duration", str(options.seconds)]
        command += ["--rate", str(RATE), "--format", "raw", "--function", "--output", str(raw)]
        subprocess.run(command, check=True, timeout=options.seconds + 60, stdout=subprocess.DEVNULL)
        stacks = read(raw.read_text())
    results.write("flames", rows(stacks), stacks=dict(stacks.most_common(STACKS)))


def read(raw: str) -> Counter[str]:
    """Samples by stack, of lines such as `main (agents/cli.py:12);run (agents/app.py:30) 17`."""
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [_frame(frame) for frame in stack.split(";")]
        name, file = frames[-1]
        if file in _WAITING or name == _WAITING_OURS:
            continue
        begin = next((n for n, (_, file) in enumerate(frames) if not _outside(file)), len(frames) - 1)
        found[";".join(f"{name} ({file})" for name, file in frames[begin:])] += int(samples)
    return found


def rows(stacks: Counter[str]) -> list[dict[str, object]]:
    """Shares by part, then by function."""
    total = stacks.total()
    parts: Counter[str] = Counter()
    own: Counter[str] = Counter()
    with_callees: Counter[str] = Counter()
    for stack, samples in stacks.items():
        frames = stack.split(";")
        own[frames[-1]] += samples
        file = frames[-1].partition(" (")[2]
        label = next((label for begin, label in PARTS.items() if file.startswith(begin)), "Python and the rest")
        parts[label] += samples
        for frame in set(frames):
            with_callees[frame] += samples
    by_part: list[dict[str, object]] = [
        {"part": part, "share of the CPU time": f"{count / total:.0%}"} for part, count in parts.most_common()
    ]
    by_function: list[dict[str, object]] = [
        {
            "function": f"`{frame.partition(' (')[0]}`",
            "in": frame.partition(" (")[2].rstrip(")"),
            "itself": f"{count / total:.1%}",
            "with what it calls": f"{with_callees[frame] / total:.1%}",
        }
        for frame, count in own.most_common(SHOWN)
    ]
    return by_part + by_function


def _frame(text: str) -> tuple[str, str]:
    """Name and file."""
    name, _, place = text.partition(" (")
    return name, _OURS.sub("", place.rstrip(")").rpartition(":")[0] or place.rstrip(")"))


def _outside(file: str) -> bool:
    return file.startswith(_OUTSIDE) or file.startswith(_OUTSIDE_OURS) or file.endswith("/slawatch")


if __name__ == "__main__":
    main()
