"""Explaining a ticket: the figures add up to the verdicts, the words are right, and a person can read it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from command_line import slawatch
from prometheus_client import CollectorRegistry

from agents.simulator import simulate
from agents.web import serving
from config.policies import load_policies
from streams import ledger
from streams.alerts import Gate, ring
from streams.events import Reader, TicketEvent
from streams.explain import ExplainedClock, Explanation, explain
from streams.instants import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant, to_datetime
from streams.policies import Policies
from streams.ticket import Ticket

POLICIES = """
version: 1
calendars:
  office:
    timezone: Asia/Shanghai
    weekly: {mon: ["09:00-18:00"], tue: ["09:00-18:00"], wed: ["09:00-18:00"], thu: ["09:00-18:00"]}
policies:
  - name: urgent
    when: {priority: [urgent]}
    targets:
      first_response: {limit: 15m, warn: [50%]}
      next_response: {limit: 15m}
      resolution: {limit: 9h, calendar: office}
      acceptance: {limit: 1h}
  - name: vip
    when: {tags: [vip, gold]}
    effective: {until: "2030-01-01T00:00:00Z"}
    targets:
      first_response: {limit: 1h, met_by: [reply]}
  - name: rest
    targets:
      first_response: {limit: 2h}
      resolution: {limit: 72h, calendar: office}
"""
BEGIN = parse_instant("2026-03-02T09:00:00+08:00")  # a Monday
ID = "T-1"


@pytest.fixture(scope="session")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explain") / "policies.yaml"
    path.write_text(POLICIES)
    return path


@pytest.fixture(scope="session")
def policies(policy_file: Path) -> Policies:
    return load_policies(policy_file)


def event(tag: str, after: int, /, **fields: Any) -> dict[str, Any]:
    at = format_instant(BEGIN + after)
    return {"type": tag, "event_id": f"{tag}-{after}", "ticket_id": ID, "occurred_at": at, **fields}


def ticket_of(events: list[dict[str, Any]], policies: Policies) -> Ticket:
    ticket = Ticket(policies.fingerprint)
    for one in events:
        read = Reader().read(msgspec.json.encode(one))
        assert isinstance(read, TicketEvent)
        ticket.apply(read.fact(), policies)
    return ticket


def clock_of(explained: Explanation, target: str, cycle: int = 0) -> ExplainedClock:
    (clock,) = [clock for clock in explained.clocks if (clock.target, clock.cycle) == (target, cycle)]
    return clock


CREATED = event("ticket_created", 0, priority="urgent", team="billing")
PAUSED = [
    CREATED,
    event("agent_replied", 20 * MINUTE, agent_id="a-7"),
    event("status_changed", HOUR, status="waiting_on_customer"),
    event("customer_replied", 30 * HOUR),
    event("status_changed", 30 * HOUR, status="open", seq=1),
]


class TestTheFigures:
    def test_the_stretches_of_every_clock_add_up_to_its_elapsed(self, policies: Policies, seed: int) -> None:
        """A simulated centre: what each clock counted is its elapsed, and its verdict is the ledger's."""
        events: dict[str, list[dict[str, Any]]] = {}
        for one in simulate(300, seed % 1000, 3, BEGIN):
            if one["type"] != "agent_status_changed":
                events.setdefault(one["ticket_id"], []).append(one)
        as_of = BEGIN + 3 * DAY
        seen = 0
        for ticket_id, of_ticket in events.items():
            ticket = ticket_of(of_ticket, policies)
            explained = explain(ticket_id, ticket, policies, as_of)
            assert ticket.state is not None
            listed = [clock for clock in explained.clocks if clock.verdict is not None]
            recorded = ledger.record(ticket_id, ticket.state, as_of).clocks
            assert [(c.target, c.cycle, c.verdict) for c in listed] == [
                (r.target, r.cycle, r.verdict) for r in recorded
            ]
            for clock in listed:
                if clock.elapsed_seconds is not None:
                    counted = clock.earlier_seconds + sum(stretch.counted_seconds for stretch in clock.stretches)
                    assert counted == pytest.approx(clock.elapsed_seconds, abs=1e-5), (ticket_id, clock)
                    seen += 1
                assert clock.started_by
                assert clock.stopped_by or clock.stopped_at is None
        assert seen > 300

    def test_the_sum_of_a_very_long_history_is_told_apart(self, policies: Policies) -> None:
        flips = [
            event("status_changed", (i + 1) * MINUTE, status=("on_hold", "open")[i % 2], seq=i) for i in range(600)
        ]
        resolution = clock_of(explain(ID, ticket_of([CREATED, *flips], policies), policies, BEGIN + DAY), "resolution")
        counted = sum(stretch.counted_seconds for stretch in resolution.stretches)
        assert resolution.earlier_seconds > 0
        assert resolution.elapsed_seconds == pytest.approx(resolution.earlier_seconds + counted)


