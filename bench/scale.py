"""From one worker's figures to 1,000,000 events/s and 100,000,000 open tickets: the tables of docs/scale.md.

    python bench/scale.py                        # the tables again, from var/bench/*.json and scale_figures.json
    python bench/scale.py --probe                # what needs no server is measured again before that, in seconds
    python bench/scale.py --keep                 # what it went by becomes scale_figures.json, to be checked in
    python bench/scale.py --show cpu=25 lanes=4  # other figures and assumptions, to standard output alone

Arithmetic is `scale_plan`, the group `scale_group`, recovery `scale_recovery`. It takes a few seconds of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import results
from scale_group import Group, Lean, Rebalance, Rolling, rolling
from scale_measured import FIGURES, PROBE, Figure, Measured, figures, measured
from scale_plan import SIZES, Assumed, Limit, Plan, cost, limits, plan
from scale_recovery import NEVER, Change, Outage, Speeds, caught_up, caught_up_by_formula, outage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
BEGINS, ENDS = "<!-- {}: written by python bench/scale.py -->", "<!-- end of {} -->"
RESTARTED = 3  # workers that are restarted one after the other


class Simulated(NamedTuple):
    """One size's group, and what a death in it does."""

    plan: Plan
    group: Rebalance
    """After one worker is gone."""
    lean: Rebalance
    """The same with members that are told their own partitions only."""
    zone: Rebalance
    """After a zone is gone."""
    joined: Rebalance
    """After one more worker has come."""
    rolling: Rolling
    outages: Mapping[str, tuple[Outage, Outage]]
    """By what happens: with the open tickets alone, and with the done ones that are kept."""


