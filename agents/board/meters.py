"""Every metric of the board, each named once, with its meaning."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class BoardMetrics:
    """The metrics of one board process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.redis_up = Gauge("sla_board_redis_up", "1 while Redis answers, else 0.", registry=registry)
        self.partitions_live = Gauge(
            "sla_board_partitions_live", "Partitions whose boards are the present.", registry=registry
        )
        self.partitions = Gauge("sla_board_partitions", "Partitions that there are to be.", registry=registry)
        self.viewers = Gauge("sla_board_viewers", "Streams that are open.", registry=registry)
        self.pictures = Counter("sla_board_pictures", "Pictures made of the boards in Redis.", registry=registry)
        self.seconds = Counter("sla_board_picture_seconds", "Time spent on making them, in seconds.", registry=registry)
        self.slow = Counter(
            "sla_board_slow_viewers", "Streams ended because their viewers took nothing for too long.",
            registry=registry,
        )  # fmt: skip
        self.refused = Counter(
            "sla_board_refused_requests", "Requests refused: nobody known (401), not allowed (403), too many (503).",
            ["status"], registry=registry,
        )  # fmt: skip
        self.looks = Counter("sla_board_looks", "Looks at the figures of agents; each is logged.", registry=registry)
        self.acknowledged = Counter(
            "sla_board_acknowledged_alerts", "Alerts acknowledged from the board.", registry=registry
        )
        for status in ("401", "403", "503"):
            self.refused.labels(status)
