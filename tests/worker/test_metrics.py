"""What /metrics says of partitions filled with a simulated centre's events: clean, right, bounded and cheap to ask."""

import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import exp, factorial
from pathlib import Path
from typing import Any
from zlib import crc32

import aiohttp
import msgspec
import pytest
from partitions import Input
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.engine import MemoryStore
from agents.gauge_rows import FAMILIES
from agents.gauges import MAX_SERIES, TicketGauges
from agents.meters import Meters
from agents.notifier.metrics import NotifierMetrics
from agents.partition import Rules, TicketPartition
from agents.simulator import simulate
from agents.web import serving
from config.policies import default_policies
from config.staffing import default_staffing
from streams.demand import Staffing
from streams.events import TOPIC_OF, TYPES, tag_of
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant
from streams.ledger_record import LedgerRecord, decode
from streams.policies import TARGETS
from streams.windows import WINDOWS

BEGIN = parse_instant("2026-03-02T00:00:00+08:00")
PARTITIONS = 3
Event = dict[str, Any]


class Centre:
    """A worker's partitions without its engine: all events are applied, and written as the engine would."""

    def __init__(self, events: Iterable[Event], now: int, numbers: Sequence[int] = range(PARTITIONS)) -> None:
        self.meters = Meters()
        self.now = now
        self.ledger: dict[str, LedgerRecord] = {}
        self.rules = Rules(
            policies=default_policies(),
            inputs={TOPIC_OF[tag_of(event_type)]: event_type for event_type in TYPES},
            alerts="alerts",
            ledger="ledger",
            dead_letters="dead",
            grace=SECOND,
            retention=30 * DAY,
            max_age=DAY,
            max_ahead=0,
        )
        stores = {number: MemoryStore() for number in numbers}
        self.partitions = {
            number: TicketPartition(number, store, self.rules, self.meters, now).loaded()
            for number, store in stores.items()
        }
        batches: defaultdict[tuple[int, str], list[Input]] = defaultdict(list)
        for event in events:
            topic, key = TOPIC_OF[event["type"]], str(event.get("ticket_id") or event["agent_id"]).encode()
            batches[crc32(key) % PARTITIONS, topic].append(Input(topic, key, msgspec.json.encode(event)))
        for (number, _), records in batches.items():
            if number in self.partitions:
                changes = self.partitions[number].chunk(records, now)
                stores[number].put(changes.tickets)
                for out in changes.records:
                    if out.topic == "ledger" and out.value is not None:
                        record = decode(out.value)
                        self.ledger[record.ticket_id] = record
        self.gauges = TicketGauges(self.partitions.values, self.rules, lambda: self.now, default_staffing(), PARTITIONS)

    async def metrics(self) -> str:
        """What a scrape gets."""
        return await scraped(self.meters, self.gauges)


