"""What one lane writes and keeps of a ticket, measured on the product's own code in seconds and without a server."""

from __future__ import annotations

import json
import random
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import load
from aiokafka.producer.message_accumulator import BatchBuilder
from scale_group import metadata_cost
from scale_measured import PORTIONS

from agents.boards import About, Text
from agents.engine.replay import Replay, proof
from agents.engine.store import Mark, RocksStore
from agents.gauges import TicketGauges
from agents.meters import Meters
from agents.partition import Rules, TicketPartition
from agents.policy_source import policies_of
from agents.wakeups import Wakeups
from config.staffing import default_staffing
from streams.events import TOPIC_OF, TYPES, tag_of
from streams.instants import DAY, MINUTE, SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.engine import Changes

TICKETS = 900
TEAMS = 12
ACTIVE = 3600.0  # seconds in which the tickets are created
BEGIN = 1_767_225_600.0


_ZSTD = 4
_TOPICS = "sla-alerts", "ticket-ledger", "dead-letters"


Row = tuple[bytes, bytes | None, Sequence[tuple[str, bytes]]]
"""Key, value and headers."""


class Input(NamedTuple):
    """A record as it lies on a topic."""

    topic: str
    key: bytes
    value: bytes | None
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


def probe(tickets: int = TICKETS) -> list[dict[str, object]]:
    """What needs no server of `scale_measured.Measured`; rows as `results` keeps them."""
    quiet, busy = (_Lane(portion, tickets).figures() for portion in PORTIONS)
    found = {name: busy[name] for name in busy.keys() - {"changelog_bytes", "ledger_bytes"}}
    for name in ("changelog_bytes", "ledger_bytes"):
        found |= {f"{name}_quiet": quiet[name], f"{name}_busy": busy[name]}
    found["done_bytes"], found["mark_bytes"] = _resident()
    found["metadata_bytes"], found["metadata_cpu"] = metadata_cost(partitions=100, brokers=12)
    return [{"what": name, "value": float(f"{value:.3g}")} for name, value in sorted(found.items())]


class _Lane:
    """One partition's owner and store, driven as the engine does; counts what would be sent."""

    def __init__(self, portion: int, tickets: int) -> None:
        self.portion = portion
        self.events = list(_events(tickets))
        self.sent = Counter[str]()
        self.last: dict[bytes, bytes | None] = {}
        """The last changelog record of each ticket."""
        self.ledger: dict[bytes, bytes | None] = {}
        self.now = round(BEGIN * SECOND)

    def figures(self) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "policies.yaml")
            path.write_text(load.POLICIES)
            inputs = {TOPIC_OF[tag_of(event_type)]: event_type for event_type in TYPES}
            self.rules = Rules(policies_of(path), inputs, *_TOPICS, SECOND, 30 * DAY, DAY, 10 * MINUTE)
            self.store = RocksStore(Path(folder, "0"))
            try:
                return self._written() | self._shown() | self._taken_over(Path(folder, "1"))
            finally:
                self.store.close()

    def _written(self) -> dict[str, float]:
        owner = self.owner = self._owner()
        for first in range(0, len(self.events), self.portion):
            lot = self.events[first : first + self.portion]
            self.now = round(lot[-1][0] * SECOND)
            records = [Input(TOPIC_OF[kind], key.encode(), value) for _, kind, key, value in lot]
            self._keep(owner.chunk(records, self.now))
            while (due := owner.wake_at()) is not None and due + SECOND <= self.now:
                self._keep(owner.ring(self.now, self.now))
        raw: list[Row] = [(key.encode(), value, []) for _, _, key, value in self.events]
        count, tickets, sent = len(self.events), len(self.last), self.sent
        return {
            "input_bytes": _packed(raw, compression=0) / count,
            "changelog_bytes": sent["changelog"] / count,
            "ledger_bytes": sent["ledger"] / count,
            "alerts": sent["alerts"] / count * 1e6,
            "alert_bytes": sent["alert_bytes"] / max(1, sent["alerts"]),
            "ticket_bytes": _packed([(key, value, proof(key, value)) for key, value in self.last.items()]) / tickets,
            "ledger_ticket_bytes": _packed([(key, value, []) for key, value in self.ledger.items()]) / tickets,
            "events_a_ticket": count / tickets,
        }

    def _owner(self) -> TicketPartition:
        return TicketPartition(0, self.store, self.rules, Meters(), self.now).loaded()

    def _keep(self, changes: Changes) -> None:
        tickets = [(key, value, proof(key, value)) for key, value in changes.tickets.items()]
        records = [(out.key or b"", out.value, out.headers) for out in changes.records]
        alerts = [(out.key or b"", out.value, out.headers) for out in changes.alerts]
        self.sent.update(
            changelog=_packed(tickets), ledger=_packed(records), alerts=len(alerts), alert_bytes=_packed(alerts)
        )
        self.last |= changes.tickets
        self.ledger |= {key: value for key, value, _ in records}
        self.store.put(changes.tickets)
        mark = Mark(self.store.mark.offset + max(1, len(tickets)), at=self.now)
        self.store.settle(changes.tickets, changes.derived, mark, changes.cold)

    def _shown(self) -> dict[str, float]:
        gauges = TicketGauges(lambda: [self.owner], self.rules, lambda: self.now, default_staffing(), 1)
        began = time.process_time()
        (seen,) = gauges.lookout.look(self.now).parts
        text = Text()
        written = text.of(seen, text.look(seen, self.now), About("", {}, self.rules.policies))
        took = time.process_time() - began
        labels = len({tuple(labels) for _, *labels in seen.windows["24h"]})
        series = sum(len(family.samples) for family in gauges.collect())
        return {"board_bytes": len(written) / labels, "board_cpu": took / labels, "series": series / labels}

    def _taken_over(self, path: Path) -> dict[str, float]:
        began = time.process_time()
        self._owner()
        load = time.process_time() - began
        records = [
            Input("changelog", key, value, offset=number, headers=proof(key, value))
            for number, (key, value) in enumerate(self.last.items())
        ]
        fresh = RocksStore(path)
        began = time.process_time()
        Replay(fresh).take(records, None, self.now)
        replay = time.process_time() - began
        fresh.close()
        return {"load_cpu": load / len(records) * 1e6, "replay_cpu": replay / len(records) * 1e6}


