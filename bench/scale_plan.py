"""What an installation of a size needs, by arithmetic from what is known of one worker; and what it uses up first."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, exp
from typing import TYPE_CHECKING, Any, NamedTuple

from agents.engine.alarms import ASK, POLL
from agents.engine.app import COMMIT_INTERVAL
from agents.engine.membership import FETCH_MAX_WAIT
from agents.engine.placement import LOOK
from agents.gauges import MAX_SERIES
from agents.topics import Topics

if TYPE_CHECKING:
    from scale_measured import Measured

DAY = 86_400.0
MONTH = 30 * DAY
HOURS = 730.0  # of a month
COPIES = 3
INPUTS = len(Topics().inputs)
COUNTED = INPUTS + 1
"""Topics whose numbers of partitions a worker looks at."""
ALL = len(Topics().all)
CLAIMS = 2
"""Commands to Redis an alert and destination: the claim, a script, and its end."""
CLAIMS_KEPT = 8 * DAY
STALL = 60.0
"""Seconds, the default of SLAWATCH_INPUT_STALL: then operations are told that the monitor is blind."""
SESSION = 10.0
"""Seconds, the default of SLAWATCH_SESSION_TIMEOUT."""
MOST_PARTITIONS = 10_000
GIB = 2**30
OTHERS = 500
"""Series of a worker beside those of teams."""


class Size(NamedTuple):
    """An installation."""

    events: float
    """A second."""
    open: float
    """Tickets that are open."""
    teams: int
    """That have agents of their own; each has four priorities and one channel."""

    @property
    def name(self) -> str:
        """As in the tables' heads."""
        return f"{_short(self.events)} events/s, {_short(self.open)} open"

    @property
    def labels(self) -> int:
        """Teams, priorities and channels that occur together."""
        return 4 * self.teams


SIZES = (Size(300, 50e3, 12), Size(10e3, 1e6, 50), Size(100e3, 10e6, 200), Size(1e6, 100e6, 200))


def _is(value: float, meaning: str) -> Any:
    return field(default=value, metadata={"means": meaning})


@dataclass(frozen=True)
class Assumed:
    """What is not measured here. Prices are assumptions of November 2026 and no vendor's: put in your own."""

    retention_days: float = _is(7.0, "SLAWATCH_RETENTION; 7 is the least that may be set, 30 the default")
    input_compression: float = _is(4.0, "how much smaller producers make the input")
    utilisation: float = _is(0.5, "of a worker's core while all is well: room for a lost zone, and to catch up")
    lanes: int = _is(8, "partitions a worker")
    zones: int = _is(3, "zones, a third of the workers and a copy of each record in each")
    worker_gib: float = _is(16.0, "memory that a worker may have, GiB")
    broker_write: float = _is(60e6, "bytes a second that a broker takes, as leader and as follower")
    broker_requests: float = _is(10e3, "questions where a topic ends that a broker answers a second")
    broker_replicas: float = _is(4000.0, "partitions' replicas of a broker")
    broker_disk: float = _is(16e12, "bytes of a broker's disk")
    broker_vcpu: float = _is(8.0, "vCPU of a broker")
    broker_gib: float = _is(32.0, "its memory, GiB")
    disk_fill: float = _is(0.6, "of each disk that is used")
    group_record: float = _is(
        1_048_588.0, "bytes: Kafka's default of message.max.bytes, which bounds the group's record"
    )
    offset_record: float = _is(120.0, "bytes of a committed offset")
    redis_write: float = _is(200e6, "bytes a second that one Redis takes")
    redis_commands: float = _is(50e3, "scripts a second that one Redis runs")
    redis_gib: float = _is(64.0, "memory of one Redis, GiB")
    claim_bytes: float = _is(200.0, "bytes of a claim in Redis")
    prometheus_series: float = _is(5e6, "series of one Prometheus")
    series_bytes: float = _is(4096.0, "bytes of its memory a series")
    scrape_every: float = _is(15.0, "seconds between its scrapes")
    chat_rate: float = _is(1.0, "messages a second that a team's channel takes")
    stall: float = _is(0.020, "seconds that the stream may stand still for a look at something else")
    price_vcpu_hour: float = _is(0.04, "a vCPU for an hour")
    price_gib_hour: float = _is(0.005, "a GiB of memory for an hour")
    price_disk_gb_month: float = _is(0.08, "a GB of disk for a month")
    price_zone_gb: float = _is(0.02, "a GB from one zone to another, the fees of both together")