async def scraped(meters: Meters | NotifierMetrics, gauges: TicketGauges | None = None) -> str:
    text = gauges.text if gauges is not None else None
    async with (
        serving("127.0.0.1", 0, meters.registry, dict, gauges=text) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        assert response.content_type == "text/plain"
        return await response.text()


def simulated(tickets: int, seed: int = 1, days: float = 1.0) -> list[Event]:
    return list(simulate(tickets, seed, days, BEGIN))


def series(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def values(text: str, name: str, by: Callable[[dict[str, str]], Any]) -> dict[Any, float]:
    """The sums of a metric's samples, grouped by something of their labels."""
    sums: Counter[Any] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                sums[by(sample.labels)] += sample.value
    return dict(sums)


@pytest.fixture(scope="module")
def day() -> Centre:
    """A day of a centre, seen at its end."""
    return Centre(simulated(600), BEGIN + DAY)


@pytest.fixture
async def text(day: Centre) -> str:
    return await day.metrics()


async def test_promtool_finds_nothing_to_say(promtool: Path, text: str) -> None:
    notifier = NotifierMetrics()
    notifier.watch("desk", queue=lambda: 0, behind=lambda: 0)
    for metrics in (text, await scraped(notifier)):
        assert promtools(promtool, metrics) == (0, "")


def promtools(program: Path, metrics: str) -> tuple[int, str]:
    """Its exit code and what it finds."""
    checked = subprocess.run([program, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False)
    return checked.returncode, checked.stdout + checked.stderr


def test_every_family_is_there_and_has_a_value(text: str) -> None:
    found = {family.name: len(family.samples) for family in text_string_to_metric_families(text)}
    assert [family.name for family in FAMILIES if not found.get(family.name)] == []


def test_when_counters_were_created_is_not_told(text: str) -> None:
    assert [line for line in series(text) if "_created{" in line or "_created " in line] == []
    assert "sla_events_total{" in text


async def test_counters_whose_labels_are_known_begin_at_zero() -> None:
    """Else Prometheus sees no increase of what happens for the first time."""
    text = await scraped(Meters())
    found = {name: values(text, name, lambda labels: frozenset(labels.values())) for name in (
        "sla_events_total", "sla_dead_letters_total", "sla_verdicts_total", "sla_alerts_total")}  # fmt: skip
    assert found["sla_events_total"][frozenset({"ticket_created", "applied"})] == 0
    assert found["sla_dead_letters_total"][frozenset({"unreadable"})] == 0
    assert found["sla_verdicts_total"][frozenset({"resolution", "breached"})] == 0
    assert found["sla_alerts_total"][frozenset({"first_response", "breach", "raised"})] == 0
    assert sum(sum(series.values()) for series in found.values()) == 0
    assert sum(map(len, found.values())) < 250


def test_the_queue_is_that_of_the_ledger(day: Centre, text: str) -> None:
    done = ("resolved", "closed", "cancelled")
    waiting = [record for record in day.ledger.values() if record.status not in done]
    states = values(text, "sla_queue_tickets", lambda labels: labels["state"])
    assert states["open"] == len(waiting) > 0
    assert states["on_customer"] == sum(record.status == "waiting_on_customer" for record in waiting)
    unanswered = [
        record
        for record in waiting
        if any(clock.target == "first_response" and clock.stopped_at is None for clock in record.clocks)
    ]
    assert states["unanswered"] == len(unanswered)


def test_the_longest_window_is_that_of_the_ledger(day: Centre, text: str) -> None:
    """A day fits into the week: all verdicts of the ledger are in it, by target, team, priority and channel."""
    judged: Counter[tuple[str | None, ...]] = Counter()
    met: Counter[tuple[str | None, ...]] = Counter()
    for record in day.ledger.values():
        for clock in record.clocks:
            if clock.verdict in ("met", "breached"):
                where = (clock.target, record.team, record.priority, record.channel)
                judged[where] += 1
                met[where] += clock.verdict == "met"

    def week(labels: dict[str, str]) -> tuple[str, ...] | None:
        if labels["window"] != "7d":
            return None
        return (labels["target"], labels["team"], labels["priority"], labels["channel"])

    found = values(text, "sla_window_judged", week)
    kept = values(text, "sla_window_met", week)
    assert {where: count for where, count in found.items() if where} == dict(judged)
    assert {where: count for where, count in kept.items() if where and count} == {w: n for w, n in met.items() if n}


def test_the_counters_are_those_of_the_ledger(day: Centre, text: str) -> None:
    kept = values(text, "sla_verdicts_total", lambda labels: labels["verdict"])
    retracted = values(text, "sla_verdicts_retracted_total", lambda labels: labels["verdict"])
    verdicts = Counter(clock.verdict for record in day.ledger.values() for clock in record.clocks)
    for verdict in ("met", "breached"):
        assert kept[verdict] - retracted.get(verdict, 0) == verdicts[verdict]


def test_who_gave_up_are_those_of_the_ledger(day: Centre, text: str) -> None:
    gone = [
        record
        for record in day.ledger.values()
        if (record.status, record.reason) == ("cancelled", "abandoned")
        and any(clock.target == "first_response" and clock.stopped_at is None for clock in record.clocks)
    ]
    given_up = values(text, "sla_window_given_up", lambda labels: (labels["window"], labels["channel"]))
    by_channel = Counter(("7d", str(record.channel)) for record in gone)
    assert {where: count for where, count in given_up.items() if where[0] == "7d" and count} == dict(by_channel)
    assert len(gone) > 5


def erlang_c_level(load: float, agents: int, aht: float, target: float) -> float:
    """The share answered in time, with factorials."""
    if agents <= load:
        return 0.0
    busy = load**agents / factorial(agents) * agents / (agents - load)
    waits = busy / (sum(load**n / factorial(n) for n in range(agents)) + busy)
    return 1 - waits * exp(-(agents - load) * target / aht)


async def test_what_is_required_is_what_the_events_come_to() -> None:
    """The chats of a morning in which nobody gives up, counted from the events themselves."""
    now = BEGIN + 10 * HOUR
    events = [event for event in simulated(900) if parse_instant(event["occurred_at"]) <= now]
    gone = {event["ticket_id"] for event in events if event.get("reason") == "abandoned"}
    events = [event for event in events if event.get("ticket_id") not in gone]
    text = await Centre(events, now).metrics()
    load, required, handling = (
        values(text, f"sla_{name}", lambda labels: (labels["team"], labels["channel"]))
        for name in ("queue_load_erlangs", "agents_required", "queue_handling_seconds")
    )
    chats = {e["ticket_id"]: e for e in events if e["type"] == "ticket_created" and e["channel"] == "chat"}
    moved = {e["ticket_id"]: e["team"] for e in events if e["type"] == "ticket_updated" and "team" in e}
    teams = {ticket: moved.get(ticket, event["team"]) for ticket, event in chats.items()}
    for team in set(teams.values()):
        arrived = [parse_instant(event["occurred_at"]) for ticket, event in chats.items() if teams[ticket] == team]
        handled = sum(e.get("handle_seconds", 0) for e in events if teams.get(e.get("ticket_id", "")) == team)
        aht = handled / len(arrived)
        erlangs = sum(at > now - HOUR for at in arrived) * aht / 3600
        enough = [erlang_c_level(erlangs, agents, aht, 900) >= 0.9 for agents in range(20)]
        assert handling[team, "chat"] == pytest.approx(aht)
        assert load[team, "chat"] == pytest.approx(erlangs)
        assert required[team, "chat"] == (enough.index(True) if erlangs else 0)
    assert max(required.values()) > 1


def test_the_staffed_are_those_online_or_busy(day: Centre, text: str) -> None:
    newest: dict[str, Event] = {}
    for event in simulated(600):
        if event["type"] == "agent_status_changed":
            newest[event["agent_id"]] = event
    at_work = Counter(event["team"] for event in newest.values() if event["status"] in ("online", "busy"))
    staffed = values(text, "sla_agents_staffed", lambda labels: labels["team"])
    assert {team: count for team, count in staffed.items() if count} == dict(at_work)
    assert sum(at_work.values()) > 0


@pytest.mark.parametrize(("says", "source"), [(True, "replies"), (False, "configured")])
def test_a_handling_time_that_is_configured_is_said_to_be(says: bool, source: str) -> None:
    """Two of three teams reply, and say how long it took, or do not."""
    events = [event if says else without(event, "handle_seconds") for event in alike(9)]
    centre = Centre(events, BEGIN + 2 * HOUR)
    staffing = Staffing(default_staffing().goals, frozenset(), {"": 6 * MINUTE})
    gauges = TicketGauges(centre.partitions.values, centre.rules, lambda: centre.now, staffing, PARTITIONS)
    (handles,) = [family for family in gauges.collect() if family.name == "sla_queue_handling_seconds"]
    sources = {sample.labels["team"]: sample.labels["source"] for sample in handles.samples}
    assert sources == {"team-0": "configured", "team-1": source, "team-2": source}


def without(event: Event, field: str) -> Event:
    return {name: value for name, value in event.items() if name != field}


def test_required_adds_up_over_workers_to_what_one_would_say(day: Centre, text: str) -> None:
    """Each reckons with all tickets by its share of them: within an agent and a tenth of what is right."""
    one = values(text, "sla_agents_required", lambda labels: labels["team"])
    parts: Counter[str] = Counter()
    for numbers in ([0], [1, 2]):
        families = Centre(simulated(600), BEGIN + DAY, numbers).gauges.collect()
        for family in families:
            if family.name == "sla_agents_required":
                for sample in family.samples:
                    parts[sample.labels["team"]] += sample.value
    for team, agents in one.items():
        assert abs(parts[team] - agents) <= 2 + agents / 10


async def test_sums_over_workers_are_those_of_one(day: Centre, text: str) -> None:
    """Two workers share the partitions: their gauges add up, whoever holds what."""
    shared = [Centre(simulated(600), BEGIN + DAY, numbers) for numbers in ([0], [1, 2])]
    texts = [await worker.metrics() for worker in shared]

    def where(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(labels.items()))

    for name in ("sla_window_judged", "sla_window_met", "sla_window_spent_seconds", "sla_queue_tickets",
                 "sla_tickets_kept", "sla_staff_agents", "sla_agents_staffed"):  # fmt: skip
        parts = Counter[Any]()
        for part in texts:
            parts.update(values(part, name, where))
        whole = values(text, name, where)
        assert dict(parts) == pytest.approx({**dict.fromkeys(parts, 0.0), **whole}), name


async def test_nothing_is_told_of_a_partition_that_is_given_up(day: Centre) -> None:
    held = TicketGauges(lambda: (), day.rules, lambda: day.now, default_staffing(), PARTITIONS)
    families = await held.collected()
    assert [sample for family in families for sample in family.samples if sample.value] == []


async def test_collecting_in_turns_gives_what_collecting_at_once_does(day: Centre) -> None:
    in_turns = await day.gauges.collected()
    assert [(f.name, f.samples) for f in in_turns] == [(f.name, f.samples) for f in day.gauges.collect()]


async def test_the_text_is_what_the_library_makes_of_what_is_collected_also_when_some_of_it_has_changed() -> None:
    centre = Centre(simulated(60), BEGIN + DAY)
    for passed in (0, 0, MINUTE, 8 * DAY):
        centre.now += passed
        for partition in centre.partitions.values():
            partition.tick(centre.now)
        text = await centre.gauges.text()
        registry = CollectorRegistry()
        registry.register(centre.gauges)
        assert text == generate_latest(registry)


def as_many(events: Iterable[Event], count: int, what: str) -> Iterable[Event]:
    """The same events, told apart by so many teams (or priorities, or channels)."""
    for event in events:
        number = crc32(str(event.get("ticket_id") or event["agent_id"]).encode()) % count
        yield {**event, what: f"{what}-{number}"} if event.get(what) else event


@pytest.mark.parametrize("what", ["team", "priority", "channel"])
async def test_the_series_are_bounded_and_nothing_is_left_out(what: str) -> None:
    events = simulated(2_000, days=3.0)
    centre = Centre(as_many(events, 300, what), BEGIN + 3 * DAY)
    text = await centre.metrics()
    assert len(series(text)) <= MAX_SERIES
    names = values(text, "sla_window_judged", lambda labels: labels[what])
    assert names["other"] > 0
    all_of_them = values(text, "sla_window_judged", lambda labels: labels["window"])
    for window in WINDOWS:
        sums = [partition.windows.sums(window) for partition in centre.partitions.values()]
        judged = sum(cell.count for cells in sums for key, cell in cells.items() if key[0] < len(TARGETS))
        assert all_of_them.get(window.name, 0) == judged


async def test_the_busiest_teams_keep_their_names() -> None:
    events = as_many(simulated(2_000, days=3.0), 300, "team")
    busy = list(as_many(simulated(300, seed=2, days=3.0), 1, "team"))
    told_apart = [{**event, "ticket_id": f"b-{event.get('ticket_id')}"} for event in busy if "ticket_id" in event]
    text = await Centre([*events, *told_apart], BEGIN + 3 * DAY).metrics()
    names = values(text, "sla_window_judged", lambda labels: labels["team"])
    named = {team: count for team, count in names.items() if team != "other"}
    assert len(named) > 20
    assert max(named, key=lambda team: named[team]) == "team-0"


async def test_an_ordinary_centre_keeps_all_its_names(text: str) -> None:
    for label in ("team", "priority", "channel"):
        assert "other" not in values(text, "sla_window_judged", lambda labels, label=label: labels[label])


async def test_a_scrape_does_not_grow_with_the_tickets() -> None:
    """Ten times the tickets with the same labels: the same lines but for the odd combination that did not occur."""
    few, many = [await Centre(alike(count), BEGIN + 2 * HOUR).metrics() for count in (300, 3_000)]
    assert len(series(many)) == len(series(few))
    kept = [values(text, "sla_tickets_kept", lambda labels: labels["kind"])["created"] for text in (few, many)]
    assert kept == [300, 3_000]


def alike(count: int) -> Iterable[Event]:
    """So many tickets of three kinds, a third of them unanswered, within the same hour."""
    for number in range(count):
        ticket = {"ticket_id": f"T-{number}"}
        at = f"2026-03-02T00:{number % 60:02}:00+08:00"
        yield {**ticket, "type": "ticket_created", "event_id": "c", "occurred_at": at, "team": f"team-{number % 3}"}
        if number % 3:
            later = f"2026-03-02T01:{number % 60:02}:00+08:00"
            yield {**ticket, "type": "agent_replied", "event_id": "r", "occurred_at": later, "handle_seconds": 60}


def test_the_lateness_of_alarms_is_measured_from_deadline_and_grace() -> None:
    centre = Centre(alike(3), BEGIN + MINUTE)
    due = BEGIN + 2 * HOUR  # the ticket without an answer
    for partition in centre.partitions.values():
        partition.ring(due + 2 * SECOND, due + SECOND + 300_000)
    (sample,) = [
        sample
        for family in centre.meters.lateness.collect()
        for sample in family.samples
        if sample.name.endswith("_sum")
    ]
    assert sample.value == pytest.approx(0.3)
