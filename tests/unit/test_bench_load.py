"""The load of the bench: what it means by its own count is what a partition's owner makes of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import load
from meaning import Meaning
from partitions import Bench

from config.policies import load_policies
from streams.events import TOPIC_OF
from streams.instants import HOUR, SECOND

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = 1_767_225_600  # seconds since the epoch


def test_the_count_of_the_load_is_what_the_ledger_says(tmp_path: Path) -> None:
    policies = tmp_path / "policies.yaml"
    policies.write_text(load.POLICIES)
    drawn = list(load.events(4_000, BEGIN, tickets_a_second=0.1))
    desk = Bench(load_policies(policies), int(drawn[-1][0] * SECOND) + HOUR)
    meaning = Meaning()
    for _, kind, ticket_id, event in drawn:
        meaning.add(event)
        desk.put_raw(TOPIC_OF[kind], (ticket_id, event))
    clocks = [clock for record in desk.ledger.values() for clock in record["clocks"]]
    stopped = Counter((clock["target"], clock["verdict"]) for clock in clocks if clock["stopped_at"] is not None)
    assert desk.dead == []
    assert stopped == meaning.verdicts
    assert len(desk.ledger) == meaning.tickets
    assert meaning.judged == sum(count for (target, _), count in stopped.items() if target != "next_response")
    assert 0 < meaning.late <= meaning.breached < meaning.judged


def test_the_load_is_in_the_order_of_time_and_the_same_for_a_seed() -> None:
    once, again = (list(load.events(500, BEGIN)) for _ in range(2))
    assert once == again
    assert [at for at, *_ in once] == sorted(at for at, *_ in once)
    assert {kind for _, kind, _, _ in once} <= TOPIC_OF.keys()
