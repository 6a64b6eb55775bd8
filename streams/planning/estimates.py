"""What several simulations say together: the mean, and how far off it may be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean, stdev
from typing import Final, NamedTuple

# Student's t that 95 % lie within, by degrees of freedom from 1 on; e.g. NIST/SEMATECH e-Handbook, 1.3.6.7.2.
_T: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_T_LARGE: Final = 1.96


class Estimate(NamedTuple):
    """A mean with the half-width of its 95 % confidence interval."""

    mean: float
    give: float | None
    """None for a single simulation, which cannot tell."""


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """Of independent simulations; those that had nothing to say (None) are left out; None where none had."""
    said = [value for value in values if value is not None]
    if not said:
        return None
    if len(said) == 1:
        return Estimate(said[0], None)
    freedom = len(said) - 1
    t = _T[freedom - 1] if freedom <= len(_T) else _T_LARGE
    return Estimate(fmean(said), t * stdev(said) / math.sqrt(len(said)))
