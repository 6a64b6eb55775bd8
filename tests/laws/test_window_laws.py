"""Laws of the measures: windows and queue are those of the final tickets, however the partition came to them."""

from __future__ import annotations

from collections import defaultdict
from statistics import quantiles
from typing import TYPE_CHECKING
from zlib import crc32

from histories import chances, long_ticket, promises
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_time import instant, text_of
from judging import judged
from partitions import Bench, window_view
from strategies import random_policy_file, random_ticket

from agents.lookout import Lookout
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant
from streams.policies import TARGETS
from streams.queue import RISKS
from streams.sketch import Sketch
from streams.windows import ARRIVALS, MEASURES, WINDOWS, Cell, Contribution, Window, Windows

if TYPE_CHECKING:
    from random import Random

    from judge import Event

    from streams.windows import Key

NOW = parse_instant("2026-01-07T12:34:56.789Z")
SHORTER = [
    Window(name, length * MINUTE, step * SECOND)
    for name, length, step in (("5m", 1, 10), ("1h", 2, 20), ("8h", 3, 20), ("24h", 4, 60), ("7d", 5, 60))
]


def crowd(rng: Random, tickets: int, ends: int) -> list[Event]:
    """Many tickets' events, moved so that each one's last event is in the eight days before `ends`."""
    story: list[Event] = []
    for n in range(tickets):
        events = random_ticket(rng, f"T{n}") if rng.random() < 0.95 else long_ticket(rng, f"T{n}", 3)
        if not events:
            continue
        last = max(instant(event["occurred_at"]) for event in events)
        later = ends - last - rng.choice((0, SECOND, 7 * SECOND, MINUTE, 9 * MINUTE, HOUR, 7 * HOUR, DAY, 8 * DAY))
        story += [{**e, "occurred_at": text_of(instant(e["occurred_at"]) + later)} for e in events]
    return story


@settings(max_examples=25)
@given(chances)
def test_windows_and_queue_are_those_of_the_final_tickets_whatever_happened(rng: Random) -> None:
    """Late events, corrections, repeats, reloads, rings, restarts, and time that passes by seconds and by days."""
    bench = Bench(promises(random_policy_file(rng)).policies, NOW)
    events = crowd(rng, 25, NOW + 2 * DAY)
    events.sort(key=lambda event: instant(event["occurred_at"]))
    waiting: list[Event] = []
    for event in events:
        at = instant(event["occurred_at"])
        if rng.random() < 0.1:
            waiting.append(event)
            continue
        if at > bench.now:
            bench.now = at
        bench.put(event)
        if rng.random() < 0.1:
            bench.put(event)
        match rng.randrange(60):
            case 0 | 1 | 2:
                bench.go(rng.choice((0, SECOND, 11 * SECOND, MINUTE, 20 * MINUTE)))
            case 3:
                rng.shuffle(waiting)
                bench.put(*(late for late in waiting if instant(late["occurred_at"]) <= bench.now))
                waiting = []
            case 4:
                bench.reload(promises(random_policy_file(rng)).policies)
            case 5:
                bench.start(derived=rng.random() < 0.5)
            case 6:
                bench.assert_adds_up()
    bench.assert_adds_up()
    while bench.now < NOW + 45 * DAY:
        bench.go(rng.choice((SECOND, 10 * SECOND, 3 * MINUTE, HOUR, 9 * HOUR, DAY, 8 * DAY)))
        bench.assert_adds_up()
    assert not bench.view()["windows"]["7d"]


@settings(max_examples=25)
@given(chances)
def test_what_is_seen_is_what_is_there_however_often_one_looks(rng: Random) -> None:
    """Two partitions whose tickets change, time that passes, partitions that are given up, taken and built anew."""
    policies = promises(random_policy_file(rng)).policies
    benches = [Bench(policies, NOW), Bench(policies, NOW)]
    held = list(benches)
    lookout = Lookout(lambda: [bench.partition for bench in held], lot=rng.choice((1, 10, 1_000)))
    events = crowd(rng, 20, NOW + 2 * DAY)
    events.sort(key=lambda event: instant(event["occurred_at"]))
    for event in events:
        bench = benches[crc32(event["ticket_id"].encode()) % 2]
        for each in benches:
            each.now = max(each.now, instant(event["occurred_at"]))
        bench.put(event)
        match rng.randrange(30):
            case 0 | 1 | 2:
                passed = rng.choice((0, SECOND, 11 * SECOND, MINUTE, 20 * MINUTE, 9 * HOUR))
                for each in benches:
                    each.go(passed)
            case 3:
                bench.start(derived=rng.random() < 0.5)
            case 4:
                held = rng.sample(benches, rng.randrange(3))
            case 5 | 6 | 7:
                assert_seen(lookout, held, bench.now)
    held = list(benches)
    for passed in (0, 10 * SECOND, HOUR, 9 * HOUR, 8 * DAY):
        for each in benches:
            each.now += passed
            each.partition.tick(each.now)
        assert_seen(lookout, held, benches[0].now)
    assert not lookout.look(benches[0].now).windows["7d"]


