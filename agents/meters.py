"""Every metric of the worker, declared once with its meaning."""

from __future__ import annotations

from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from agents.dead_letters import Cause
from streams.events import TYPES, tag_of
from streams.policies import TARGETS
from streams.ticket import Outcome

LATENESS_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class Meters:
    """The worker's counters, and the gauges that are set where something changes; the others are in `gauges`."""

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
        self.blind = Gauge(
            "sla_input_stalled", "1 while the input has not been read up to the present for longer than allowed.",
            registry=registry,
        )  # fmt: skip
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
        self.stores_rebuilt = Counter(
            "sla_stores_rebuilt", "Local stores that were thrown away, damaged or too old, and rebuilt from the "
            "changelog.", registry=registry,
        )  # fmt: skip
        self.changelog_refused = Counter(
            "sla_changelog_records_refused", "Changelog records without a worker's checksum, found at recovery: they "
            "were not applied, and written over.", registry=registry,
        )  # fmt: skip
        self.held_back = Counter(
            "sla_writes_held_back", "Times that writes were kept from leaving because the group session had run out: "
            "the partitions may have another owner.", registry=registry,
        )  # fmt: skip
        self.input_lost = Counter(
            "sla_input_lost_records", "Input records that were gone before they were read.", registry=registry
        )
        self.policy_errors = Counter(
            "sla_policy_reload_errors", "Changed policies that were refused; the old ones stay in force.",
            registry=registry,
        )  # fmt: skip
        self.policies = Gauge(
            "sla_policies_info", "1, with the policies in force: where they come from (defaults, file, topic), their "
            "version on the topic, and their fingerprint, which is the same where they mean the same.",
            ["source", "version", "fingerprint"], registry=registry,
        )  # fmt: skip
        self.policies_right = Gauge(
            "sla_policies_last_reload_successful", "0 while what was last written (to the file, to the topic) is "
            "refused and older policies stay in force.", ["source"], registry=registry,
        )  # fmt: skip
        self.policies_right_at = Gauge(
            "sla_policies_last_reload_success_timestamp_seconds", "When policies were last loaded and found right.",
            ["source"], registry=registry,
        )  # fmt: skip
        self.to_judge = Gauge(
            "sla_tickets_to_judge_anew", "Tickets still judged by the policies of before a change.", registry=registry
        )
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Shows what is bounded before it happens: of a series that comes with its first count, no increase is seen."""
        for tag, outcome in product(map(tag_of, TYPES), Outcome):
            self.events.labels(tag, outcome.value)
        for cause in get_args(Cause):
            self.dead_letters.labels(cause)
        for target, verdict in product(TARGETS, ("met", "breached")):
            self.verdicts.labels(target, verdict)
            self.retracted.labels(target, verdict)
        for target, level, kind in product(TARGETS, ("warning", "breach", "escalation"), ("raised", "corrected")):
            self.alerts.labels(target, level, kind)
