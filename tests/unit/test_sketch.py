"""The quantile sketch: within one per cent, exact to retract, blind to order."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.instants import DAY
from streams.sketch import Sketch
from streams.windows import Cell, CellRow, cell_of

durations = st.one_of(st.integers(0, 300), st.integers(0, 400 * DAY))
samples = st.lists(durations, max_size=60)


def sketch_of(values: list[int]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


def exact(values: list[int], q: float) -> float:
    rank = q * (len(values) - 1)
    low = sorted(values)[int(rank)]
    high = sorted(values)[min(int(rank) + 1, len(values) - 1)]
    return low + (rank - int(rank)) * (high - low)


@given(values=samples.filter(bool), q=st.floats(0, 1))
def test_a_quantile_is_within_a_hundredth(values: list[int], q: float) -> None:
    """Relative to the exact one, ranks interpolated alike."""
    found, true = sketch_of(values).quantile(q), exact(values, q)
    assert found is not None
    assert abs(found - true) <= true / 128 + 1e-6
    assert sketch_of(values).count == len(values)


@given(value=durations)
def test_a_lone_value_is_its_own_quantile(value: int) -> None:
    """Exactly so under 128 microseconds, zero included."""
    found = sketch_of([value]).quantile(0.5)
    assert found == pytest.approx(value, rel=1 / 128)
    assert value >= 128 or found == value


@given(kept=samples, gone=samples, order=st.randoms(use_true_random=False))
def test_what_is_retracted_was_never_there(kept: list[int], gone: list[int], order) -> None:
    """Additions and retractions in any order, a retraction before its addition too."""
    changes = [(value, 1) for value in kept + gone] + [(value, -1) for value in gone]
    order.shuffle(changes)
    sketch = Sketch()
    for value, n in changes:
        sketch.add(value, n)
    assert sketch == sketch_of(kept)


@given(left=samples, right=samples)
def test_merging_is_adding_all(left: list[int], right: list[int]) -> None:
    """With sign -1 it is retracting all, and leaves the other as it was."""
    both, other = sketch_of(left), sketch_of(right)
    both.merge(other)
    assert both == sketch_of(right + left)
    both.merge(other, -1)
    assert both == sketch_of(left)
    assert other == sketch_of(right)


@given(values=samples)
def test_the_sketch_of_a_cell_survives_its_encoding(values: list[int]) -> None:
    cell = Cell()
    for value in values:
        cell.add(met=True, duration=value, n=1)
    again = cell_of(msgspec.msgpack.decode(msgspec.msgpack.encode(cell.row()), type=CellRow))
    assert again == cell
    assert again.durations == sketch_of(values)


@given(value=st.integers(0, 1 << 60))
def test_a_larger_value_is_never_in_a_lower_bin(value: int) -> None:
    """So that ranks of bins are ranks of values."""
    (low,), (high,) = sketch_of([value]).bins, sketch_of([value + 1]).bins
    assert low <= high <= low + 1


def test_no_value_has_no_quantile() -> None:
    """An empty sketch answers None, for one quantile or several."""
    assert Sketch().quantile(0.5) is None
    assert Sketch().quantiles([0.5, 0.9]) is None
    assert Sketch().count == 0


def test_several_quantiles_are_the_single_ones() -> None:
    """One sort serves them all."""
    sketch = sketch_of(list(range(0, 100_000, 37)))
    assert sketch.quantiles([0.5, 0.9, 0.95]) == [sketch.quantile(q) for q in (0.5, 0.9, 0.95)]


def test_nonsense_is_refused() -> None:
    """A negative duration, a quantile beyond 1, a difference asked for its quantile."""
    sketch = sketch_of([5])
    with pytest.raises(ValueError, match="not negative"):
        sketch.add(-1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        sketch.quantile(95)
    sketch.add(7, -1)
    with pytest.raises(ValueError, match="retracted"):
        sketch.quantile(0.5)