def simulated(of: Plan, known: Measured, assumed: Assumed) -> Simulated:
    """The real assignor, then recovery with what it gave to whom."""
    everybody = range(of.workers)
    whole = Group(of.partitions)
    before = whole.join(everybody)
    one_less = whole.leave([0])
    lean = Group(of.partitions, Lean)
    lean.join(everybody)
    lean_less = lean.leave([0])
    lean.join([0])
    rolled = rolling(lean, min(RESTARTED, of.workers))
    joined = lean.join([of.workers])
    # A zone has its share of the workers, rounded up; of two workers it has one.
    gone = range(-(-of.workers // assumed.zones))
    zoned = Group(of.partitions, Lean)
    zone_before = zoned.join(everybody)
    zone = zoned.leave(gone)
    speeds = Speeds(
        assign=one_less.leader,
        opening=known.opening,
        restore=(known.load_cpu + known.replay_cpu) / 1e6,
        event=known.cpu / 1e6,
    )
    cases = {
        "a worker is stopped by SIGTERM": (changes(before, one_less), True),
        "a worker dies": (changes(before, one_less), False),
        "a zone dies": (changes(zone_before, zone), False),
    }
    events = of.size.events / of.partitions

    def both(change: Mapping[int, Change], *, planned: bool) -> tuple[Outage, Outage]:
        few, many = (
            outage(change, events, tickets / of.partitions, speeds, planned=planned)
            for tickets in (of.size.open, of.kept)
        )
        return few, many

    outages = {what: both(change, planned=planned) for what, (change, planned) in cases.items()}
    return Simulated(of, one_less, lean_less, zone, joined, rolled, outages)


def changes(before: Rebalance, after: Rebalance) -> dict[int, Change]:
    """What each survivor keeps, and what is new to it."""
    return {
        worker: Change(len(mine & before.owned[worker]), len(mine - before.owned[worker]))
        for worker, mine in after.owned.items()
    }


# Tables


def tables(found: Mapping[str, Figure], assumed: Assumed) -> dict[str, str]:
    """By the name of its place in the page."""
    known = measured(found)
    all_ = [simulated(plan(size, known, assumed), known, assumed) for size in SIZES]
    plans = [one.plan for one in all_]
    costs = [cost(of, assumed) for of in plans]
    return {
        "limits": _limits([_used_up(one, assumed) for one in all_]),
        "sizes": _sizes(plans, assumed),
        "cost": _table(_heads(plans), [(what, [_money(row[what]) for row in costs]) for what in costs[0]]),
        "group": _group(all_),
        "recovery": _recovery(all_, known),
        "measured": _table(
            ["figure", "", "value", "from"],
            [(one.name, [one.metadata["means"], *_origin(found[one.name])]) for one in fields(Measured)],
        ),
        "assumed": _assumed(assumed),
    }


def _used_up(one: Simulated, assumed: Assumed) -> list[Limit]:
    few, many = one.outages["a worker dies"]
    return limits(one.plan, assumed, one.group.kept, one.group.leader, (few.open, many.open))


def _limits(by_size: Sequence[Sequence[Limit]]) -> str:
    rows = sorted(zip(*by_size, strict=True), key=lambda row: -row[-1].share)
    return _table(
        ["used up, as a share of the limit", *(size.name for size in SIZES), "the limit"],
        [(row[0].what, [*(_share(limit.share) for limit in row), row[0].limit]) for row in rows],
    )


def _sizes(plans: Sequence[Plan], assumed: Assumed) -> str:
    rows: list[tuple[str, Callable[[Plan], str]]] = [
        ("workers, one core each", lambda p: f"{p.workers:,}"),
        ("partitions of each topic", lambda p: f"{p.partitions:,}"),
        ("events that a lane reads at a time", lambda p: f"{p.portion:,.0f}"),
        ("memory, open tickets", lambda p: _bytes(p.memory)),
        ("done tickets kept until the retention is over", lambda p: _number(p.done)),
        ("memory on top, for those", lambda p: _bytes(p.memory_done)),
        ("workers' disks", lambda p: _bytes(p.local_disk)),
        ("input", lambda p: f"{_bytes(p.input)}/s"),
        ("changelog", lambda p: f"{_bytes(p.changelog)}/s"),
        ("ledger", lambda p: f"{_bytes(p.ledger)}/s"),
        ("brokers (what their number follows from)", lambda p: f"{p.brokers:,} ({p.brokers_by})"),
        ("replicas of partitions", lambda p: f"{p.replicas:,}"),
        ("Kafka's disks after a month", lambda p: _bytes(p.kafka_disk)),
        ("of that, the ledger, for ever", lambda p: _bytes(p.ledger_month)),
        ("alerts", lambda p: f"{_number(p.alerts)}/s"),
        ("boards to Redis", lambda p: f"{p.partitions:,} keys/s, {_bytes(p.boards)}/s"),
        ("Redis' memory", lambda p: _bytes(p.redis_memory)),
        ("Prometheus: series, samples", lambda p: f"{_number(p.series)}, {_number(p.series / assumed.scrape_every)}/s"),
        ("questions where the input ends", lambda p: f"{_number(p.asks)}/s"),
        ("fetches, at most", lambda p: f"{_number(p.fetches)}/s"),
        ("answers about partitions' numbers", lambda p: f"{_bytes(p.polls)}/s"),
        ("offsets committed, on one broker", lambda p: f"{_number(p.commits)}/s"),
    ]
    return _table(_heads(plans), [(what, [show(of) for of in plans]) for what, show in rows])


def _group(all_: Sequence[Simulated]) -> str:
    rows: list[tuple[str, Callable[[Simulated], str]]] = [
        ("workers, partitions", lambda s: f"{s.plan.workers:,}, {s.plan.partitions:,}"),
        ("the leader's work", lambda s: _seconds(s.group.leader)),
        ("what the leader is sent", lambda s: _bytes(s.group.joining)),
        ("the record that keeps the group", lambda s: _bytes(s.group.kept)),
        ("the same, each told its own only", lambda s: _bytes(s.lean.kept)),
        ("moved when a worker dies (it had)", lambda s: f"{s.group.moved} ({_had(s)})"),
        ("moved when a zone dies", lambda s: f"{s.zone.moved} of {s.plan.partitions}"),
        ("moved when one more joins (it gets)", lambda s: f"{s.joined.moved} ({len(s.joined.owned[s.plan.workers])})"),
        ("moved when a worker is restarted", lambda s: f"{s.rolling.moved:.1f} x its own"),
        ("of those, on the new owner's disk", lambda s: f"{s.rolling.from_disk:.0%}"),
    ]
    return _table(_heads(one.plan for one in all_), [(what, [show(one) for one in all_]) for what, show in rows])


def _had(of: Simulated) -> str:
    each, more = divmod(of.plan.partitions, of.plan.workers)
    return f"{each}-{each + 1}" if more else str(each)


def _recovery(all_: Sequence[Simulated], known: Measured) -> str:
    rows = []
    for what in all_[0].outages:
        for name, show in (
            ("other lanes stand for, at most", lambda few, _: _seconds(few.stop)),
            ("**in time after**", lambda few, _: f"**{_seconds(few.back)}**"),
            ("in time, done tickets kept too", lambda _, many: _seconds(many.back)),
        ):
            rows.append((f"{what}: {name}", [show(*one.outages[what]) for one in all_]))
    checks = []
    for one in all_:
        rate = one.plan.size.events / one.plan.partitions
        lanes = [(rate, 15.0)] * -(-one.plan.partitions // one.plan.workers)
        stepped, formula = (how(lanes, known.cpu / 1e6) for how in (caught_up, caught_up_by_formula))
        checks.append(f"{_seconds(stepped)}, {_seconds(formula)}")
    rows.append(("15 s of backlog worked off: simulated, by formula", checks))
    return _table(_heads(one.plan for one in all_), rows)


def _assumed(assumed: Assumed) -> str:
    """Two a line."""
    cells = [[one.name, one.metadata["means"], _plain(getattr(assumed, one.name))] for one in fields(Assumed)]
    half = -(-len(cells) // 2)
    rows = [
        (left[0], [*left[1:], *right]) for left, right in zip_longest(cells[:half], cells[half:], fillvalue=[""] * 3)
    ]
    return _table(["assumption", "", "value"] * 2, rows)


def _heads(plans: Iterable[Plan]) -> list[str]:
    return ["", *(of.size.name for of in plans)]


def _table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join([what, *cells])} |" for what, cells in rows)])


def _share(share: float) -> str:
    text = f"{share:,.0f}" if share >= 10 else f"{share:.2g}" if share >= 0.01 else "under 0.01"
    return f"**{text}**" if share >= 1 else text


def _origin(figure: Figure) -> tuple[str, str]:
    return _plain(figure.value), figure.source


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2g}" if value < 1e-3 else f"{value:g}"


def _money(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _seconds(seconds: float) -> str:
    if seconds >= NEVER:
        return "over an hour"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1e3:.2g} ms"


def _bytes(number: float) -> str:
    for size, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 1000 * size else f"{number / size:,.0f} {unit}"
    return f"{number / 1e3:.3g} kB"


def _number(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{number:,.3g}" if number < 1000 else f"{number:,.0f}"


def written(page: str, parts: Mapping[str, str]) -> str:
    """The page with its tables between their marks. Raises ValueError where a mark is missing."""
    for name, text in parts.items():
        before, begins, rest = page.partition(BEGINS.format(name))
        _, ends, after = rest.partition(ENDS.format(name))
        if not begins or not ends:
            raise ValueError(f"the page has no place for {name}")
        page = f"{before}{begins}\n{text}\n{ends}{after}"
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probe", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--show", nargs="*", metavar="NAME=VALUE")
    asked = parser.parse_args()
    if asked.probe:
        from scale_probe import probe  # noqa: PLC0415 - a second of imports that the tables do not need

        results.write(PROBE, probe())
    other = {name: float(value) for name, _, value in (pair.partition("=") for pair in asked.show or ())}
    whole = {field.name for field in fields(Assumed) if field.type == "int"}
    assumptions = {name: other.pop(name) for name in list(other) if hasattr(Assumed, name)}
    assumed = replace(Assumed(), **{n: int(v) if n in whole else v for n, v in assumptions.items()})  # type: ignore[arg-type]  # by name
    found = figures(other)
    if asked.keep:
        FIGURES.write_text(json.dumps({name: row._asdict() for name, row in sorted(found.items())}, indent=1) + "\n")
    parts = tables(found, assumed)
    if asked.show is not None:
        print("\n\n".join(f"{name}\n\n{text}" for name, text in parts.items()))
        sys.exit()
    PAGE.write_text(written(PAGE.read_text("utf-8"), parts), "utf-8")
    print(f"{PAGE.name}: {len(parts)} tables")


if __name__ == "__main__":
    main()
