"""Events a second of `slawatch replay` on one core: python bench/replay.py [EVENTS]

Whole processes, start-up included, beside one that only reads the lines and decodes each as JSON.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import load

ROUNDS = 3
DECODE = "import msgspec, sys\nfor line in open(sys.argv[1], 'rb'): msgspec.json.decode(line)"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    with tempfile.TemporaryDirectory() as folder:
        events, policies = Path(folder, "events.jsonl"), Path(folder, "policies.yaml")
        policies.write_text(load.POLICIES)
        with events.open("wb") as file:
            file.writelines(event + b"\n" for _, _, _, event in load.events(count, 1_767_225_600))
        slawatch = str(Path(sys.executable).with_name("slawatch"))
        for _ in range(ROUNDS):
            replay = cpu([slawatch, "replay", str(events), "--policies", str(policies)])
            floor = cpu([sys.executable, "-c", DECODE, str(events)])
            print(
                f"replay {count / replay:9,.0f}   read and decode {count / floor:9,.0f} events per CPU-second",
                flush=True,
            )


def cpu(command: list[str]) -> float:
    """CPU seconds of a process on core 1."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["taskset", "-c", "1", *command], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