def _packed(rows: Sequence[Row], compression: int = _ZSTD) -> int:
    """Bytes of a batch of records, with what it bears beside them."""
    batch = BatchBuilder(8 << 20, compression)
    for key, value, headers in rows:
        batch.append(timestamp=int(BEGIN * 1000), key=key, value=value, headers=headers)
    return len(batch._build()) if rows else 0


def _events(tickets: int, seed: int = 7) -> Iterator[tuple[float, str, str, bytes]]:
    """(time in seconds, type, ticket id, JSON) of tickets that are answered, written to again and resolved."""
    draw = random.Random(seed)
    waiting: list[tuple[float, int, str, str, dict[str, str]]] = []
    for number in range(tickets):
        at, life = BEGIN + ACTIVE * number / tickets, draw.uniform(2500, 7500)
        agent, team = f"agent-{draw.randrange(200)}", f"team-{draw.randrange(TEAMS)}"
        priority = draw.choices(load.PRIORITIES, (10, 20, 50, 20))[0]
        answer = min(draw.expovariate(1 / 600), life * 0.4)
        again = min(draw.expovariate(1 / 600), life * 0.2)
        reply = {"agent_id": agent, "team": team}
        story: tuple[tuple[float, str, dict[str, str]], ...] = (
            (at, "ticket_created", {"priority": priority, "team": team, "channel": "email", "agent_id": agent}),
            (at + answer, "agent_replied", reply),
            (at + life * 0.6, "customer_replied", {}),
            (at + life * 0.6 + again, "agent_replied", reply),
            (at + life, "status_changed", {"status": "resolved"}),
        )
        for order, (moment, kind, more) in enumerate(story):
            heappush(waiting, (moment, 10 * number + order, kind, f"T{number:08d}", more))
    while waiting:
        moment, order, kind, ticket_id, more = heappop(waiting)
        event = {"event_id": f"e-{order:010d}", "type": kind, "ticket_id": ticket_id}
        event["occurred_at"] = format_instant(round(moment * 1000) * (SECOND // 1000))
        yield moment, kind, ticket_id, json.dumps(event | more, separators=(",", ":")).encode()


def _resident(count: int = 20_000) -> tuple[float, float]:
    """Bytes that a done ticket and a forgotten one take in memory: what `TicketPartition` keeps of each."""
    tracemalloc.start()
    try:
        alarms = Wakeups()
        for number in range(count):
            alarms.set(b"T%08d" % number, round(BEGIN * SECOND) + number)
        done, _ = tracemalloc.get_traced_memory()
        marks = {b"T%08d" % number: round(BEGIN * SECOND) + number for number in range(count)}
        both, _ = tracemalloc.get_traced_memory()
        assert len(marks) == len(alarms) == count
    finally:
        tracemalloc.stop()
    return done / count, (both - done) / count
