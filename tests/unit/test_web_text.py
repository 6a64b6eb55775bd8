"""What /metrics says of gauges is, to the byte, what the library would say."""

from __future__ import annotations

from math import inf, nan

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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
