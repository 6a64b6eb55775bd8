"""Every metric of the worker, declared once with its meaning."""

from __future__ import annotations

import contextlib

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENESS_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class Meters:
    """The worker's counters and the engine's gauges; windows and queue are collected from the partitions."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.events = Counter(
            "sla_events", "Events read from the input topics, by type and what became of them.",
            ["type", "outcome"], registry=registry,
        )  # fmt: skip
        self.unknown_fields = Counter(
            "sla_events_with_unknown_fields", "Events that carried fields nobody knows; they were ignored.",
            ["type"], registry=registry,
        )  # fmt: skip
        self.dead_letters = Counter(
            "sla_dead_letters", "Records put in dead-letters, by why.", ["cause"], registry=registry
        )
        self.verdicts = Counter(
            "sla_verdicts", "Clocks judged met or breached, by target; a verdict taken back is counted in "
            "sla_verdicts_retracted_total.", ["target", "verdict"], registry=registry,
        )  # fmt: skip
        self.retracted = Counter(
            "sla_verdicts_retracted", "Verdicts taken back by a late event, a reopening or a changed policy.",
            ["target", "verdict"], registry=registry,
        )  # fmt: skip
        self.alerts = Counter(
            "sla_alerts", "Alert records written, by target, level and kind.",
            ["target", "level", "kind"], registry=registry,
        )  # fmt: skip
        self.lateness = Histogram(
            "sla_alert_lateness_seconds", "From deadline plus grace to the decision to alert.",
            buckets=LATENESS_BUCKETS, registry=registry,
        )  # fmt: skip
        self.forgotten = Counter("sla_tickets_forgotten", "Tickets forgotten after the retention.", registry=registry)
        self.refolds = Counter(
            "sla_tickets_judged_anew", "Tickets judged anew because the policies changed.", registry=registry
        )
        self.input_lag = Gauge(
            "sla_input_lag_seconds", "How long ago the input was last known to be read up to the present.",
            ["partition"], registry=registry,
        )  # fmt: skip
        self.live = Gauge("sla_partitions_live", "Partitions of this worker whose alarms ring.", registry=registry)
        self.blind = Gauge(
            "sla_input_stalled", "1 while the input has not been read up to the present for longer than allowed.",
            registry=registry,
        )  # fmt: skip
        self.skew = Gauge("sla_clock_skew_seconds", "The broker's clock less this worker's.", registry=registry)
        self.holding = Gauge(
            "sla_alarms_held", "1 while alarms hold: after errors on the way to Kafka, or for the clock's sake.",
            registry=registry,
        )  # fmt: skip
        self.chunk_seconds = Counter("sla_chunk_seconds", "Time spent applying events.", registry=registry)
        self.recovery_seconds = Gauge(
            "sla_recovery_seconds", "How long the last taking of a partition took.", registry=registry
        )
        self.foreign_writes = Counter(
            "sla_foreign_writes", "Changelog records of our partitions that another process wrote.", registry=registry
        )
        self.input_lost = Counter(
            "sla_input_lost_records", "Input records that were gone before they were read.", registry=registry
        )
        self.policy_errors = Counter(
            "sla_policy_reload_errors", "Policy files that were refused; the old ones stay in force.", registry=registry
        )

    def forget_partition(self, partition: int) -> None:
        """Drop what is exported of a partition that is no longer held."""
        with contextlib.suppress(KeyError):
            self.input_lag.remove(str(partition))
