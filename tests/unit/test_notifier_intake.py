"""Which records may be committed, and what happens to those a full queue has no room for."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from notices import START, Clock, MemoryLog, Scripted, alert_record
from prometheus_client import generate_latest

from agents.notifier.claims import MemoryClaims
from agents.notifier.http import Outcome, Result, Sender
from agents.notifier.intake import Intake
from agents.notifier.lane import Lane
from agents.notifier.message import Message
from agents.notifier.metrics import NotifierMetrics
from agents.notifier.progress import Job, Partition
from agents.notifier.silences import Silence
from config.routes import Stop
from streams.alert_record import follows
from streams.instants import HOUR, SECOND, format_instant


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes | None


class ByTeam:
    """Each team's alerts go to the destinations in its name: `a+b` to a and b. Those of low priority are held. What
    became of them is asked for where their channel is `all`.
    """

    def stops(self, alert: Mapping[str, Any], now: int) -> Sequence[Stop]:
        until = now + HOUR if alert["priority"] == "low" else None
        asked = alert["channel"] == "all" or not follows(alert["kind"], alert["level"])
        return [Stop(name, until) for name in str(alert["team"]).split("+")] if alert["team"] and asked else []


def record(offset: int, team: str) -> Record:
    return Record(offset, msgspec.json.encode(alert_record(offset, team=team)))


class Held(Lane):
    """A lane that never runs; its queue is looked at, and its messages are finished by hand."""

    def __init__(self, name: str, limit: int, sender: Sender | None = None) -> None:
        clock = Clock()
        claims = MemoryClaims(clock)
        super().__init__(
            name,
            sender or Scripted([Result(Outcome.SENT)]),
            claims=claims,
            outcomes=MemoryLog(claims),
            metrics=NotifierMetrics(),
            clock=clock,
            refill=claims.filled,
            max_age=HOUR,
            timeout=SECOND,
            limit=limit,
        )
        self.jobs: list[Job] = []

    def put(self, job: Job) -> None:
        super().put(job)
        self.jobs.append(job)

    def finish(self, job: Job) -> None:
        self._backlog.remove(job)
        self.jobs.remove(job)
        job.done()

    def offsets(self) -> list[int]:
        return [job.offset for job in self.jobs]


def intake(**limits: int) -> tuple[Intake, Partition, dict[str, Held]]:
    lanes = {name: Held(name, limit) for name, limit in limits.items()}
    house = Intake(ByTeam(), lanes, NotifierMetrics())
    house.partitions[0] = Partition()
    return house, house.partitions[0], lanes


def test_only_what_is_done_up_to_the_first_that_is_not_may_be_committed() -> None:
    house, partition, lanes = intake(a=10, b=10)
    assert partition.committable() is None
    house.take(partition, [record(5, "a+b"), record(6, "b"), record(7, "a")])
    a, b = lanes["a"], lanes["b"]
    assert partition.committable() == 5
    a.finish(a.jobs[0])
    assert partition.committable() == 5
    b.finish(b.jobs[1])
    assert partition.committable() == 5
    b.finish(b.jobs[0])
    assert partition.committable() == 7
    a.finish(a.jobs[0])
    assert partition.committable() == 8


def test_bad_and_unrouted_records_are_counted_and_passed_over() -> None:
    house, partition, _ = intake(a=10)
    house.take(partition, [Record(1, b"{"), Record(2, None), record(3, "")])
    assert partition.committable() == 4
    rendered = generate_latest(house._metrics.registry)
    assert b"sla_notifier_bad_alerts_total 2.0" in rendered
    assert b"sla_notifier_unrouted_alerts_total 1.0" in rendered


def test_a_full_queue_keeps_its_records_in_kafka_and_holds_back_no_other() -> None:
    house, partition, lanes = intake(full=2, free=100)
    records = [record(offset, "full+free") for offset in range(10)]
    house.take(partition, records)
    full, free = lanes["full"], lanes["free"]
    assert (full.offsets(), free.offsets()) == ([0, 1], list(range(10)))
    assert partition.behind == {"full": 2}
    for job in list(free.jobs):
        free.finish(job)
    assert partition.committable() == 0
    for job in list(full.jobs):
        full.finish(job)
    assert partition.committable() == 2

    house.take_again(partition, full, records[2:6])
    assert full.offsets() == [2, 3]
    assert free.offsets() == []
    assert partition.behind == {"full": 4}
    for job in list(full.jobs):
        full.finish(job)
    house.take(partition, [record(10, "full")])  # new ones queue up behind, in Kafka
    assert full.offsets() == []
    house.take_again(partition, full, records[4:6])
    for job in list(full.jobs):
        full.finish(job)
    house.take_again(partition, full, [record(6, "free"), record(10, "full"), record(11, "full")])
    assert full.offsets() == [10]
    assert partition.behind == {}
    full.finish(full.jobs[0])
    assert partition.committable() == 11


def test_whatever_the_order_of_finishing_nothing_undone_is_committed(seed: int) -> None:
    rng = random.Random(seed)
    house, partition, lanes = intake(a=3, b=7)
    everything = [record(offset, rng.choice(["a", "b", "a+b", ""])) for offset in range(300)]
    decoded = [(r.offset, msgspec.json.decode(r.value or b"")) for r in everything]
    wanted = {(stop.destination, offset) for offset, alert in decoded for stop in ByTeam().stops(alert, 0)}
    done: set[tuple[str, int]] = set()
    taken = 0
    while taken < len(everything) or partition.behind or any(lane.jobs for lane in lanes.values()):
        step = rng.random()
        name = rng.choice(["a", "b"])
        lane = lanes[name]
        if step < 0.2 and taken < len(everything):
            house.take(partition, everything[taken : taken + 5])
            taken += 5
        elif step < 0.8 and lane.jobs:
            job = rng.choice(lane.jobs)
            lane.finish(job)
            assert (name, job.offset) not in done
            done.add((name, job.offset))
        elif name in partition.behind and lane.room:
            start = partition.behind[name]
            house.take_again(partition, lane, everything[start : start + rng.randint(1, 4)])
        committable = partition.committable() or 0
        assert all((lane, offset) in done for lane, offset in wanted if offset < committable)
        assert all(len(lane) <= lane.limit for lane in lanes.values())
    assert done == wanted
    assert partition.committable() == len(everything)


def test_a_lost_partition_takes_its_messages_out_of_the_queues() -> None:
    house, partition, lanes = intake(a=10)
    house.partitions[1] = other = Partition()
    house.take(partition, [record(1, "a")])
    house.take(other, [record(2, "a")])
    lost = house.forget([0, 5])
    assert lost == {0: partition}
    assert not partition.live
    assert len(lanes["a"]) == 1
    assert partition.committable() == 1


def test_what_quiet_hours_hold_and_silences_cover_is_said_of_each_message_also_when_it_is_read_again() -> None:
    silence = Silence(
        id="5f2c9a",
        when={"team": ["a+b"]},
        since=format_instant(START),
        until=format_instant(START + HOUR),
        reason="r",
        by="b",
        at=format_instant(START),
    )

    def silencing(alert: Mapping[str, Any], decided_at: int) -> Silence | None:
        return silence if silence.covers(alert, decided_at) else None

    lanes = {name: Held(name, 1) for name in ("a", "b")}
    house = Intake(ByTeam(), lanes, NotifierMetrics(), silencing)
    house.partitions[0] = partition = Partition()
    late = format_instant(START + HOUR)
    records = [
        Record(offset, msgspec.json.encode(alert_record(offset, team=team, priority=priority, decided_at=at)))
        for offset, team, priority, at in [
            (0, "a+b", "low", format_instant(START)),
            (1, "a", "urgent", format_instant(START)),
            (2, "a+b", "urgent", late),
        ]
    ]
    house.take(partition, records)
    found = []
    for record in records:
        found += [(job.offset, job.hold, job.silence) for job in lanes["a"].jobs]
        for job in list(lanes["a"].jobs):
            lanes["a"].finish(job)
        if "a" in partition.behind:
            house.take_again(partition, lanes["a"], records[record.offset + 1 :])
    assert found == [(0, START + HOUR, "5f2c9a"), (1, 0, ""), (2, 0, "")]
    assert [(job.hold, job.silence) for job in lanes["b"].jobs] == [(START + HOUR, "5f2c9a")]


def test_a_messages_key_names_alert_kind_and_destination() -> None:
    house, partition, lanes = intake(a=10)
    house.take(partition, [record(1, "a")])
    assert lanes["a"].jobs[0].message.key == f"{alert_record(1)['alert_id']}|raised|a"


class Editing(Scripted):
    """A sender whose service can change messages."""

    async def update(self, reference: str, message: Message) -> Result:
        return self.results[0]


@pytest.mark.parametrize("kind", ["recovered", "acknowledged"])
def test_what_became_of_an_alert_goes_where_it_changes_a_message_and_where_it_is_asked_for(kind: str) -> None:
    """Its own route says nothing of where the alert went: the hour, or the priority, may be another by now."""
    lanes = {name: Held(name, 10, Editing([]) if "bot" in name else None) for name in ("chat", "bot", "other bot")}
    house = Intake(ByTeam(), lanes, NotifierMetrics())
    house.partitions[0] = partition = Partition()

    def taken(**fields: Any) -> dict[str, bool]:
        """The destinations, and whether nothing but a change is wanted there; the same where it is read again."""
        value = Record(partition.position or 0, msgspec.json.encode(alert_record(**fields)))
        house.take(partition, [value])
        found = {name: lane.jobs[-1].only_change for name, lane in lanes.items() if lane.jobs}
        for lane in lanes.values():
            for job in list(lane.jobs):
                lane.finish(job)
        return found

    for team in ("chat+bot", "chat", ""):
        assert taken(kind=kind, team=team) == {"bot": True, "other bot": True}
    assert taken(kind=kind, team="chat+bot", channel="all") == {"chat": False, "bot": False, "other bot": True}
    for others in ({"kind": "raised"}, {"kind": "corrected"}, {"kind": kind, "level": "operations"}):
        assert taken(team="chat+bot", **others) == {"chat": False, "bot": False}
    assert b"sla_notifier_unrouted_alerts_total 0.0" in generate_latest(house._metrics.registry)
    assert taken(kind="raised", team="") == {}
    assert b"sla_notifier_unrouted_alerts_total 1.0" in generate_latest(house._metrics.registry)


def test_a_change_waits_for_no_quiet_hours_and_no_silence() -> None:
    """It is seen by nobody who does not look; what was silenced, or is held, has no message that could be changed."""
    lane = Held("bot", 10, Editing([]))
    silence = Silence(id="1", when={}, since="", until="", reason="", by="", at="")
    house = Intake(ByTeam(), {"bot": lane}, NotifierMetrics(), lambda alert, decided_at: silence)
    house.partitions[0] = partition = Partition()
    house.take(partition, [Record(0, msgspec.json.encode(alert_record(kind="recovered", team="bot", priority="low")))])
    assert [(job.hold, job.silence, job.only_change) for job in lane.jobs] == [(0, "", True)]


def alerts(*rows: dict[str, Any]) -> list[Record]:
    return [Record(offset, msgspec.json.encode(alert_record(1, **row))) for offset, row in enumerate(rows)]


@pytest.mark.parametrize("edits", [False, True], ids=["chat", "bot"])
def test_what_became_of_an_alert_that_is_held_is_told_in_its_place(edits: bool) -> None:
    """In the morning nobody is called for what was answered at night; nor after a restart, nor behind a full queue."""
    for kinds in (["acknowledged"], ["recovered"], ["acknowledged", "recovered"]):
        lane = Held("desk", 10, Editing([]) if edits else None)
        house = Intake(ByTeam(), {"desk": lane}, NotifierMetrics())
        house.partitions[0] = partition = Partition()
        rows = alerts(*({"kind": kind, "team": "desk", "priority": "low"} for kind in ("raised", *kinds)))
        house.take(partition, rows)
        job = lane.jobs[0]
        assert (job.hold, job.message.alert.kind, job.message.told.kind) == (START + HOUR, "raised", kinds[-1])
        assert job.message.key == f"{job.message.alert.alert_id}|raised|desk", "its outcome is its own"
        lane.finish(job)
        partition.behind["desk"] = 0
        house.take_again(partition, lane, rows)
        assert [job.message.told.kind for job in lane.jobs if not job.only_change] == [kinds[-1]]


def test_what_is_not_held_or_is_asked_for_by_name_is_told_as_it_was() -> None:
    for fields in ({"priority": "urgent"}, {"priority": "low", "channel": "all"}):
        lane = Held("desk", 10)
        house = Intake(ByTeam(), {"desk": lane}, NotifierMetrics())
        house.partitions[0] = Partition()
        kinds = ("raised", "recovered")
        house.take(house.partitions[0], alerts(*({"kind": kind, "team": "desk"} | fields for kind in kinds)))
        assert lane.jobs[0].message.told.kind == "raised"
