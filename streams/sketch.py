"""A quantile sketch that can take back what it was given: counts of values in bins as wide as the value is large."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

# A value's leading 7 bits name its bin: 64 bins for each power of two, and one for each value under 128. They are
# found by shifts alone, so that every machine retracts a value from the bin that it was added to.
_BITS: Final = 7
_BINS_PER_OCTAVE: Final = 64


class Sketch:
    """How many non-negative int values (durations in microseconds) lie in each bin.

    A quantile is within 1/128 of the exact one. Adding and retracting commute: sketches of the same values are
    equal, however they came about, and one from which more was retracted than added is the difference of two. Bins
    are laid out as in HdrHistogram (hdrhistogram.org): octaves, each cut into equal parts.
    """

    __slots__ = ("bins",)

    def __init__(self) -> None:
        self.bins: dict[int, int] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and self.bins == other.bins

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.bins.values())

    def add(self, value: int, n: int = 1) -> None:
        """Count `value` n times more; a negative n retracts. Raises ValueError for a negative value."""
        if value < 0:
            raise ValueError(f"a duration is not negative: {value}")
        octave = value.bit_length() - _BITS
        place = value if octave <= 0 else octave * _BINS_PER_OCTAVE + (value >> octave)
        held = self.bins.get(place, 0) + n
        if held:
            self.bins[place] = held
        else:
            self.bins.pop(place, None)

    def merge(self, other: Sketch, sign: int = 1) -> None:
        """Add all values of `other`, or retract them with sign -1."""
        for place, n in other.bins.items():
            held = self.bins.get(place, 0) + sign * n
            if held:
                self.bins[place] = held
            else:
                self.bins.pop(place, None)

    def quantile(self, q: float) -> float | None:
        """The q-quantile in microseconds; see `quantiles`."""
        found = self.quantiles([q])
        return found[0] if found else None

    def quantiles(self, qs: Sequence[float]) -> list[float] | None:
        """The quantiles (0 to 1) in microseconds, linear between ranks; None where there is no value.

        Type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996. Raises ValueError for a q
        outside 0 to 1, and where more was retracted than added.
        """
        if not all(0 <= q <= 1 for q in qs):
            raise ValueError(f"quantiles are from 0 to 1: {qs}")
        if any(n < 0 for n in self.bins.values()):
            raise ValueError("more values were retracted than added")
        if not self.bins:
            return None
        places = sorted(self.bins)
        up_to = list(accumulate(self.bins[place] for place in places))

        def ranked(rank: int) -> float:
            return _middle(places[bisect_right(up_to, rank)])

        found = []
        for q in qs:
            rank, part = divmod(q * (up_to[-1] - 1), 1)
            low = ranked(int(rank))
            found.append(low + part * (ranked(int(rank) + 1) - low) if part else low)
        return found


def _middle(place: int) -> float:
    """The middle of a bin's values."""
    octave = max(place // _BINS_PER_OCTAVE - 1, 0)
    return ((place - octave * _BINS_PER_OCTAVE) << octave) + ((1 << octave) - 1) / 2
