"""Chance: every random choice of the simulation is one of these few, from one seeded source."""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

_MILLISECOND = 1_000


class Mix(Generic[T]):
    """Values with their shares, which need not sum to one."""

    def __init__(self, shares: Mapping[T, float]) -> None:
        self.values = list(shares)
        self.bounds = list(itertools.accumulate(shares.values()))

    def share(self, value: T) -> float:
        """The share of one value in all, from 0 to 1."""
        i = self.values.index(value)
        return (self.bounds[i] - (self.bounds[i - 1] if i else 0.0)) / self.bounds[-1]


class Draw:
    """A seeded source of chance; durations come in microseconds, whole milliseconds."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)  # noqa: S311  a simulation must repeat itself, it guards no secret
        self.fraction = source.random
        self._normal = source.gauss

    def chance(self, probability: float) -> bool:
        """True with the probability given."""
        return self.fraction() < probability

    def pick(self, mix: Mix[T]) -> T:
        """One of the values of a mix, by their shares."""
        return mix.values[bisect(mix.bounds, self.fraction() * mix.bounds[-1], hi=len(mix.values) - 1)]

    def below(self, count: int) -> int:
        """A whole number from 0 to `count` - 1, each as likely."""
        return int(self.fraction() * count)

    def between(self, low: int, high: int) -> int:
        """A duration between two, each as likely."""
        return _whole(low + (high - low) * self.fraction())

    def around(self, median: float, spread: float = 0.6) -> int:
        """A log-normal duration, as work and answers take: half under the median, a long tail above it."""
        return _whole(median * math.exp(spread * self._normal()))


def _whole(duration: float) -> int:
    return round(duration / _MILLISECOND) * _MILLISECOND
