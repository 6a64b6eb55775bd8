"""What a soak measures: the worker's memory and CPU, the disk that it and Kafka use; and how that is drawn."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1_000_000

_WIDTH, _TALL, _LEFT, _ABOVE, _BELOW = 860, 100, 70, 28, 32  # of a chart, in pixels


class Sample(NamedTuple):
    """Seconds since the begin; bytes; CPU seconds."""

    at: float
    memory: int
    state: int
    kafka: int
    cpu: float


@dataclass
class Record:
    """Samples of one process and of two folders."""

    pid: int
    state: Path
    kafka: Path
    begun: float = field(default_factory=time.time)
    samples: list[Sample] = field(default_factory=list)

    @property
    def elapsed(self) -> float:
        """Seconds since the begin."""
        return time.time() - self.begun

    def sample(self) -> Sample:
        """Looks now. Raises OSError where the process is gone."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu = (int(fields[11]) + int(fields[12])) / _TICKS
        memory = int(fields[21]) * _PAGE
        self.samples.append(Sample(self.elapsed, memory, size_of(self.state), size_of(self.kafka), cpu))
        return self.samples[-1]

    def part(self, since: float, until: float) -> list[Sample]:
        """The samples of a part of the run: 0 is its begin, 1 its end."""
        end = self.samples[-1].at
        return [sample for sample in self.samples if since * end <= sample.at <= until * end]

    def memory_growth(self) -> float:
        """The last tenth's median over that of the tenth after the middle, less 1."""
        first, last = (median(sample.memory for sample in self.part(at, at + 0.1)) for at in (0.5, 0.9))
        return last / first - 1

    def disk_growth(self, folder: str) -> float:
        """The peak of the last quarter over that of the second, less 1: what grows is made smaller now and then."""
        before, after = (max(getattr(sample, folder) for sample in self.part(at, at + 0.25)) for at in (0.25, 0.75))
        return float(after / before - 1)


def size_of(folder: Path) -> int:
    """The bytes that its files take on disk; those that vanish while it looks count nothing."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(path) / name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def percentile(values: Iterable[float], q: int) -> float:
    """The q-th of hundred; 0 where there is no value."""
    found = sorted(values)
    return found[0] if len(found) == 1 else quantiles(found, n=100, method="inclusive")[q - 1] if found else 0.0


class Curve(NamedTuple):
    """A chart: its title with the unit, and points of seconds and value."""

    title: str
    points: Sequence[tuple[float, float]]


def drawn(curves: Sequence[Curve]) -> str:
    """The curves one below the other as SVG, over the same time."""
    end = max(at for curve in curves for at, _ in curve.points)
    height = _ABOVE + _TALL + _BELOW
    parts = [_chart(curve, end, number * height) for number, curve in enumerate(curves)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + _LEFT + 20} {height * len(curves)}" '
        'font-family="sans-serif" font-size="12" fill="#444">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{"".join(parts)}</svg>\n'
    )


def _chart(curve: Curve, end: float, top: float) -> str:
    most = max((value for _, value in curve.points), default=0) or 1
    scale = _round_up(most)
    base = top + _ABOVE + _TALL

    def place(at: float, value: float) -> str:
        return f"{_LEFT + at / end * _WIDTH:.1f},{base - value / scale * _TALL:.1f}"

    line = " ".join(place(*point) for point in curve.points)
    marks = "".join(
        f'<text x="{_LEFT - 6}" y="{base - share * _TALL + 4:.0f}" text-anchor="end">{share * scale:g}</text>\n'
        f'<path d="M{_LEFT} {base - share * _TALL:.0f}h{_WIDTH}" stroke="#ddd"/>\n'
        for share in (0, 0.5, 1)
    )
    minutes = "".join(
        f'<text x="{_LEFT + share * _WIDTH:.0f}" y="{base + 16}" fill="#888" text-anchor="middle">'
        f"{share * end / 60:.3g} min</text>\n"
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    return (
        f'<text x="{_LEFT}" y="{top + 14}" font-weight="bold">{curve.title}</text>\n{marks}{minutes}'
        f'<polyline points="{line}" fill="none" stroke="#2b6cb0" stroke-width="1.5"/>\n'
    )


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)