@dataclass(frozen=True)
class Plan:
    """Of one size; bytes, and a second where it says so."""

    size: Size
    workers: int
    partitions: int
    brokers: int
    brokers_by: str
    """What their number follows from."""
    portion: float
    """Events that a lane reads at a time, live."""
    done: float
    """Done tickets kept until the retention is over."""
    memory: float
    """Of all workers, open tickets alone."""
    memory_done: float
    """On top, for the done ones and the marks of those forgotten."""
    local_disk: float
    input: float
    """Bytes a second, once: as are the next two."""
    changelog: float
    ledger: float
    kafka_disk: float
    """Of all replicas after a month."""
    ledger_month: float
    """Of that, the ledger, which nobody deletes: a month's tickets."""
    alerts: float
    """A second."""
    boards: float
    """Bytes a second to Redis."""
    board_cpu: float
    """Of a worker's core."""
    redis_memory: float
    series: float
    """Of all workers."""
    asks: float
    """Questions a second where the input ends, all workers and brokers."""
    fetches: float
    """A second, at most."""
    polls: float
    """Bytes a second of answers about partitions' numbers, all workers."""
    poll_stall: float
    """Seconds that a worker takes for one."""
    commits: float
    """Offsets a second, all of them to one partition of the offsets topic."""
    replicas: int
    """Of all topics' partitions."""
    between_zones: float
    """Bytes a second."""

    @property
    def kept(self) -> float:
        """Tickets, open and done."""
        return self.size.open + self.done


def plan(size: Size, of: Measured, assumed: Assumed) -> Plan:
    """What it takes; the number of workers follows from the events alone."""
    cores = size.events * of.cpu / 1e6
    workers = max(2, ceil(cores / assumed.utilisation))
    partitions = max(12, assumed.lanes * workers)
    portion = max(1.0, size.events / partitions * FETCH_MAX_WAIT)
    done = size.events / of.events_a_ticket * assumed.retention_days * DAY
    given = size.events * of.input_bytes / assumed.input_compression
    changelog, ledger = (size.events * of.changelog_bytes(portion), size.events * of.ledger_bytes(portion))
    alerts = size.events * of.alerts / 1e6
    written = given + changelog + ledger + alerts * of.alert_bytes
    ledger_month = size.events / of.events_a_ticket * MONTH * of.ledger_ticket_bytes * COPIES
    # Compaction leaves half as much again lying about.
    kafka_disk = COPIES * (given * 7 * DAY + (size.open + done) * of.ticket_bytes * 1.5) + ledger_month
    replicas = ALL * partitions * COPIES
    by = {
        "three replicas": COPIES,
        "bytes written": ceil(written * COPIES / assumed.broker_write),
        "replicas": ceil(replicas / assumed.broker_replicas),
        "disk": ceil(kafka_disk / assumed.disk_fill / assumed.broker_disk),
    }
    brokers_by, brokers = max(by.items(), key=lambda item: item[1])
    boards = partitions * size.labels * of.board_bytes
    ticks = (1 - exp(-alerts / workers * POLL)) / POLL
    away = 1 - 1 / assumed.zones
    return Plan(
        size=size,
        workers=workers,
        partitions=partitions,
        brokers=brokers,
        brokers_by=brokers_by,
        portion=portion,
        done=done,
        memory=workers * of.base_bytes + size.open * of.open_bytes,
        memory_done=done * (of.done_bytes + of.mark_bytes),
        local_disk=(size.open + done) * of.state_bytes,
        input=given,
        changelog=changelog,
        ledger=ledger,
        kafka_disk=kafka_disk,
        ledger_month=ledger_month,
        alerts=alerts,
        boards=boards,
        board_cpu=partitions / workers * size.labels * of.board_cpu,
        redis_memory=boards + alerts * CLAIMS_KEPT * assumed.claim_bytes,
        series=workers * min(MAX_SERIES, size.labels * of.series + OTHERS),
        asks=workers * (1 / ASK + ticks) * min(brokers, INPUTS * partitions / workers),
        fetches=workers * brokers / FETCH_MAX_WAIT,
        polls=workers / LOOK * COUNTED * partitions * of.metadata_bytes,
        poll_stall=COUNTED * partitions * of.metadata_cpu,
        commits=INPUTS * partitions / COMMIT_INTERVAL,
        replicas=replicas,
        # Producers and workers reach leaders, leaders two followers, and readers leaders; the boards reach Redis.
        between_zones=away * (written + given + boards) + (COPIES - 1) * written,
    )


