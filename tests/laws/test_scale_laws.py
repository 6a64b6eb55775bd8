"""What holds for the simulations behind docs/scale.md, whatever the size: of the group, and of recovery."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from scale_group import Group, Lean, Rebalance, rolling
from scale_recovery import NEVER, Change, Speeds, caught_up, caught_up_by_formula, outage

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW = settings(max_examples=40, deadline=None)
workers = st.integers(1, 9)
partitions = st.integers(1, 40)
rates = st.floats(1, 500)
ages = st.floats(2, 60)

# The group


def assert_shared(after: Rebalance, partitions: int) -> None:
    owned = [partition for mine in after.owned.values() for partition in mine]
    assert sorted(owned) == list(range(partitions))
    even, odd = divmod(partitions, len(after.owned))
    each = [len(mine) for mine in after.owned.values()]
    assert max(each) <= even + (odd > 0)
    assert min(each) == even or odd


@FEW
@given(partitions, st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=6))
def test_each_partition_has_one_owner_and_nobody_more_than_its_share(
    partitions: int, story: Sequence[tuple[bool, int]]
) -> None:
    group = Group(partitions)
    assert_shared(group.join([100]), partitions)
    for joins, number in story:
        if joins and number not in group.workers:
            assert_shared(group.join([number]), partitions)
        elif len(group.workers) > 1:
            assert_shared(group.leave([group.workers[number % len(group.workers)]]), partitions)


@FEW
@given(st.integers(2, 9), st.integers(1, 5))
def test_what_a_dead_one_had_moves_and_little_else(count: int, lanes: int) -> None:
    group = Group(count * lanes)
    before = group.join(range(count))
    after = group.leave([0])
    lost = before.owned[0]
    moved = {p for worker, mine in after.owned.items() for p in mine - before.owned[worker]}
    assert lost <= moved
    assert len(moved) == after.moved
    # Faust evens out to the smaller share, and gives the rest round: at most one of each survivor.
    assert len(moved) <= len(lost) + count - 1


@FEW
@given(st.integers(2, 9), partitions)
def test_who_is_told_its_own_partitions_only_is_given_the_same(count: int, partitions: int) -> None:
    whole, lean = Group(partitions), Group(partitions, Lean)
    for step in (lambda group: group.join(range(count)), lambda group: group.leave([1]), lambda group: group.join([1])):
        one, other = step(whole), step(lean)
        assert one.owned == other.owned
        assert other.kept <= one.kept


def test_a_joiner_gets_little_where_the_numbers_do_not_divide_and_the_others_swap() -> None:
    group = Group(32)
    group.join(range(8))
    after = group.join([8])
    assert len(after.owned[8]) == 1  # of three or four
    assert after.moved >= 8  # each of the others gave one up, and most have another for it


def test_a_rebalance_without_cause_moves_nothing_and_a_restart_twice_what_the_worker_had() -> None:
    alone = Group(12)
    alone.join([0])
    assert alone.join([]).moved == 0
    crowd = Group(32)
    crowd.join(range(8))
    restarted = rolling(crowd, 1)
    assert restarted.moved == 2  # away, and as many to it: hardly its own
    assert restarted.from_disk < 1


# Recovery


@FEW
@given(rates, ages, st.integers(1, 8), st.floats(0.05, 0.9))
def test_catching_up_takes_as_long_as_the_formula_says(rate: float, age: float, count: int, load: float) -> None:
    lanes, event = [(rate, age)] * count, load / (rate * count)
    formula = caught_up_by_formula(lanes, event)
    portion = max(1, int(rate / 50))
    stepped = caught_up(lanes, event, portion=portion)
    # It comes in steps: a round over the lanes, in which the speed that is left gains so much less.
    assert stepped == pytest.approx(formula, abs=2 * portion * count * event / (1 - load))


@FEW
@given(st.lists(st.tuples(st.floats(20, 500), ages), min_size=1, max_size=6), st.floats(0.05, 0.8))
def test_the_whole_backlog_takes_as_long_whatever_the_turns_are(lanes: list[tuple[float, float]], load: float) -> None:
    event = load / sum(rate for rate, _ in lanes)
    formula = caught_up_by_formula(lanes, event, late=0.0)
    for portion in (1, 7):
        stepped = caught_up(lanes, event, late=0.05, portion=portion)
        # The last of it is left standing: 0.05 s of input, over the speed that is left.
        assert stepped == pytest.approx(formula, rel=0.02, abs=0.5)


def test_who_cannot_keep_up_is_never_in_time() -> None:
    lanes = [(1000.0, 10.0)] * 4
    assert caught_up(lanes, 1 / 3900) == caught_up_by_formula(lanes, 1 / 3900) == NEVER


@FEW
@given(workers, st.integers(0, 8), st.integers(0, 8), st.floats(0.1, 5), st.floats(1, 1e5), st.integers(0, 99))
def test_nothing_comes_before_its_cause_and_a_longer_session_delays_it_all(
    count: int, kept: int, new: int, opening: float, tickets: float, seed: int
) -> None:
    changes = {worker: Change(kept, new) for worker in range(count)}
    short = outage(changes, 10, tickets, Speeds(session=6, opening=opening), seed)
    long = outage(changes, 10, tickets, Speeds(session=30, opening=opening), seed)
    planned = outage(changes, 10, tickets, Speeds(session=6, opening=opening), seed, planned=True)
    for one in (short, long, planned):
        assert 0 < one.known < one.stopped < one.open <= one.back
        assert opening <= one.stop <= one.open
    assert 5 <= short.known <= 6
    assert short.open <= long.open
    assert planned.open <= short.open


@FEW
@given(st.floats(1e-6, 1e-4), st.floats(1e-6, 1e-4))
def test_faster_restoring_is_never_later(one: float, other: float) -> None:
    changes = {worker: Change(4, 1) for worker in range(4)}
    fast, slow = (
        outage(changes, 100, 50_000, Speeds(restore=each)).back for each in (min(one, other), max(one, other))
    )
    assert fast <= slow
