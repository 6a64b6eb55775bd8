"""The simulated centre: it repeats itself, keeps the contract of the events, and behaves like a centre."""

import gzip
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from agents.commands.simulate import command
from agents.simulator import live, simulate
from agents.simulator.draw import Draw, Mix
from agents.simulator.kernel import Loop, Process
from agents.simulator.staff import Agent, Desk
from streams.events import TOPIC_OF, AgentStatusChanged, Reader
from streams.instants import DAY, HOUR, MINUTE, parse_instant

MONDAY = parse_instant("2026-03-02T00:00:00+08:00")

Event = dict[str, Any]


@pytest.fixture(scope="module")
def week() -> list[Event]:
    """A week of three thousand tickets."""
    return list(simulate(3_000, 11, 7, MONDAY))


def key(event: Event) -> str:
    return str(event.get("ticket_id") or event["agent_id"])


def first_answers(events: Iterable[Event]) -> dict[str, tuple[Event, int | None]]:
    """Ticket -> (its creation, microseconds until the first public reply of a person), cancelled ones left out."""
    created: dict[str, Event] = {}
    waited: dict[str, int] = {}
    for event in events:
        ticket = key(event)
        match event:
            case {"type": "ticket_created"}:
                created[ticket] = event
            case {"type": "agent_replied", "automated": True} | {"type": "agent_replied", "public": False}:
                pass
            case {"type": "agent_replied"} if ticket not in waited:
                asked = parse_instant(created[ticket]["occurred_at"])
                waited[ticket] = parse_instant(event["occurred_at"]) - asked
            case {"type": "status_changed", "status": "cancelled"}:
                del created[ticket]
    return {ticket: (event, waited.get(ticket)) for ticket, event in created.items() if "created_by" not in event}


def breached_share(events: list[Event], end: int) -> float:
    """Share of the tickets whose first answer was due before `end` and came late: urgent 15 min, others 2 h."""
    verdicts = []
    for created, waited in first_answers(events).values():
        limit = 15 * MINUTE if created["priority"] == "urgent" else 2 * HOUR
        if waited is not None or parse_instant(created["occurred_at"]) + limit < end:
            verdicts.append(waited is None or waited > limit)
    return sum(verdicts) / len(verdicts)


def test_a_seed_repeats_itself_and_another_does_not() -> None:
    once, again = (list(simulate(200, 5, 2, MONDAY)) for _ in range(2))
    assert once == again
    assert once != list(simulate(200, 6, 2, MONDAY))


@pytest.mark.parametrize(("tickets", "days"), [(1, 0.01), (1, 30), (250, 2), (2_000, 0.1)])
def test_exactly_the_tickets_asked_for_come_within_the_days(tickets: int, days: float, seed: int) -> None:
    start = MONDAY + 7 * HOUR + 1  # not a whole millisecond
    events = list(simulate(tickets, seed, days, start))
    created = [event["ticket_id"] for event in events if event["type"] == "ticket_created"]
    assert len(set(created)) == len(created) == tickets
    instants = [parse_instant(event["occurred_at"]) for event in events]
    assert instants == sorted(instants)
    assert start <= instants[0]
    assert instants[-1] < start + days * DAY + 1_000


def test_every_event_is_valid_and_unique_within_its_key(week: list[Event]) -> None:
    reader = Reader()
    seen: defaultdict[str, set[str]] = defaultdict(set)
    order: dict[str, tuple[int, int]] = {}
    for event in week:
        read = reader.read(msgspec.json.encode(event))
        assert not read.has_unknown_fields
        assert read.event_id not in seen[read.key]
        seen[read.key].add(read.event_id)
        if not isinstance(read, AgentStatusChanged):
            now = (read.at, read.seq or 0)
            assert order.get(read.key, (0, -1)) < now
            order[read.key] = now


def test_all_that_the_contract_knows_happens(week: list[Event]) -> None:
    types = Counter(event["type"] for event in week)
    assert set(types) == set(TOPIC_OF) - {"alert_acknowledged"}  # there is nobody to alert
    statuses = {event["status"] for event in week if event["type"] == "status_changed"}
    assert statuses == {"open", "waiting_on_customer", "on_hold", "resolved", "closed", "cancelled"}
    assert {event["reason"] for event in week if "reason" in event} == {"spam", "duplicate", "abandoned"}
    assert any("accepted_by" in event for event in week)
    assert any(event.get("automated") for event in week)
    assert any(event.get("public") is False for event in week)
    assert any(event.get("created_by") == "agent" for event in week)
    assert {event["valid"] for event in week if "valid" in event} == {False}


