"""`slawatch plan` out of the topics that real workers fill."""

from __future__ import annotations

import asyncio
import csv
import json
from typing import TYPE_CHECKING

from command_line import slawatch
from kafka_io import created, event, now, replied
from processes import Installation

from streams.events import TOPIC_OF
from streams.instants import DAY, HOUR, MINUTE, to_datetime

if TYPE_CHECKING:
    from pathlib import Path

HOURS = 48


async def test_the_past_is_read_from_the_ledger_and_the_staff_from_their_status(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    """Two tickets each hour for two days, 20 minutes of work each, and three agents who were there all the time."""
    begun = now() // HOUR * HOUR - HOURS * HOUR
    async with Installation(kafka, unique, tmp_path) as house:
        worker = await house.worker().ready()
        for hour in range(HOURS):
            for number in range(2):
                name, at = f"T{hour}-{number}", begun + hour * HOUR + number * MINUTE
                house.events.put(created(name, at, team="billing", channel="email", priority="normal"))
                house.events.put(replied(name, at + MINUTE, handle_seconds=1200))
        for number in range(3):
            for at, status in ((begun, "online"), (begun + HOURS * HOUR, "offline")):
                said = event("agent_status_changed", "", at, agent_id=f"a{number}", status=status, team="billing")
                del said["ticket_id"]
                house.events.put_raw(TOPIC_OF[said["type"]], f"a{number}".encode(), json.dumps(said).encode())
        house.events.flush()
        await house.caught_up()
        out = tmp_path / "plan.csv"
        day = to_datetime(now() + DAY).date().isoformat()
        arguments = ("plan", "--from", day, "--zone", "UTC", "--runs", "2", "--factor", "3", "--csv", str(out))
        done = await asyncio.to_thread(slawatch, *arguments, **house.settings())
        assert done.returncode == 0, done.stderr
        assert f"{2 * HOURS} of the past" in done.stdout
        assert await worker.stop() == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 48
    assert {(row["team"], row["contacts"], row["load_erlangs"], row["at_work"]) for row in rows} == {
        ("billing", "3.00", "2.000", "3")
    }

    missing = await asyncio.to_thread(slawatch, "plan", "--from", day, **house.settings(topic_prefix="nowhere."))
    assert missing.returncode == 3
    assert "no such topic: nowhere.ticket-ledger" in missing.stderr
