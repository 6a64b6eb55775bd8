"""Laws of the wake-ups: the earliest first, each key once and at its newest instant, nothing left of the old ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.wakeups import Wakeups
from streams.instants import MINUTE, SECOND

keys = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])
instants = st.integers(0, 10).map(lambda n: n * MINUTE // 2) | st.integers(0, 5 * MINUTE)
steps = st.lists(st.tuples(keys, st.none() | instants) | st.sampled_from(["pop", "next"]), max_size=60)


@given(steps)
def test_it_is_a_map_whose_least_value_comes_first(steps: list[tuple[bytes, int | None] | str]) -> None:
    wakeups, plain = Wakeups(), dict[bytes, int]()
    for step in steps:
        if not isinstance(step, str):
            key, at = step
            wakeups.set(key, at)
            plain.pop(key, None)
            if at is not None:
                plain[key] = at
            continue
        earliest = wakeups.next()
        assert earliest == min(plain.values(), default=None)
        if step == "pop" and earliest is not None:
            assert plain.pop(wakeups.pop()) == earliest
    while (earliest := wakeups.next()) is not None:
        assert earliest == min(plain.values())
        assert plain.pop(wakeups.pop()) == earliest
    assert not plain
    assert not len(wakeups)


@given(steps, st.integers(1, 6), instants)
def test_the_first_are_those_of_a_sorted_map_and_looking_changes_nothing(
    steps: list[tuple[bytes, int | None] | str], most: int, before: int
) -> None:
    wakeups, plain = Wakeups(), dict[bytes, int]()
    for step in steps:
        if not isinstance(step, str):
            wakeups.set(*step)
            plain.pop(step[0], None)
            if step[1] is not None:
                plain[step[0]] = step[1]
        elif wakeups.next() is not None and step == "pop":
            del plain[wakeups.pop()]
        ours = wakeups.first(most, before)
        assert ours == sorted((at, key) for key, at in plain.items() if at < before)[:most]
        assert wakeups.first(most, before) == ours
    assert wakeups.next() == min(plain.values(), default=None)


def test_a_key_moved_among_later_minutes_leaves_nothing_behind() -> None:
    wakeups = Wakeups()
    for n in range(1000):
        wakeups.set(b"first", SECOND)
        assert wakeups.next() == SECOND
        wakeups.set(b"moved", (n + 2) * MINUTE)
    assert len(wakeups) == 2
