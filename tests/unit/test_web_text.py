"""What /metrics says of gauges is, to the byte, what the library would say."""

from __future__ import annotations

from math import inf, nan

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.exposition import Family, Lines
from agents.web import _text


def test_gauges_are_written_as_the_library_writes_them() -> None:
    registry = CollectorRegistry()
    Gauge("plain", 'No labels, a "quote", a \\ and\na second line', registry=registry).set(3)
    family = GaugeMetricFamily("many", "With labels.", labels=("team", "channel"))
    for n, value in enumerate((0, 1.5, -2, 1e21, 123456789.25, inf, -inf, nan)):
        family.add_metric((f'"{n}"\\\n', "账单"), value)

    class Families(Collector):
        def collect(self) -> list[GaugeMetricFamily]:
            return [family]

    registry.register(Families())
    assert _text(list(registry.collect())) == generate_latest(registry)


def test_lines_are_those_of_the_library_whatever_changed_since_the_last_time() -> None:
    bare, many = Family("bare", "No labels.", ()), Family("many", 'A "quote", a \\ and\na line.', ("b", "a"))
    lines = Lines()
    for rows in (
        {("x", '"\\\n'): 1.5, ("y", "账单"): inf},
        {("x", '"\\\n'): 1.5, ("y", "账单"): 2},
        {("y", "账单"): nan, ("z", ""): 0},
        {},
        {("x", '"\\\n'): -1e21, ("y", "账单"): nan},
    ):
        registry = CollectorRegistry()

        class Families(Collector):
            def collect(self, rows: dict[tuple[str, str], float] = rows) -> list[Metric]:
                return [bare.of({(): len(rows)}), many.of(rows)]

        registry.register(Families())
        assert lines.text([(bare, {(): len(rows)}), (many, rows)]) == generate_latest(registry)
