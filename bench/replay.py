"""Events a second of `slawatch replay` on one core: python bench/replay.py [--events=N]

Whole processes, start-up included, beside one that only reads the lines and decodes each as JSON. Three targets a
ticket, five events a ticket. CPU seconds on core 1, the best and the median of the rounds.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import load
import results

ROUNDS = 5
DECODE = "import msgspec, sys\nfor line in open(sys.argv[1], 'rb'): msgspec.json.decode(line)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500_000)
    count = parser.parse_args().events
    found: dict[str, list[float]] = {"replay": [], "floor": []}
    with tempfile.TemporaryDirectory() as folder:
        events, policies = Path(folder, "events.jsonl"), Path(folder, "policies.yaml")
        policies.write_text(load.POLICIES)
        with events.open("wb") as file:
            file.writelines(event + b"\n" for _, _, _, event in load.events(count, 1_767_225_600))
        slawatch = str(Path(sys.executable).with_name("slawatch"))
        for _ in range(ROUNDS):
            replay = count / cpu([slawatch, "replay", str(events), "--policies", str(policies)])
            floor = count / cpu([sys.executable, "-c", DECODE, str(events)])
            found["replay"].append(replay)
            found["floor"].append(floor)
            print(f"replay {replay:9,.0f}   read and decode {floor:9,.0f} events per CPU-second", flush=True)
    rate, floor = median(found["replay"]), median(found["floor"])
    unit, rounds = "events per CPU-second", {name: [round(one) for one in of] for name, of in found.items()}
    results.write(
        "replay",
        [
            {"what": "replay", "value": round(rate), "unit": unit, "at_least": 80_000, "rounds": rounds["replay"],
             "events": count},
            {"what": "read and decode alone", "value": round(floor), "unit": unit, "rounds": rounds["floor"]},
            {"what": "replay over read and decode", "value": round(rate / floor, 3), "unit": "times"},
        ],
    )  # fmt: skip


def cpu(command: list[str]) -> float:
    """CPU seconds of a process on core 1."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["taskset", "-c", "1", *command], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