def cost(of: Plan, assumed: Assumed) -> dict[str, float]:
    """A month, by what it is for."""

    def machines(vcpu: float, bytes_: float) -> float:
        return HOURS * (vcpu * assumed.price_vcpu_hour + bytes_ / GIB * assumed.price_gib_hour)

    def disk(bytes_: float) -> float:
        return bytes_ / 1e9 / assumed.disk_fill * assumed.price_disk_gb_month

    prometheus = of.series * assumed.series_bytes
    found = {
        "workers": machines(of.workers, of.memory * 1.25),
        "brokers": of.brokers * machines(assumed.broker_vcpu, assumed.broker_gib * GIB),
        "disks": disk(of.kafka_disk + of.local_disk),
        "between zones": of.between_zones * MONTH / 1e9 * assumed.price_zone_gb,
        "Redis, Prometheus, notifiers": machines(2 * 3, (of.redis_memory + prometheus) * 2),
    }
    found["in all"] = sum(found.values())
    found["of that, a million events"] = found["in all"] / (of.size.events * MONTH) * 1e6
    found["done tickets in memory, on top"] = machines(0, of.memory_done * 1.25)
    return found


class Limit(NamedTuple):
    """How far an installation uses something up: 1 is the limit."""

    what: str
    share: float
    limit: str
    """With a star: an assumption."""


def limits(of: Plan, assumed: Assumed, group: float, assign: float, takeover: tuple[float, float]) -> list[Limit]:
    """Of everything that has one. `group`: bytes of its record; `assign`: the leader's seconds; `takeover`: seconds
    until a dead worker's partitions are open elsewhere, with the open tickets alone, and with the done ones."""
    a, each = assumed, of.workers * assumed.worker_gib * GIB
    few, many = takeover
    claims = of.alerts * CLAIMS_KEPT * a.claim_bytes
    offsets = of.commits * a.offset_record
    memory = f"{a.worker_gib:.0f} GiB *"
    return [
        Limit("a worker's memory, open tickets alone", of.memory / each, memory),
        Limit("a worker's memory, done tickets too", (of.memory + of.memory_done) / each, memory),
        Limit(
            "a dead worker's partitions open again, open tickets alone",
            few / STALL,
            f"{STALL:.0f} s, SLAWATCH_INPUT_STALL",
        ),
        Limit(
            "a dead worker's partitions open again, done tickets too",
            many / STALL,
            f"{STALL:.0f} s, SLAWATCH_INPUT_STALL",
        ),
        Limit(
            "the record that keeps the group", group / a.group_record, f"{a.group_record:,.0f} bytes, Kafka's default"
        ),
        Limit("the leader's assignment, without a heartbeat", assign / SESSION, f"{SESSION:.0f} s, the session"),
        Limit("boards to Redis", of.boards / a.redis_write, f"{a.redis_write / 1e6:.0f} MB/s for one Redis *"),
        Limit("boards in a worker", of.board_cpu / (1 - a.utilisation), "what is left of its core"),
        Limit("claims in Redis, memory", claims / (a.redis_gib * GIB), f"{a.redis_gib:.0f} GiB *"),
        Limit(
            "claims in Redis, scripts", of.alerts * CLAIMS / a.redis_commands, f"{a.redis_commands:,.0f}/s for one *"
        ),
        Limit("the look at partitions' numbers", of.poll_stall / a.stall, f"{a.stall * 1e3:.0f} ms of the stream"),
        Limit(
            "questions where the input ends", of.asks / of.brokers / a.broker_requests, f"{a.broker_requests:,.0f}/s *"
        ),
        Limit("messages to chats", of.alerts / of.size.teams / a.chat_rate, f"{a.chat_rate:g}/s and team *"),
        Limit("commits to the group's coordinator", offsets / a.broker_write, f"{a.broker_write / 1e6:.0f} MB/s *"),
        Limit("replicas", of.replicas / of.brokers / a.broker_replicas, f"{a.broker_replicas:,.0f} a broker *"),
        Limit("partitions", of.partitions / MOST_PARTITIONS, f"{MOST_PARTITIONS:,}, SLAWATCH_PARTITIONS"),
        Limit("series", of.series / a.prometheus_series, f"{_short(a.prometheus_series)} for one Prometheus *"),
    ]


def _short(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"
