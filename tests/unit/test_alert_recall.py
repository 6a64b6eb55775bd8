"""An alert that its ticket does not know of, though it was written: it is remembered, and corrected where wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from judging import arrived, copy, policies_of
from kafka_io import created, replied

from streams import alert_record, alerts
from streams.alerts import Gate
from streams.instants import DAY, SECOND, parse_instant

if TYPE_CHECKING:
    from streams.alert_record import Alert
    from streams.ticket import Ticket

BEGUN = parse_instant("2026-03-02T10:00:00Z")
LIMIT = 60 * SECOND
RULES = policies_of(
    {"version": 1, "policies": [{"name": "all", "targets": {"first_response": {"limit": "60s", "warn": ["50%"]}}}]}
)


def rung(ticket: Ticket, after: int) -> list[Alert]:
    """What it announces so long after its creation."""
    gate = Gate(BEGUN + after, BEGUN + after + SECOND, SECOND, DAY)
    return [alert for _, alert in alerts.ring("T", ticket, RULES, gate)]


@pytest.mark.parametrize(("after", "level"), [(LIMIT // 2, "warning"), (LIMIT + SECOND, "breach")])
def test_what_was_written_is_not_announced_again(after: int, level: str) -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    (said,) = rung(copy(ticket), after)
    assert said.level == level
    assert alerts.recall(ticket, alert_record.read(msgspec.json.encode(said)))
    assert not alerts.recall(ticket, said)
    assert rung(ticket, after) == []


def test_a_breach_that_was_none_is_corrected_once_under_its_own_id() -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    (said,) = rung(copy(ticket), LIMIT + SECOND)
    arrived([replied("T", BEGUN + SECOND)], RULES, ticket)
    assert rung(copy(ticket), LIMIT + SECOND) == []
    assert alerts.recall(ticket, said)
    (corrected,) = rung(copy(ticket), LIMIT + SECOND)
    assert (corrected.kind, corrected.alert_id) == ("corrected", said.alert_id)

    assert alerts.recall(ticket, corrected)
    assert rung(ticket, LIMIT + SECOND) == []
    assert not alerts.recall(ticket, said)


def test_what_concerns_no_clock_is_passed_over() -> None:
    ticket, _ = arrived([created("T", BEGUN)], RULES)
    assert not alerts.recall(ticket, alert_record.operations("input", "blind", BEGUN, BEGUN))
