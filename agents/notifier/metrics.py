"""Every metric of the notifier, each named once, with its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.notifier.decide import Decision

BUCKETS = (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 900, 3600)


class NotifierMetrics:
    """The metrics of one notifier, in a registry of their own. Labels are destinations and fixed words, no more."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: list[Counter] = []  # of one destination each
        self.sent = self._counter("sent", "Messages that a destination took.")
        self.repeated = self._counter(
            "repeated", "Messages sent again, marked so, because nobody could know whether they had arrived."
        )
        self.failed = self._counter("failed", "Messages given up because the destination refused them for good.")
        self.retried = self._counter("retried", "Attempts that a destination did not take and that were put off.")
        self.ambiguous = self._counter("ambiguous", "Attempts whose result nobody can know.")
        self.expired = self._counter("expired", "Messages given up because they had become too old.")
        self.silenced = self._counter("silenced", "Messages that nobody got, for their alert falls under a silence.")
        self.digested = self._counter("digested", "Messages told within a digest, not by themselves.")
        self.digests = self._counter("digests", "Digests that a destination took.")
        self.refused = self._counter(
            "claims_refused", "Claims refused: another notifier is at the message, or it has its outcome already."
        )
        self.unreadable = self._counter(
            "claims_unreadable", "Claims that somebody else had written over; all were then filled anew."
        )
        self.routing_right = Gauge(
            "sla_notifier_routing_last_reload_successful",
            "0 while the routing file that was loaded again last is refused and the one before stays in force.",
            registry=self.registry,
        )
        self.routing_right.set(1)
        self.decisions = Counter(
            "sla_notifier_decisions",
            "What was decided about a message when its turn came, and why.",
            ["destination", "action", "reason"],
            registry=self.registry,
        )
        self.alerts = Counter("sla_notifier_alerts", "Alerts read.", registry=self.registry)
        self.unrouted = Counter(
            "sla_notifier_unrouted_alerts", "Alerts that their route sends nowhere.", registry=self.registry
        )
        self.bad = Counter(
            "sla_notifier_bad_alerts", "Records on the alerts topic that are no alerts.", registry=self.registry
        )
        self.refilled = Counter(
            "sla_notifier_claims_refilled", "Outcomes read back into the claims.", registry=self.registry
        )
        self.claims_up = Gauge(
            "sla_notifier_redis_up",
            "1 while Redis answers and takes claims (memory always does), else 0.",
            registry=self.registry,
        )
        self.kafka_up = Gauge("sla_notifier_kafka_up", "1 while Kafka answers, else 0.", registry=self.registry)
        self.skew = Gauge(
            "sla_notifier_clock_skew_seconds",
            "Kafka's clock less this notifier's; Kafka's is gone by.",
            registry=self.registry,
        )
        self.silences = Gauge(
            "sla_notifier_silences", "Silences that are in force (`slawatch silence list`).", registry=self.registry
        )
        self.rota_age = Gauge(
            "sla_notifier_rota_age_seconds",
            "How old the calendar is that a rota is read from; +Inf where it was never fetched.",
            ["rota"],
            registry=self.registry,
        )
        self.rota_failures = Counter(
            "sla_notifier_rota_failures",
            "Fetches of a rota's calendar that failed; the last good one holds.",
            ["rota"],
            registry=self.registry,
        )
        self.queue = self._gauge("queue_length", "Messages that wait for a destination or for their record.")
        self.behind = self._gauge("behind", "1 while a destination's messages wait in Kafka, for its queue is full.")
        self.latency = Histogram(
            "sla_notifier_deadline_to_chat_seconds",
            "From a breach's deadline to the moment a destination took its message, late and held alerts apart.",
            ["destination"],
            buckets=BUCKETS,
            registry=self.registry,
        )

    def watch(self, destination: str, queue: Callable[[], float], behind: Callable[[], float]) -> None:
        """Show a destination from the first scrape on, its gauges read at each."""
        self.queue.labels(destination).set_function(queue)
        self.behind.labels(destination).set_function(behind)
        for counter in self._counters:
            counter.labels(destination)
        self.latency.labels(destination)

    def decided(self, destination: str, decision: Decision) -> None:
        """Count a decision."""
        self.decisions.labels(destination, decision.action.value, decision.reason).inc()

    def _counter(self, name: str, meaning: str) -> Counter:
        self._counters.append(Counter(f"sla_notifier_{name}", meaning, ["destination"], registry=self.registry))
        return self._counters[-1]

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"sla_notifier_{name}", meaning, ["destination"], registry=self.registry)