def assert_seen(lookout: Lookout, held: list[Bench], now: int) -> None:
    """What the lookout says is what the partitions hold, each and all together."""
    whole = lookout.look(now)
    counts: dict[str, dict[Key, Cell]] = {window.name: {} for window in WINDOWS}
    spent: dict[tuple[int, str, str], Cell] = defaultdict(Cell)
    for bench, seen in zip(held, whole.parts, strict=True):
        owner = bench.partition
        assert (seen.number, seen.tickets, seen.orphans) == (owner.number, owner.tickets, owner.orphans)
        assert {where: waiting.states["open"] for where, waiting in seen.queue.items()} == {
            where: line.open for where, line in owner.queue.lines.items()
        }
        for where, waiting in seen.queue.items():
            line = owner.queue.lines[where]
            assert waiting.since == line.oldest()
            assert waiting.risks == {name: line.at_risk(now, within) for name, within in RISKS.items()}
        for window in WINDOWS:
            sums = owner.windows.sums(window)
            assert seen.windows[window.name] == sums
            for key, cell in sums.items():
                counts[window.name].setdefault(key, Cell()).merge(cell, 1)
                if cell.timed:
                    spent[key[0], key[1], window.name].merge(cell, 1)
    assert {
        name: {key: (one.count, one.met, one.timed, one.total) for key, one in sums.items()}
        for name, sums in whole.windows.items()
    } == {
        name: {key: (cell.count, cell.met, cell.timed, cell.total) for key, cell in cells.items()}
        for name, cells in counts.items()
    }
    assert {where: (one.timed, one.total, one.durations) for where, one in whole.spent.items()} == {
        where: (cell.timed, cell.total, cell.durations if where[0] < ARRIVALS else Sketch())
        for where, cell in spent.items()
    }


@settings(max_examples=30)
@given(chances)
def test_windows_count_what_the_independent_judge_finds(rng: Random) -> None:
    promise = promises(random_policy_file(rng))
    bench = Bench(promise.policies, NOW, max_age=rng.choice((HOUR, DAY)))
    events = sorted(crowd(rng, 60, NOW - 2 * SECOND), key=lambda event: instant(event["occurred_at"]))
    bench.put(*events)
    bench.ring()
    by_ticket = defaultdict(list)
    for event in events:
        by_ticket[event["ticket_id"]].append(event)
    clocks = [clock for one in by_ticket.values() for clock in judged(one, promise.rules, NOW - SECOND + 1)]
    for window in WINDOWS:
        for target in TARGETS:
            found = Cell()
            for (measure, *_), cell in bench.partition.windows.sums(window).items():
                if MEASURES[measure] == target:
                    found.merge(cell, 1)
            begins = (NOW // window.step - window.length // window.step + 1) * window.step
            counted = [
                clock
                for clock in clocks
                if clock.target == target
                and clock.verdict in ("met", "breached")
                and begins <= (clock.breached_at if clock.breached_at is not None else clock.stopped_at or 0)
            ]
            elapsed = [clock.elapsed for clock in counted if clock.elapsed is not None]
            assert found.count == len(counted)
            assert found.met == sum(clock.verdict == "met" for clock in counted)
            assert (found.timed, found.total) == (len(elapsed), sum(elapsed))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9 * DAY), st.integers(0, 5), st.integers(0, 9 * DAY)), max_size=60), chances)
def test_windows_after_additions_retractions_and_time_are_those_built_at_the_end(
    given_: list[tuple[int, int, int]], rng: Random
) -> None:
    """All on the windows alone, of any lengths: also clocks judged in the future, and times at the edges of slots."""
    shapes = rng.choice((WINDOWS, SHORTER))
    moving = Windows(NOW, shapes)
    kept: list[tuple[tuple[str, str, str], Contribution]] = []
    for ahead, measure, duration in given_:
        at = NOW + ahead // (10 * SECOND) * (10 * SECOND) - rng.randrange(2) - rng.choice((0, 0, HOUR, DAY))
        where = (rng.choice("ab"), "", "chat")
        item: Contribution = (measure, at, rng.random() < 0.5, duration if rng.random() < 0.8 else None)
        moving.add(where, item)
        kept.append((where, item))
        if rng.random() < 0.4:
            where, item = kept.pop(rng.randrange(len(kept)))
            moving.add(where, item, -1)
        if rng.random() < 0.5:
            moving.advance(moving.now + rng.choice((1, SECOND, 10 * SECOND, MINUTE, 15 * MINUTE, 7 * HOUR, 2 * DAY)))
    built = Windows(moving.now, shapes)
    for where, item in kept:
        built.add(where, item)
    assert window_view(moving) == window_view(built)
    loaded = Windows(moving.now, shapes)
    for step, slots in moving.slots.items():
        for slot, cells in slots.items():
            for key, cell in cells.items():
                loaded.load(step, slot, key, cell)
    assert window_view(loaded) == window_view(built)


@settings(max_examples=100)
@given(st.lists(st.integers(0, 30 * DAY), min_size=2, max_size=300), st.lists(st.integers(0, 30 * DAY), max_size=50))
def test_quantiles_are_within_one_percent_after_anything_was_taken_back(values: list[int], wrong: list[int]) -> None:
    sketch = Sketch()
    for value in (*wrong, *values):
        sketch.add(value)
    for value in wrong:
        sketch.add(value, -1)
    found = sketch.quantiles([0.5, 0.9, 0.95])
    exact = quantiles(values, n=20, method="inclusive")
    assert found is not None
    for ours, theirs in zip(found, (exact[9], exact[17], exact[18]), strict=True):
        assert abs(ours - theirs) <= 0.01 * theirs


def test_changes_are_taken_by_lots_and_what_changes_meanwhile_is_taken_again() -> None:
    windows = Windows(NOW)
    for number in range(40):
        windows.add((f"team-{number}", "low", "chat"), (ARRIVALS, NOW, True, None))
    taken: dict[Key, Cell | None] = {}
    for turn in range(40):
        changes = windows.changes
        (lot,) = (cells for cells in windows.take_changes(15).values() if cells)
        assert len(lot) <= 15
        assert windows.changes == changes - len(lot)
        taken |= lot
        if not windows.changes:
            break
        if turn == 0:
            windows.add(("team-0", "low", "chat"), (ARRIVALS, NOW, True, None))
    assert taken == windows.parts["5m"]