class TestTheWords:
    def test_a_pause_and_business_hours(self, policies: Policies) -> None:
        explained = explain(ID, ticket_of(PAUSED, policies), policies, BEGIN + 31 * HOUR)
        resolution = clock_of(explained, "resolution")
        assert (resolution.verdict, resolution.policy, resolution.matched) == (
            "pending",
            "urgent",
            "priority is urgent",
        )
        assert (resolution.calendar, resolution.zone) == ("office", "Asia/Shanghai")
        assert [(s.status, s.runs, s.counted_seconds) for s in resolution.stretches] == [
            ("open", True, 3600.0),
            ("waiting_on_customer", False, 0.0),
            ("open", True, 3600.0),
        ]
        assert resolution.stretches[-1].ends is None
        assert resolution.why == "runs: 2h of 9h so far"
        assert resolution.deadline == to_datetime(parse_instant("2026-03-04T14:00:00+08:00"))

    def test_what_started_and_stopped_each_clock(self, policies: Policies) -> None:
        story = [
            *PAUSED,
            event("ticket_updated", 31 * HOUR, team="refunds"),
            event("status_changed", 32 * HOUR, status="resolved", accepted_by="refunds"),
        ]
        explained = explain(ID, ticket_of(story, policies), policies, BEGIN + 33 * HOUR)
        told = {(c.target, c.cycle): (c.started_by, c.stopped_by) for c in explained.clocks}
        assert told["first_response", 0] == ("the ticket's creation", "a public reply by a-7")
        assert told["next_response", 0] == ("the customer's message", "status resolved")
        assert told["acceptance", 0] == ("the hand-over to refunds", "status resolved")
        assert told["resolution", 0] == ("the ticket's creation", "status resolved")

    def test_a_breach_says_how_it_came_about(self, policies: Policies) -> None:
        breached = clock_of(explain(ID, ticket_of(PAUSED, policies), policies, BEGIN + DAY), "first_response")
        assert breached.verdict == "breached"
        assert breached.why == "the limit of 15m was reached and nothing had stopped the clock; it stopped after 20m"

    def test_a_change_that_finds_the_deadline_past(self, policies: Policies) -> None:
        story = [
            event("ticket_created", 0, priority="low"),
            event("ticket_updated", HOUR, priority="urgent"),
        ]
        breached = clock_of(explain(ID, ticket_of(story, policies), policies, BEGIN + HOUR), "first_response")
        assert breached.why == "a change of the ticket found the limit of 15m already past; it has run for 1h so far"

    def test_a_breach_stays_though_less_is_promised_now(self, policies: Policies) -> None:
        story = [CREATED, event("ticket_updated", HOUR, priority="low")]
        breached = clock_of(explain(ID, ticket_of(story, policies), policies, BEGIN + HOUR), "first_response")
        assert breached.policy == "rest"
        assert (
            breached.why == "breached by what was promised at that moment, and a breach stays; it has run for 1h so far"
        )

    def test_a_clock_that_only_a_reply_meets(self, policies: Policies) -> None:
        story = [event("ticket_created", 0, tags=["gold"]), event("status_changed", MINUTE, status="closed")]
        explained = explain(ID, ticket_of(story, policies), policies, BEGIN + HOUR)
        void = clock_of(explained, "first_response")
        assert void.verdict == "void"
        assert void.matched == "tags is gold or vip, started before 2030-01-01T00:00:00Z"
        assert void.why == "only a reply meets it, and the ticket is closed: void unless it is reopened"
        assert clock_of(explained, "resolution").verdict is None
        assert clock_of(explained, "resolution").why == "no policy promises this of such a ticket"

    def test_a_second_hand_over(self, policies: Policies) -> None:
        story = [
            CREATED,
            event("ticket_updated", MINUTE, team="refunds"),
            event("ticket_updated", 2 * MINUTE, team="legal"),
        ]
        explained = explain(ID, ticket_of(story, policies), policies, BEGIN + HOUR)
        first = clock_of(explained, "acceptance")
        assert (first.verdict, first.stopped_by) == ("void", "the hand-over to legal")
        assert first.why == "another hand-over ended it after 1m of 1h"

    def test_a_resting_clock_names_the_status(self, policies: Policies) -> None:
        explained = explain(ID, ticket_of(PAUSED[:3], policies), policies, BEGIN + 2 * HOUR)
        resting = clock_of(explained, "resolution")
        assert (resting.verdict, resting.deadline) == ("pending", None)
        assert resting.why == "rests in status waiting_on_customer after 1h of 9h"

    def test_notes(self, policies: Policies) -> None:
        cancelled = [CREATED, event("status_changed", MINUTE, status="cancelled")]
        assert explain(ID, ticket_of(cancelled, policies), policies, BEGIN).notes == [
            "cancelled: all its clocks are void"
        ]
        thanked = [CREATED, event("status_changed", MINUTE, status="closed"), event("customer_replied", HOUR)]
        (note,) = explain(ID, ticket_of(thanked, policies), policies, BEGIN + HOUR).notes
        assert note == "the customer wrote after it was done: a clock for that starts if it is reopened"
        (note,) = explain(ID, ticket_of([event("customer_replied", 0)], policies), policies, BEGIN).notes
        assert note == "its creation has not arrived: an orphan, judged in full once it does"

    def test_older_clocks_are_totals(self, policies: Policies) -> None:
        talk = [
            event(("customer_replied", "agent_replied")[i % 2], HOUR + i * MINUTE, seq=i) for i in range(2 * 70 + 1)
        ]
        notes = explain(ID, ticket_of([*PAUSED[:2], *talk], policies), policies, BEGIN + DAY).notes
        assert "6 older next_response clocks are kept as totals: 6 met, 0 breached, 0 void" in notes

    def test_what_was_announced_and_who_took_it(self, policies: Policies) -> None:
        ticket = ticket_of([CREATED], policies)
        warned_at, due = BEGIN + 8 * MINUTE, BEGIN + 16 * MINUTE
        ring(ID, ticket, policies, Gate(warned_at, warned_at, SECOND, DAY))
        ((_, alert),) = ring(ID, ticket, policies, Gate(due, due, SECOND, DAY))
        taken = event("alert_acknowledged", 17 * MINUTE, alert_id=alert.alert_id, by="lead")
        read = Reader().read(msgspec.json.encode(taken))
        assert isinstance(read, TicketEvent)
        ticket.apply(read.fact(), policies)
        clock = clock_of(explain(ID, ticket, policies, due), "first_response")
        assert clock.announced == ["warning 50%", "breach, acknowledged by lead"]

    def test_a_ticket_judged_by_other_policies_is_judged_anew(self, policies: Policies) -> None:
        stale = ticket_of([CREATED], Policies([], "other"))
        assert clock_of(explain(ID, stale, policies, BEGIN), "first_response").policy == "urgent"


