"""A worker that dies between an alert and its ticket's state: the next one finds the alert on the topic."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from kafka_io import created, now, replied
from notices import alert_record
from processes import Installation
from waiting import eventually

from streams.alert_record import alert_id
from streams.clocks import FIRST_RESPONSE
from streams.facts import Mark
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 5 * SECOND
GRACE = SECOND
POLICIES = "version: 1\npolicies:\n  - name: all\n    targets:\n      first_response: {limit: 5s}\n"


async def test_an_alert_that_its_ticket_does_not_know_of_is_not_raised_again_and_is_corrected_where_it_was_wrong(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    """The reply was given in time, came to Kafka after the alert, and is read by the next worker only."""
    async with Installation(kafka, unique, tmp_path) as house:
        policies = house.file("policies.yaml", POLICIES)
        worker = await house.worker(policies=policies).ready()
        begun = now()
        house.events.put(created("answered", begun), created("silent", begun), created("other", begun))
        house.events.flush()
        await house.caught_up(within=4)
        worker.kill()

        for name in ("answered", "silent"):
            said = alert_record(
                alert_id=alert_id(name, Mark("breach", FIRST_RESPONSE, 0)),
                ticket_id=name,
                started_at=format_instant(begun),
                deadline=format_instant(begun + LIMIT),
            )
            house.events.put_raw("sla-alerts", name.encode(), json.dumps(said).encode())
        house.events.put(replied("answered", begun + SECOND))
        house.events.flush()
        await eventually(lambda: now() > begun + LIMIT + GRACE, timeout=10)

        house.worker(policies=policies)
        await house.alerted(["other"], within=60)

        async def corrected() -> bool:
            records = [alert for _, alert in await house.alerts()]
            said = Counter((alert["ticket_id"], alert["kind"]) for alert in records)
            expected = [("answered", "raised"), ("answered", "corrected"), ("silent", "raised"), ("other", "raised")]
            assert said == Counter(expected)
            assert len({alert["alert_id"] for alert in records}) == 3
            return True

        await eventually(corrected, timeout=10, every=0.2)
        verdicts = {name: record["clocks"][0]["verdict"] for name, record in (await house.ledger()).items()}
        assert verdicts == {"answered": "met", "silent": "breached", "other": "breached"}
