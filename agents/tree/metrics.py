"""Every metric of the tree, each named once, with its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Iterable


class TreeMetrics:
    """In a registry of their own. Labels are the commands of the tree."""

    def __init__(self, processes: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self.up = Gauge(
            "sla_process_up", "1 while the process of this command runs.", ["process"], registry=self.registry
        )
        self.restarts = Counter(
            "sla_process_restarts", "Times that the process was started again.", ["process"], registry=self.registry
        )
        for process in processes:  # there from the beginning
            self.up.labels(process)
            self.restarts.labels(process)