class TestFromAFile:
    @pytest.fixture
    def events(self, tmp_path: Path) -> Path:
        path = tmp_path / "events.jsonl"
        other = {**event("ticket_created", 0), "ticket_id": "other", "event_id": "x"}
        later = {**event("customer_replied", 40 * HOUR), "ticket_id": "other", "event_id": "y"}
        lines = [json.dumps(one) for one in (*reversed(PAUSED), other, later, {**CREATED, "seq": "no"})]
        path.write_text("\n".join([*lines, '{"of": "another"}']))
        return path

    @pytest.fixture
    def explained(self, events: Path, policy_file: Path) -> Callable[..., Any]:
        def run(*arguments: str) -> Any:
            return slawatch("explain", *arguments, "--events", str(events), "--policies", str(policy_file))

        return run

    def test_a_person_can_read_it_at_80_columns(self, explained: Callable[..., Any]) -> None:
        done = explained(ID, "--as-of", format_instant(BEGIN + 31 * HOUR))
        assert done.returncode == 0, done.stderr
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        assert max(map(len, lines)) <= 80
        assert lines[:3] == [
            "Ticket T-1 as of 2026-03-03T08:00:00Z: open",
            "priority urgent, team billing",
            "5 events in full",
        ]
        assert "BREACHED  first response 0: the limit of 15m was reached and nothing had stopped" in lines
        assert "PENDING  resolution 0: runs: 2h of 9h so far." in lines
        assert "policy     urgent (priority is urgent)" in lines
        assert "limit      15m in calendar 24x7, warns at 50%" in lines
        assert "limit      9h in calendar office (Asia/Shanghai)" in lines
        assert "started    Mon 2026-03-02 09:00:00  2026-03-02T01:00:00Z  the ticket's creation" in lines
        assert "stopped    2026-03-02T01:20:00Z  a public reply by a-7" in lines
        assert "  rests  waiting_on_customer  Mon 2026-03-02 10:00:00     29h        -" in lines

    def test_bad_lines_that_name_the_ticket_are_told(self, explained: Callable[..., Any], events: Path) -> None:
        (line,) = explained(ID).stderr.splitlines()
        assert line.startswith(f"{events}:8: seq: ")

    def test_as_of_the_last_event_of_the_file(self, explained: Callable[..., Any]) -> None:
        for arguments in ((ID, "--json"), (ID, "--json", "--as-of", "last")):
            answer = msgspec.json.decode(explained(*arguments).stdout, type=Explanation)
            assert answer.as_of.isoformat() == "2026-03-03T17:00:00+00:00"
            assert answer.events == 5

    def test_events_after_the_instant_have_not_happened(self, explained: Callable[..., Any]) -> None:
        done = explained(ID, "--json", "--as-of", format_instant(BEGIN + 10 * MINUTE))
        answer = msgspec.json.decode(done.stdout, type=Explanation)
        assert clock_of(answer, "first_response").verdict == "pending"
        assert answer.events == 1

    def test_a_ticket_that_is_not_in_the_file(self, explained: Callable[..., Any]) -> None:
        done = explained("nobody")
        assert done.returncode == 1
        assert "holds no event of ticket 'nobody'" in done.stderr
        assert explained(ID, "--as-of", "2020-01-01T00:00:00Z").returncode == 1

    def test_what_others_wrote_does_not_steer_the_terminal(self, tmp_path: Path, policy_file: Path) -> None:
        path = tmp_path / "hostile.jsonl"
        path.write_text(json.dumps({**CREATED, "team": "[red]\x1b[2J\nBREACHED"}))
        done = slawatch("explain", ID, "--events", str(path), "--policies", str(policy_file))
        assert "\x1b" not in done.stdout
        assert r"team [red]\x1b[2J\nBREACHED" in done.stdout

    @pytest.mark.parametrize(
        "arguments",
        [("--events", "{events}"), ("--as-of", "last"), ("--policies", "{policies}"), ("--worker", "ftp://x")],
    )
    def test_options_that_do_not_go_together(self, arguments: tuple[str, str], events: Path, policy_file: Path) -> None:
        option, value = arguments
        done = slawatch("explain", ID, option, value.format(events=events, policies=policy_file))
        assert done.returncode == 2
        assert "Error:" in done.stderr


