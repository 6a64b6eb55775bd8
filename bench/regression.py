"""CPU of `TicketPartition.chunk` for an event, beside a floor in the same process.

The floor does what no engine can leave out: it decodes each event, keeps a value of its ticket, encodes that and
appends it to a batch of records that is compressed with zstd. Both take the same seeded events in turns; of several
rounds the least counts, so what else the machine does matters little. Prints the ratio as JSON.

tests/unit/test_cpu_of_an_event.py runs it and fails where the ratio is more than 30 % above the one that is stored in
bench/regression.json. A change that makes an event cost more for a reason renews it, and so should one that makes it
cost less: python bench/regression.py --renew
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import load
import msgspec
from aiokafka import ConsumerRecord
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from least import Event, State, apply

import streams.fold
from agents.engine.store import MemoryStore
from agents.meters import Meters
from agents.partition import Rules, TicketPartition
from config.policies import load_policies
from streams.events import TOPIC_OF, TYPES, tag_of
from streams.instants import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.policies import Policies

STORED = Path(__file__).with_suffix(".json")
BUILD = "plain" if (streams.fold.__file__ or "").endswith(".py") else "compiled"
"""The ratio is another where `streams` is compiled."""

EVENTS = 20_000
CHUNK = 2_000
ROUNDS = 5
FLOORS = 8  # times in a round: it takes far less
ENOUGH = 12.0  # CPU seconds: no further round after so much
TICKETS_A_SECOND = 0.5  # some 2,500 tickets are open at once, and most of the events are of their later life
BEGIN = 1_767_225_600  # seconds since the epoch

_BATCH = 512 * 1024  # bytes
_ZSTD = 4

Chunks = list[list[ConsumerRecord]]


def main() -> None:
    found = ratio()
    print(json.dumps({"build": BUILD, **found}))
    if "--renew" in sys.argv[1:]:
        stored = json.loads(STORED.read_text()) if STORED.exists() else {}
        STORED.write_text(json.dumps({**stored, BUILD: found["ratio"]}, indent=1, sort_keys=True) + "\n")


def ratio() -> dict[str, float]:
    """The ratio, and what it is made of: microseconds of CPU for an event."""
    drawn = chunks()
    policies = _policies()
    ours: list[float] = []
    floors: list[float] = []
    while len(ours) < ROUNDS and sum(ours) + FLOORS * sum(floors) < ENOUGH:
        floors.append(_cpu(lambda: floor(drawn), FLOORS))
        ours.append(_cpu(lambda: partition(drawn, policies)))
    each = {"chunk": min(ours) / EVENTS * 1e6, "floor": min(floors) / EVENTS * 1e6}
    return {"ratio": round(each["chunk"] / each["floor"], 2), **{name: round(us, 2) for name, us in each.items()}}


def chunks() -> Chunks:
    """The events as the engine hands them over: those of all topics, in the order of their time."""
    records = [
        ConsumerRecord(TOPIC_OF[kind], 0, offset, int(at * 1000), 0, ticket.encode(), value, None, -1, -1, ())
        for offset, (at, kind, ticket, value) in enumerate(
            load.events(EVENTS, BEGIN, tickets_a_second=TICKETS_A_SECOND)
        )
    ]
    return [records[begin : begin + CHUNK] for begin in range(0, EVENTS, CHUNK)]


def partition(drawn: Chunks, policies: Policies) -> None:
    """The owner of a partition takes all of it; what it wants kept is kept in memory."""
    now = drawn[-1][-1].timestamp * 1000 + MINUTE
    inputs = {TOPIC_OF[tag_of(event_type)]: event_type for event_type in TYPES}
    rules = Rules(
        policies=policies, inputs=inputs, alerts="sla-alerts", ledger="ticket-ledger", dead_letters="dead-letters",
        grace=SECOND, retention=30 * DAY, max_age=24 * HOUR, max_ahead=10 * MINUTE,
    )  # fmt: skip
    store = MemoryStore()
    owner = TicketPartition(0, store, rules, Meters(), now).loaded()
    written = 0
    for records in drawn:
        changes = owner.chunk(records, now)
        store.put(changes.tickets)
        written += len(changes.records)
    assert written >= owner.tickets > 0, "the ledger has no record of a ticket"


def floor(drawn: Sequence[Sequence[ConsumerRecord]]) -> None:
    """What any engine must do."""
    decode = msgspec.json.Decoder(Event).decode
    encode = msgspec.msgpack.Encoder().encode
    states: dict[bytes, State] = {}
    for records in drawn:
        batch, offset = _batch(), 0
        for record in records:
            event = decode(record.value)
            state = states.setdefault(record.key, State())
            apply(state, event)
            value = encode(state)
            while batch.append(offset, record.timestamp, record.key, value, []) is None:
                batch.build()
                batch, offset = _batch(), 0
            offset += 1
        batch.build()


def _batch() -> DefaultRecordBatchBuilder:
    return DefaultRecordBatchBuilder(2, _ZSTD, 0, -1, -1, 0, _BATCH)


def _policies() -> Policies:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "policies.yaml")
        path.write_text(load.POLICIES)
        return load_policies(path)


def _cpu(work: Callable[[], None], times: int = 1) -> float:
    """CPU seconds of one time."""
    gc.collect()
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


if __name__ == "__main__":
    main()
