"""Gauges as text for Prometheus: to the byte as the library writes it; a line is made anew where its value changed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client.core import Metric


class Family(NamedTuple):
    """A gauge: its name, what it means, and its labels."""

    name: str
    meaning: str
    labels: tuple[str, ...]

    def of(self, rows: Mapping[tuple[str, ...], float]) -> Metric:
        """The family with these values, by the labels' values."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for values, value in rows.items():
            family.add_metric(values, value)
        return family


Rows = tuple[Family, "Mapping[tuple[str, ...], float]"]
"""A gauge's values, by the values of its labels."""


class _Line(NamedTuple):
    value: float
    series: str
    text: str


class Lines:
    """The lines of the last time: most series have the same value a second later, and all have the same labels."""

    def __init__(self) -> None:
        self._held: dict[str, dict[tuple[str, ...], _Line]] = {}

    def text(self, gauges: Iterable[Rows]) -> bytes:
        """All of these gauges."""
        return "".join([self._gauge(family, rows) for family, rows in gauges]).encode()

    def _gauge(self, family: Family, rows: Mapping[tuple[str, ...], float]) -> str:
        held = self._held.get(family.name, {})
        lines = self._held[family.name] = {}  # those of series that are gone go with it
        for values, value in rows.items():
            line = held.get(values)
            if line is None:
                line = _line(value, series(family.name, dict(zip(family.labels, values, strict=True))))
            elif line.value != value:
                line = _line(value, line.series)
            lines[values] = line
        return head(family.name, family.meaning) + "".join([line.text for line in lines.values()])


def _line(value: float, named: str) -> _Line:
    return _Line(value, named, f"{named} {number(value)}\n")


def head(name: str, meaning: str) -> str:
    """What goes before a gauge's lines."""
    meaning = meaning.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {meaning}\n# TYPE {name} gauge\n"


def series(name: str, labels: Mapping[str, str]) -> str:
    """A series' name with its labels, in their order."""
    written = ",".join([f'{label}="{_escaped(labels[label])}"' for label in sorted(labels)])
    return f"{name}{{{written}}}" if written else name


def number(value: float) -> str:
    """A value."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the library says no types


@lru_cache(4096)
def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
