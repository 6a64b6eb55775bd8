"""Keys that lie where a smaller number of partitions put them, and keys that no number put where they lie."""

from __future__ import annotations

import zlib

import pytest
from aiokafka.partitioner import murmur2

from agents.engine.placement import ENOUGH, misplaced, raised_from

KEYS = [b"T-%d" % number for number in range(200)]


def put(keys: list[bytes], count: int) -> list[tuple[bytes, int]]:
    return [(key, (murmur2(key) & 0x7FFFFFFF) % count) for key in keys]


def test_keys_that_lie_right_are_not_misplaced() -> None:
    assert misplaced(put(KEYS, 8), 8) == []


@pytest.mark.parametrize(("before", "now"), [(4, 8), (4, 6), (1, 2), (3, 12), (11, 12)])
def test_the_number_before_is_told_from_the_keys(before: int, now: int) -> None:
    assert raised_from(misplaced(put(KEYS, before), now), now) == before


def test_what_came_after_the_raise_and_a_stray_producer_do_not_hide_it() -> None:
    strays = [(key, zlib.crc32(key) % 8) for key in KEYS[:5]]
    places = put(KEYS[5:120], 4) + put(KEYS[120:], 8) + strays
    assert raised_from(misplaced(places, 8), 8) == 4


def test_another_partitioner_is_no_raise() -> None:
    strays = misplaced([(key, zlib.crc32(key) % 8) for key in KEYS], 8)
    assert len(strays) > len(KEYS) / 2
    assert raised_from(strays, 8) is None


def test_a_handful_of_keys_proves_nothing() -> None:
    strays = misplaced(put(KEYS, 4), 8)
    assert raised_from(strays[: ENOUGH - 1], 8) is None
    assert raised_from(strays[:ENOUGH], 8) is not None
