"""Prints what a call of the calendar and of the sketch costs, in nanoseconds: python bench/business_time.py"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from streams.calendar import ALWAYS, Calendar
from streams.instants import DAY, HOUR, parse_instant
from streams.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 200_000
SEED = 1


def main() -> None:
    draw = random.Random(SEED)
    office_hours = {weekday: [(9 * 3600, 12 * 3600), (13 * 3600, 18 * 3600)] for weekday in range(5)}
    office = Calendar("office", "Europe/Berlin", office_hours)
    first = parse_instant("2016-01-01T00:00:00Z")
    starts = [first + draw.randrange(10 * 365 * DAY) for _ in range(1000)]

    began = time.perf_counter_ns()
    office.elapsed(first, first + 11 * 365 * DAY)
    print(f"{'eleven years of a split day laid out':40} {(time.perf_counter_ns() - began) / 1e6:9.1f} ms")

    for calendar in (office, ALWAYS):
        for label, length in (("an hour", HOUR), ("a week", 7 * DAY)):
            ends = [start + draw.randrange(1, 2 * length) for start in starts]
            report(f"{calendar.name} elapsed, about {label}", calendar.elapsed, list(zip(starts, ends, strict=True)))
        for label, budget in (("15 min", HOUR // 4), ("24 h", DAY), ("minus 30 min", -HOUR // 2)):
            report(f"{calendar.name} add {label}", calendar.add, [(start, budget) for start in starts])
        report(f"{calendar.name} next_open", calendar.next_open, [(start,) for start in starts])

    sketch = Sketch()
    durations = [(int(draw.lognormvariate(22, 2)),) for _ in starts]
    report("sketch add", sketch.add, durations)
    began = time.perf_counter_ns()
    sketch.quantile(0.95)
    print(f"{f'sketch quantile over {len(sketch.bins)} bins':40} {(time.perf_counter_ns() - began) / 1e3:9.1f} us")


def report(label: str, call: Callable[..., object], arguments: list[tuple[int, ...]]) -> None:
    rounds = CALLS // len(arguments)
    times = []
    for _ in range(3):
        began = time.perf_counter_ns()
        for _ in range(rounds):
            for given in arguments:
                call(*given)
        times.append((time.perf_counter_ns() - began) / (rounds * len(arguments)))
    print(f"{label:40} {min(times):9.0f} ns")


if __name__ == "__main__":
    main()