def test_a_done_ticket_is_reopened_before_it_is_resolved_again(week: list[Event]) -> None:
    status: dict[str, str] = {}
    reopened = thanked = 0
    for event in week:
        ticket = key(event)
        done = status.get(ticket) in ("resolved", "closed", "cancelled")
        if event["type"] == "status_changed":
            assert status.get(ticket) != "cancelled"
            assert not (done and event["status"] == "resolved")
            reopened += done and event["status"] == "open"
            status[ticket] = event["status"]
        elif event["type"] == "customer_replied":
            thanked += done
    assert reopened > 50
    assert thanked > reopened


@pytest.mark.parametrize(("tickets", "days"), [(300, 2), (3_000, 7), (12_000, 3)])
def test_a_realistic_share_of_first_answers_comes_late(tickets: int, days: int) -> None:
    shares = [
        breached_share(list(simulate(tickets, each, days, MONDAY)), MONDAY + days * DAY)
        for each in range(max(1, 4_000 // tickets))
    ]
    assert 0.05 < sum(shares) / len(shares) < 0.15, shares


def test_answers_take_longer_where_agents_are_missing() -> None:
    full, short = (
        breached_share(list(simulate(3_000, 3, 3, MONDAY, staffing)), MONDAY + 3 * DAY) for staffing in (1.0, 0.7)
    )
    assert short > 1.5 * full


def test_monday_morning_is_busy_noon_dips_and_night_sleeps() -> None:
    hours = Counter(
        divmod((parse_instant(event["occurred_at"]) - MONDAY) // HOUR, 24)
        for event in simulate(20_000, 2, 7, MONDAY)
        if event["type"] == "ticket_created"
    )
    morning, noon, afternoon, night = (sum(hours[day, hour] for day in range(5)) for hour in (10, 12, 14, 3))
    assert morning > noon
    assert afternoon > noon
    assert morning > 8 * night
    assert hours[0, 9] > 1.2 * hours[2, 9]


def test_people_work_only_when_they_are_there(week: list[Event]) -> None:
    """Statuses change, never repeat; whoever writes as one of the staff is busy; everybody goes home."""
    status: dict[str, str] = {}
    breaks: Counter[str] = Counter()
    for event in week:
        if event["type"] == "agent_status_changed":
            assert status.get(event["agent_id"], "offline") != event["status"]
            status[event["agent_id"]] = event["status"]
            breaks[event["status"]] += 1
        elif event["type"] == "agent_replied" and "agent_id" in event:
            assert status[event["agent_id"]] == "busy"
            assert event["agent_id"].startswith(event["team"])
    assert breaks["away"] > 50
    assert breaks["offline"] > 50
    assert Counter(status.values())["offline"] > len(status) / 2


def test_customers_come_back_with_the_same_matter(week: list[Event]) -> None:
    matters = Counter((event["customer_id"], event["category"]) for event in week if event["type"] == "ticket_created")
    assert sum(count - 1 for count in matters.values()) > 100


def test_bad_service_shows_in_the_ratings(week: list[Event]) -> None:
    reopened = {
        key(event)
        for event in week
        if event["type"] == "status_changed" and event["status"] == "open" and "accepted_by" not in event
    }
    scores: dict[bool, list[int]] = {True: [], False: []}
    for event in week:
        if event["type"] == "ticket_rated":
            scores[key(event) in reopened].append(event["score"])
    assert sum(scores[False]) / len(scores[False]) > sum(scores[True]) / len(scores[True])


def test_the_live_centre_tells_instant_type_and_event_for_as_long_as_asked() -> None:
    monday_nine = MONDAY + 9 * HOUR
    told = list(itertools.islice(live(1_500, 4, monday_nine), 5_000))
    assert all(at == parse_instant(event["occurred_at"]) for at, _, event in told)
    assert all(kind == event["type"] for _, kind, event in told)
    at_work = {event["agent_id"] for _, kind, event in told[:100] if kind == "agent_status_changed"}
    assert len(at_work) > 10
    days = (told[-1][0] - monday_nine) / DAY
    created = sum(kind == "ticket_created" for _, kind, _ in told)
    assert created / days > 1_500  # it is morning


def test_processes_at_one_instant_go_on_in_the_order_in_which_they_were_due() -> None:
    loop, heard = Loop(100), []

    def speaker(name: str, pauses: list[int]) -> Process:
        for pause in pauses:
            yield pause
            heard.append((loop.now, name))

    loop.resume(speaker("a", [10, 10]))
    loop.resume(speaker("b", [20, 0]))
    loop.resume(speaker("c", [1_000]))
    for _ in loop.run(until=1_100):
        pass
    assert heard == [(110, "a"), (120, "b"), (120, "a"), (120, "b")]


def test_a_desk_serves_by_rank_then_by_arrival_and_passes_over_who_is_gone() -> None:
    loop, served, told = Loop(0), [], []
    desk = Desk(loop, lambda agent: told.append((loop.now, agent.id, agent.status)))
    agent = Agent("a-1", "a", 1.0, 0.5)

    def wants(name: str, rank: int, *, gone: bool = False) -> Process:
        taker = yield desk.agent(SimpleNamespace(gone=gone), rank)
        served.append((loop.now, name, taker.id))
        yield 10
        desk.hand_back(taker)

    def duty() -> Process:
        yield 5
        desk.hand_back(agent)
        yield 25
        yield desk.leave(agent)
        desk.report(agent, "offline")

    for name, rank in [("third", 2), ("first", 0), ("second", 1), ("fourth", 2)]:
        loop.resume(wants(name, rank))
    loop.resume(wants("hung up", 0, gone=True))
    loop.resume(duty())
    for _ in loop.run(until=1_000):
        pass
    assert served == [(5, "first", "a-1"), (15, "second", "a-1"), (25, "third", "a-1")]
    assert told == [(5, "a-1", "busy"), (35, "a-1", "offline")]  # the work in hand was finished


def test_the_longest_idle_agent_takes_the_next() -> None:
    loop, served = Loop(0), []
    desk = Desk(loop, lambda _: None)
    for name in ("a-1", "a-2"):
        desk.hand_back(Agent(name, "a", 1.0, 0.5))

    def wants() -> Process:
        taker = yield desk.agent(SimpleNamespace(gone=False), 1)
        served.append(taker.id)

    loop.resume(wants())
    loop.resume(wants())
    for _ in loop.run(until=1):
        pass
    assert served == ["a-1", "a-2"]


def test_draws_have_the_means_they_promise(seed: int) -> None:
    draw, mix = Draw(seed), Mix({"a": 1, "b": 3})
    times = sorted(draw.around(10 * MINUTE) for _ in range(4_001))
    assert 9 * MINUTE < times[2_000] < 11 * MINUTE
    assert all(each % 1_000 == 0 for each in times)
    assert mix.share("a") == 0.25
    assert 0.7 < Counter(draw.pick(mix) for _ in range(4_000))["b"] / 4_000 < 0.8


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command, arguments)


def test_the_command_writes_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.jsonl.gz", "b.jsonl.gz")]
    for file in files:
        result = run("--tickets", "50", "--seed", "3", "--days", "2", "--out", str(file))
        assert result.exit_code == 0, result.output
        assert "events of 50 tickets" in result.stderr
    assert files[0].read_bytes() == files[1].read_bytes()
    on_screen = run("--tickets", "50", "--seed", "3", "--days", "2")
    assert on_screen.stdout_bytes == gzip.decompress(files[0].read_bytes())


def test_the_example_is_what_its_readme_says() -> None:
    examples = Path(__file__).parents[2] / "examples"
    (line,) = re.findall(
        r"`slawatch simulate (.*) --out examples/events.jsonl.gz`", (examples / "README.md").read_text()
    )
    made = run(*line.split())
    assert made.stdout_bytes == gzip.decompress((examples / "events.jsonl.gz").read_bytes())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tickets", "0"),
        ("--tickets", "5", "--start", "2026-03-02"),
        ("--tickets", "5", "--days", "0"),
        (),
    ],
)
def test_the_command_refuses_what_makes_no_sense(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_the_command_says_where_it_cannot_write(tmp_path: Path) -> None:
    result = run("--tickets", "5", "--out", str(tmp_path / "no" / "such.jsonl"))
    assert result.exit_code == 1
    assert "such.jsonl" in result.stderr