class TestFromAWorker:
    """Over HTTP, as a worker answers."""

    @asynccontextmanager
    async def worker(self, policies: Policies, *tickets: str) -> AsyncIterator[int]:
        async def answer(request: web.Request) -> web.Response:
            name = request.match_info["ticket_id"]
            if name not in tickets:
                return web.json_response({"error": "not here"}, status=404)
            explained = explain(name, ticket_of(PAUSED, policies), policies, BEGIN + DAY)
            return web.Response(body=msgspec.json.encode(explained), content_type="application/json")

        routes = [web.get("/tickets/{ticket_id}", answer)]
        async with serving("127.0.0.1", 0, CollectorRegistry(), dict, routes) as port:
            yield port

    async def test_the_one_that_holds_the_ticket_answers(self, policies: Policies) -> None:
        name = "a/b c%2F?#ü"
        async with self.worker(policies) as first, self.worker(policies, name) as second:
            workers = ["--worker", f"http://127.0.0.1:{first}/", "--worker", f"127.0.0.1:{second}"]
            done = await asyncio.to_thread(slawatch, "explain", name, *workers)
            own = await asyncio.to_thread(slawatch, "explain", name, "--json", metrics_listen=f"0.0.0.0:{second}")
        assert done.stdout.startswith(f"Ticket {name} as of 2026-03-03T01:00:00Z: open"), done.stderr
        assert msgspec.json.decode(own.stdout, type=Explanation).ticket_id == name

    async def test_none_holds_it(self, policies: Policies) -> None:
        async with self.worker(policies) as port:
            done = await asyncio.to_thread(slawatch, "explain", ID, "--worker", f"127.0.0.1:{port}")
        assert done.returncode == 1
        assert "ticket 'T-1' is in no partition of" in done.stderr

    async def test_one_does_not_answer(self, policies: Policies) -> None:
        async with self.worker(policies) as port:
            gone = f"127.0.0.1:{port}"
        done = await asyncio.to_thread(slawatch, "explain", ID, metrics_listen=gone)
        assert done.returncode == 70
        assert f"http://{gone}: no worker answers" in done.stderr
        assert "--events FILE" in done.stderr

    async def test_something_else_answers(self) -> None:
        async with serving("127.0.0.1", 0, CollectorRegistry(), dict) as port:
            done = await asyncio.to_thread(slawatch, "explain", ID, "--worker", f"127.0.0.1:{port}")
        assert done.returncode == 70
        assert "answers 404, it is no worker" in done.stderr
