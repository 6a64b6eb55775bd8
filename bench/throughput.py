"""How many events a second one core takes: the worker beside Kafka Streams, Flink and two raw floors, in one run.

The events, two million by default, lie in Kafka before anything starts: those of the rivals' generator, and the same
ones, drawn from the same seed, as the contract has them on its topics. Then one engine after the other reads all of
it, in turns, by default twice.
What is measured has core 1 for itself; broker, Redis and the harness share core 0. Counted is the second half of the
time from the first event to the last; where an engine was measured more than once, the median is shown.

- **slawatch** does all that it does in production: three targets a ticket, deduplication and order by history, rolling
  windows, the ledger, boards to Redis every second, RocksDB, a changelog with checksums. An event counts once it is
  applied, the last of them once all offsets are committed, which is after everything that follows is acknowledged.
- **The rivals** do a part of that: one timer and the counts of a minute. Of them an event counts once it is processed.
- **The floors** have no timers: they read, decode, keep a value a ticket in memory and write it to a changelog in
  batches. The rivals' floor reads one topic and does the rivals' arithmetic; ours reads the contract's topics.

After each run the ledger is read and compared with what the load means: every ticket, every stopped clock's verdict,
and an alert, just one, for every breach. The rivals' own counts are compared with it too.

Run it with `--events=N`, `--rounds=N`, `--rivals=FOLDER`, `--alone` for slawatch and our floor only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pinned
import results
import rivals
from loaded import loaded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loaded import Loaded

OURS = "slawatch"
LABELS = {
    OURS: ("slawatch worker", "RocksDB + changelog"),
    "ks": ("Kafka Streams 4.1", "RocksDB + changelog"),
    "flink-rocksdb": ("Flink 2.0", "RocksDB, checkpoints of 5 s"),
    "flink-heap": ("Flink 2.0", "heap, checkpoints of 5 s"),
    "floor": ("rivals' floor", "dict + changelog"),
    "our-floor": ("our floor", "dict + changelog"),
}
"""By engine: its name and where it keeps its state, in the order in which they run and are shown."""

TO_REACH = {"ks": "over 1", "flink-rocksdb": "over 1", "flink-heap": "", "floor": "0.50", "our-floor": "0.50"}

_COUNTS_OFF = 1  # Flink prints its last counts before the last event


@dataclass
class Run:
    """An engine's run over the load. `alarms`: CPU seconds per million from its start until all alerts are out."""

    pace: pinned.Pace
    memory: int
    judged: int | None = None
    late: int | None = None
    alarms: float = 0.0
    alerts: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rivals", type=Path, default=rivals.FOLDER, help="folder of the rivals")
    parser.add_argument("--alone", action="store_true", help="without the rivals")
    options = parser.parse_args()
    os.sched_setaffinity(0, {pinned.REST})
    others = None if options.alone else rivals.Rivals(options.rivals, options.events)
    if others is not None:
        say("compiling the rivals")
        others.build()
    say(f"{options.events:,} events on their way to Kafka")
    with loaded(options.events) as site:
        if others is not None:
            others.preload(site.bootstrap)
        names = [name for name in LABELS if others is not None or name in (OURS, "our-floor")]
        runs: dict[str, list[Run]] = {name: [] for name in names}
        for number in range(options.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                runs[name].append(run(name, number, site, others))
                say(_said(name, runs[name][-1]))
        rows = [*ratios(runs), *engines(runs), *checked(site, runs)]
    results.write("throughput", rows, bars=bars(runs))


def run(name: str, number: int, site: Loaded, others: rivals.Rivals | None) -> Run:
    """One engine, from its start on nothing to the end of the load. Raises RuntimeError where it judged otherwise."""
    app = f"{name}-{number}"
    try:
        if name == OURS:
            return _ours(app, site)
        if name == "our-floor":
            with site.floor(app) as process:
                site.until_read(process, app)
                return Run(process.second_half(), process.memory)
        assert others is not None
        with others.start(name, app, site.bootstrap, site.folder / app) as process:
            counts = others.until_read(process, site.limit)
            for what, found, meant in (
                ("judged", counts.judged, site.meaning.judged),
                ("late", counts.late, site.meaning.late),
            ):
                if abs(found - meant) > _COUNTS_OFF:
                    raise RuntimeError(f"{name} {what} {found}, and the load means {meant}")
            return Run(process.second_half(), process.memory, counts.judged, counts.late)
    finally:
        shutil.rmtree(site.folder / app, ignore_errors=True)


def _ours(app: str, site: Loaded) -> Run:
    begins = site.ends()
    with site.worker(app) as process:
        site.until_worked(process, app)
        pace, memory = process.second_half(), process.memory
        site.until_told(begins)
        alarms = process.cpu() / site.count * 1e6
        process.stop()
    outcome = site.outcome(begins)
    return Run(pace, memory, outcome.judged, outcome.late, alarms, outcome.alerts)


def ratios(runs: Mapping[str, Sequence[Run]]) -> list[dict[str, object]]:
    """What the worker does of what another does, each pair of the same round."""
    rows: list[dict[str, object]] = []
    for name, others in runs.items():
        if name == OURS:
            continue
        pairs = list(zip(runs[OURS], others, strict=True))
        speeds = [ours.pace.rate / other.pace.rate for ours, other in pairs]
        cpus = [other.pace.cpu / ours.pace.cpu for ours, other in pairs]
        rows.append(
            {
                "slawatch beside": ", ".join(LABELS[name]),
                "events a second, ratio": f"{median(speeds):.2f}",
                "to reach": TO_REACH[name],
                "events a CPU second, ratio": f"{median(cpus):.2f}",
                "rounds": "; ".join(f"{speed:.2f}" for speed in speeds),
            }
        )
    return rows


def engines(runs: Mapping[str, Sequence[Run]]) -> list[dict[str, object]]:
    """What each does."""
    return [
        {
            "engine": LABELS[name][0],
            "state": LABELS[name][1],
            "events a second": round(median(one.pace.rate for one in of_one)),
            "rounds": "; ".join(f"{one.pace.rate:,.0f}" for one in of_one),
            "CPU-s per million": f"{median(one.pace.cpu for one in of_one):.1f}",
            "RSS MB": max(one.memory for one in of_one),
            "judged": of_one[-1].judged,
            "tickets answered late": of_one[-1].late,
        }
        for name, of_one in runs.items()
    ]


def checked(site: Loaded, runs: Mapping[str, Sequence[Run]]) -> list[dict[str, object]]:
    """How large the load is, what of slawatch was compared with it, and its cost."""
    meaning = site.meaning
    facts = {
        "events": meaning.events,
        "tickets": meaning.tickets,
        "bytes of an event on the contract's topics": round(meaning.bytes / meaning.events),
        "verdicts in the ledger, each as the load means": sum(meaning.verdicts.values()),
        "of them breached": meaning.breached,
        "alerts of breaches, those of clocks that still ran at the end included": runs[OURS][-1].alerts,
        "CPU-s per million events": round(median(one.pace.cpu for one in runs[OURS]), 2),
        "CPU-s per million events, start and alerts included": round(median(one.alarms for one in runs[OURS]), 2),
    }
    return [{"what": name, "value": value} for name, value in facts.items()]


def bars(runs: Mapping[str, Sequence[Run]]) -> list[dict[str, object]]:
    """For the plots: a bar for each engine."""
    labels = {name: f"{LABELS[name][0]}, {LABELS[name][1].split(',')[0].split(' +')[0]}" for name in runs}
    speeds = [[labels[name], median(one.pace.rate for one in of_one)] for name, of_one in runs.items()]
    cpus = [[labels[name], median(one.pace.cpu for one in of_one)] for name, of_one in runs.items()]
    return [
        {"title": "Events a second on one core", "values": speeds},
        {"title": "CPU seconds per million events", "values": cpus},
    ]


def _said(name: str, one: Run) -> str:
    return f"{name:14} {one.pace.rate:9,.0f} events/s {one.pace.cpu:7.1f} CPU-s per million, RSS {one.memory} MB"


def say(text: str) -> None:
    """Progress, to standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
