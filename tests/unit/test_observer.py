"""The monitor tells of itself: once when it goes blind or its clock is off, and once when that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agents.meters import Meters
from agents.notifier.sentence import sentence
from agents.observer import WorkerObserver
from streams.instants import MINUTE, SECOND, parse_instant

if TYPE_CHECKING:
    from streams.alert_record import Alert

NOW = parse_instant("2026-03-02T09:00:00Z")


class Told:
    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.now = NOW
        self.meters = Meters()
        self.observer = WorkerObserver(self.meters, self.alerts.append, lambda: self.now)

    def sentences(self) -> list[str]:
        return [sentence(msgspec.to_builtins(alert)) for alert in self.alerts]


def test_a_blind_monitor_says_so_and_since_when_and_says_when_it_sees_again() -> None:
    told = Told()
    told.observer.blind(NOW - 2 * MINUTE)
    told.now += MINUTE
    told.observer.blind(None)
    assert told.sentences() == [
        "OPERATIONS the monitor is blind: input was last read up to the present at 2026-03-02T08:58:00Z",
        "RECOVERED input is read up to the present again: alarms ring",
    ]
    raised, recovered = told.alerts
    assert raised.level == recovered.level == "operations"
    assert (raised.alert_id, raised.kind, recovered.kind) == (recovered.alert_id, "raised", "recovered")
    assert raised.started_at == "2026-03-02T08:58:00Z"


def test_several_workers_that_go_blind_together_are_one_alert() -> None:
    one, other = Told(), Told()
    one.observer.blind(NOW)
    other.observer.blind(NOW + SECOND)
    assert one.alerts[0].alert_id == other.alerts[0].alert_id


def test_a_clock_that_is_off_is_told_once_however_often_it_is_measured() -> None:
    told = Told()
    for _ in range(3):
        told.observer.skewed(-90 * SECOND)
        told.now += 5 * SECOND
    told.observer.skewed(None)
    told.observer.skewed(None)
    raised, recovered = told.sentences()
    assert raised.startswith("OPERATIONS the broker's clock is -90 s off that of the worker on ")
    assert "its alarms hold" in raised
    assert recovered == "RECOVERED the clocks of broker and worker agree again: alarms ring"


def test_writes_held_back_for_want_of_a_session_are_counted() -> None:
    told = Told()
    told.observer.held_back()
    assert told.meters.registry.get_sample_value("sla_writes_held_back_total") == 1


def test_topics_that_fit_no_more_are_told_and_where_the_remedy_is() -> None:
    told = Told()
    told.observer.misfit("topic ticket-created has 8 partitions, 4 are configured")
    assert told.sentences() == [
        "OPERATIONS topic ticket-created has 8 partitions, 4 are configured: a worker ends, its log says what to do"
    ]


def test_what_alarms_hold_for_is_known_until_they_ring_again() -> None:
    told = Told()
    told.observer.holding("Kafka does not answer")
    assert told.observer.held == "Kafka does not answer"
    told.observer.holding(None)
    assert told.observer.held is None
