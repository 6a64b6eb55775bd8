"""Every panel's query, on a real Prometheus that scrapes a real worker and notifier on real events, gives what is so.

What is so is counted here from the events that were sent, by the independent judge, by the messages that the chat got
and by the alerts on Kafka; from the product come the fingerprint of the policies and the ports alone.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from fake_chat import FakeChat
from judge import judge_all, read_policies
from judge_time import instant
from kafka_io import created, event, now, replied
from processes import Installation
from prometheus_server import PrometheusServer
from queue_chain import answered_by_the_chain
from waiting import eventually

from config.policies import load_policies
from streams.events import TOPIC_OF
from streams.instants import DAY, HOUR, MINUTE, SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from processes import Program
    from prometheus_server import Answer
    from services import RedisServer

FILES = sorted((Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "json").glob("*.json"))
VARIABLES = {"$team": ".*", "$__rate_interval": "1m"}
POLICIES = """
version: 1
policies:
  - name: all
    targets:
      first_response: {limit: 10m}
      resolution: {limit: 75m}
"""
STAFFING = """
version: 1
goals: {first_response: 90%, resolution: 95%}
channels: {email: {handle: 6m}}
"""
GOALS = {"first_response": 0.9, "resolution": 0.95}
FIRST, SOLVED = 10 * MINUTE, 75 * MINUTE
HANDLED = 120  # seconds of a chat's reply
MAILED = 360  # of a mail, as configured
STATUS = {"a1": ("billing", "online"), "a2": ("billing", "busy"), "a3": ("billing", "away"), "a4": ("tech", "offline"),
          "a5": ("tech", "online")}  # fmt: skip
GARBAGE = 2
Event = dict[str, Any]


class Range(NamedTuple):
    """A value that moves while the test looks."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def grown(count: float) -> Range:
    """Prometheus stretches an increase to the edges of its span: by a sixth at the most, of a quarter of a minute."""
    return Range(count * 0.99, count * 1.17 + 1e-9)


Expected = dict[frozenset[tuple[str, str]], float | Range]


def one(value: float | Range, **labels: str) -> Expected:
    return {frozenset(labels.items()): value}


def by(label: str, values: Mapping[str, float | Range], **more: str) -> Expected:
    return {frozenset({label: name, **more}.items()): value for name, value in values.items()}


def story(at: int) -> list[Event]:
    """A morning of two teams: done, kept, given up, overdue, on hold, waiting again, due soon, due in a moment."""
    events: list[Event] = []

    def arrive(name: str, count: int, ago: int, team: str, channel: str) -> list[tuple[str, int]]:
        tickets = [(f"{name}{n}", at - ago + n * SECOND) for n in range(count)]
        events.extend(created(ticket, born, team=team, channel=channel) for ticket, born in tickets)
        return tickets

    for ticket, born in arrive("old", 8, 3 * HOUR, "billing", "chat"):  # in no window of an hour
        events.append(replied(ticket, born + 30 * MINUTE, handle_seconds=HANDLED))
        events.append(event("status_changed", ticket, born + HOUR, status="resolved"))
    for n, (ticket, born) in enumerate(arrive("kept", 16, 40 * MINUTE, "billing", "chat")):
        events.append(replied(ticket, born + MINUTE, handle_seconds=HANDLED))
        if n < 10:
            events.append(event("status_changed", ticket, born + 10 * MINUTE, status="resolved"))
    for ticket, born in arrive("gone", 4, 35 * MINUTE, "billing", "chat"):
        events.append(event("status_changed", ticket, born + 2 * MINUTE, status="cancelled", reason="abandoned"))
    arrive("late", 5, 20 * MINUTE, "billing", "chat")
    for n, (ticket, born) in enumerate(arrive("mail", 10, 30 * MINUTE, "tech", "email")):
        events.append(replied(ticket, born + 5 * MINUTE))
        if n < 2:
            events.append(event("customer_replied", ticket, born + 8 * MINUTE))
        elif n < 4:
            events.append(event("status_changed", ticket, born + 9 * MINUTE, status="on_hold"))
    arrive("soon", 6, 6 * MINUTE, "tech", "email")
    arrive("new", 4, MINUTE, "tech", "email")
    arrive("now", 3, 10 * MINUTE - 3 * SECOND, "tech", "email")
    return events


class Truth:
    """What there is to see at an instant, from the events alone."""

    def __init__(self, events: list[Event], at: int) -> None:
        self.at = at
        self.events = events
        self.clocks = judge_all(events, read_policies(yaml.safe_load(POLICIES)), at)
        self.born = {e["ticket_id"]: e for e in events if e["type"] == "ticket_created"}
        self.statuses = dict.fromkeys(self.born, "open") | {
            e["ticket_id"]: e["status"] for e in events if e["type"] == "status_changed"
        }
        self.replied = {e["ticket_id"] for e in events if e["type"] == "agent_replied"}
        self.asked_again = {e["ticket_id"] for e in events if e["type"] == "customer_replied"}
        self.undone = [t for t, status in self.statuses.items() if status in ("open", "on_hold")]
        self.unanswered = [t for t in self.undone if t not in self.replied]
        self.overdue = sorted({c.ticket_id for c in self.clocks if c.verdict == "breached" and c.stopped_at is None})

    def team(self, ticket: str) -> str:
        return str(self.born[ticket]["team"])

    def teams(self, tickets: Iterable[str]) -> dict[str, float]:
        counts = Counter(map(self.team, tickets))
        return {team: counts[team] for team in ("billing", "tech")}

    def due_within(self, minutes: int) -> list[str]:
        """Tickets whose nearest deadline that is not past is that near; a clock that rests has none."""
        running = [
            (clock.ticket_id, clock.started_at + (FIRST if clock.target == "first_response" else SOLVED))
            for clock in self.clocks
            if clock.verdict == "pending" and self.statuses[clock.ticket_id] == "open"
        ]
        nearest = {t: min(due for ticket, due in running if ticket == t) for t, _ in running}
        return [ticket for ticket, due in nearest.items() if due <= self.at + minutes * MINUTE]

    def waits(self, team: str = "") -> Range:
        """Seconds that the customer has waited who has waited longest, a few more by when it was scraped."""
        written = [
            one_event
            for one_event in self.events
            if (one_event["type"] == "ticket_created" and one_event["ticket_id"] in self.unanswered)
            or one_event["type"] == "customer_replied"
        ]
        since = [instant(e["occurred_at"]) for e in written if self.team(e["ticket_id"]).startswith(team)]
        longest = (self.at - min(since)) / SECOND
        return Range(longest - 3, longest + 3)

    def judged(self, target: str, within: int) -> list[str]:
        """The verdicts of that long: of a met clock at its stop, of a breached one at its breach."""
        found = [
            (clock.verdict, clock.breached_at if clock.verdict == "breached" else clock.stopped_at)
            for clock in self.clocks
            if clock.target == target and clock.verdict in ("met", "breached")
        ]
        return [verdict for verdict, at in found if at is not None and at > self.at - within]

    def kept(self, target: str, within: int) -> float:
        verdicts = self.judged(target, within)
        return verdicts.count("met") / len(verdicts)

    def lately(self, kind: str) -> list[Event]:
        """Events of the last hour."""
        return [e for e in self.events if e["type"] == kind and instant(e["occurred_at"]) > self.at - HOUR]


def overview(truth: Truth) -> dict[str, dict[str, Expected]]:
    """By panel and query."""
    hour = {target: truth.kept(target, HOUR) for target in GOALS}
    day = {target: truth.kept(target, DAY) for target in GOALS}
    judged = {target: float(len(truth.judged(target, DAY))) for target in GOALS}
    first = hour["first_response"]
    states = {"open": len(truth.undone), "unanswered": len(truth.unanswered), "overdue": len(truth.overdue)}
    return {
        "First responses kept, last hour": {"A": one(first, target="first_response", window="1h")},
        "Against the goal": {"A": one(first - 0.9, target="first_response")},
        "Overdue": {"A": one(len(truth.overdue))},
        "Due within 15 minutes": {"A": one(len(truth.due_within(15)))},
        "Oldest unanswered": {"A": one(truth.waits())},
        "Watched": {"A": one(1)},
        "Promises": {
            "A": by("target", hour),
            "B": by("target", day),
            "C": by("target", GOALS),
            "D": by("target", judged),
        },
        "Teams": {
            "A": by("team", truth.teams(truth.overdue)),
            "B": by("team", truth.teams(truth.due_within(15))),
            "C": by("team", truth.teams(truth.unanswered)),
            "D": by("team", truth.teams(truth.undone)),
            "E": by("team", {team: truth.waits(team) for team in ("billing", "tech")}),
        },
        "Kept, last hour": {"A": by("target", hour, window="1h"), "B": one(0.9, target="first_response")},
        "Queue": {"A": by("state", states)},
    }


def chats_need(truth: Truth) -> tuple[float, float, int]:
    """Handling time of a chat (seconds), its load in erlangs, and the agents that 90 % in time take."""
    chats = [ticket for ticket in truth.born if truth.team(ticket) == "billing"]
    gone = [ticket for ticket in chats if truth.statuses[ticket] == "cancelled"]
    answered = {e["ticket_id"]: instant(e["occurred_at"]) for e in truth.events if e["type"] == "agent_replied"}
    waits = [(answered[t] - instant(truth.born[t]["occurred_at"])) / SECOND for t in chats if t in answered]
    handling = HANDLED * len(waits) / (len(chats) - len(gone))
    load = sum(truth.team(e["ticket_id"]) == "billing" for e in truth.lately("ticket_created")) * handling / 3600
    patience = (sum(waits) + 120 * len(gone)) / len(gone) / handling
    target = FIRST / SECOND / handling
    agents = next(n for n in range(1, 9) if answered_by_the_chain(load, n, target, patience, 60) >= 0.9)
    return handling, load, agents


def queues(truth: Truth) -> dict[str, dict[str, Expected]]:
    handling, load, chatting = chats_need(truth)
    mails = sum(truth.team(ticket) == "tech" for ticket in truth.born)
    mail_due = {f"{m}m": sum(truth.team(t) == "tech" for t in truth.due_within(m)) for m in (5, 15, 60)}
    mailing = max(math.ceil(mail_due["15m"] * MAILED / 900), math.ceil(mail_due["60m"] * MAILED / 3600))
    work = {within: float(count * MAILED) for within, count in mail_due.items()}
    work["overdue"] = MAILED * truth.teams(truth.overdue)["tech"]
    staffed = {
        team: sum(at == (team, s) for at in STATUS.values() for s in ("online", "busy")) for team in ("billing", "tech")
    }
    chat, email = {"team": "billing", "channel": "chat"}, {"team": "tech", "channel": "email"}
    states = {
        "open": len(truth.undone),
        "unanswered": len(truth.unanswered),
        "waiting": len(truth.unanswered) + len(truth.asked_again),
        "on_customer": 0,
        "on_hold": sum(status == "on_hold" for status in truth.statuses.values()),
        "overdue": len(truth.overdue),
    }
    return {
        "Agents missing": {
            "A": by("team", {"billing": chatting - staffed["billing"], "tech": mailing - staffed["tech"]})
        },
        "Required and staffed": {
            "A": by("team", {"billing": chatting, "tech": mailing}),
            "B": by("team", {team: float(count) for team, count in staffed.items()}),
        },
        "Agents by status": {
            "A": by("status", {s: float(n) for s, n in Counter(s for _, s in STATUS.values()).items()})
        },
        "Demand": {
            "A": one(load, **chat) | one(mails * MAILED / 3600, **email),
            "B": one(handling, source="replies", **chat) | one(MAILED, source="configured", **email),
            "C": one(chatting, **chat) | one(mailing, **email),
        },
        "Work that falls due": {"A": by("within", work)},
        "Tickets by state": {"A": by("state", states)},
        "At risk": {"A": by("within", {f"{m}m": float(len(truth.due_within(m))) for m in (5, 15, 60)})},
        "Longest wait": {"A": by("team", {team: truth.waits(team) for team in ("billing", "tech")})},
        "Traffic, per hour": {
            "A": one(len(truth.lately("ticket_created"))),
            "B": one(len(truth.lately("agent_replied"))),
            "C": one(sum(e["status"] == "cancelled" for e in truth.lately("status_changed"))),
        },
        "First response, mean of the last hour": {"A": by("team", {"billing": 60, "tech": 300})},
        "First response, 90 % within": {"A": by("team", {"billing": Range(59.4, 60.6), "tech": Range(297, 303)})},
    }


def delivery(posts: int, alerts: list[dict[str, Any]]) -> dict[str, dict[str, Expected]]:
    told = Counter((alert["kind"], alert["level"]) for alert in alerts)
    raised, corrected = (
        by("level", {level: grown(told[kind, level]) for level in ("warning", "breach", "escalation")})
        for kind in ("raised", "corrected")
    )
    desk: dict[str, dict[str, Expected]] = {
        "Destinations": {ref: one(0, destination="desk") for ref in "BCDEFG"}
        | {"A": one(grown(posts), destination="desk")},
        "Waiting, by destination": {"A": one(0, destination="desk")},
    }
    return desk | {
        "Sent, last hour": {"A": one(grown(posts))},
        "Failed, last hour": {"A": one(0)},
        "Waiting": {"A": one(0)},
        "Decided after the deadline": {"A": one(Range(0, 3))},
        "In the chat after the deadline": {"A": one(Range(0.5, 5))},
        "Silences": {"A": one(0)},
        "Alerts, per hour": {"A": raised},
        "Taken back, per hour": {"A": corrected},
        "Deadline to chat": {ref: one(Range(0.5, 5)) for ref in "AB"},
    }


def health(
    truth: Truth, worker: Program, notifier: Program, exported: str, policies: str
) -> dict[str, dict[str, Expected]]:
    here, there = (f"127.0.0.1:{program.port}" for program in (worker, notifier))
    kinds = Counter(one_event["type"] for one_event in truth.events) | Counter(agent_status_changed=len(STATUS))
    every = dict.fromkeys(TOPIC_OF, 0)
    lines = [line for line in exported.splitlines() if not line.startswith("#")]
    samples = len(lines)
    (busy,) = (float(line.split()[1]) / 60 for line in lines if line.startswith("sla_chunk_seconds_total"))
    in_force = one(1, instance=here, source="file", fingerprint=policies)
    return {
        "Workers": {"A": one(1)},
        "Notifiers": {"A": one(1)},
        "Unwatched partitions": {"A": one(0)},
        "Input lag": {"A": one(Range(0, 5))},
        "Blind or holding": {"A": one(0)},
        "Kafka and Redis": {"A": one(1)},
        "Alerts of Prometheus": {"A": {}},
        "Events a second": {"A": by("type", {kind: grown(kinds[kind] / 60) for kind in every})},
        "Busy": {"A": one(Range(busy / 2, busy * 1.2), instance=here)},
        "Partitions": {"A": one(3, instance=here)},
        "Input lag, by worker": {"A": one(Range(0, 5), instance=here)},
        "Clock": {
            "A": one(Range(0, 2), instance=here, job="slawatch-worker"),
            "B": one(Range(0, 2), instance=there, job="slawatch-notifier"),
        },
        "Tickets kept": {"A": by("kind", {"created": len(truth.born), "orphan": 0})},
        "Could not be read": {"A": one(grown(GARBAGE), cause="unreadable")},
        "Policies": {"A": in_force, "B": one(1, instance=here)},
        "Went wrong": {ref: one(0, instance=here) for ref in "ABCDE"},
        "Series": {"A": one(Range(samples - 30, samples + 30))},
        "To judge anew": {"A": one(0)},
    }


def queries() -> dict[str, dict[str, dict[str, str]]]:
    """By dashboard, panel and reference, as Grafana would send them."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for path in FILES:
        panels = [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]
        of_one = found[path.stem.removeprefix("slawatch-")] = {}
        for panel in panels:
            of_one[panel["title"]] = {target["refId"]: filled_in(target["expr"]) for target in panel["targets"]}
    return found


def filled_in(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    assert "$" not in expr
    return expr


def differs(found: Answer, expected: Expected) -> bool:
    if found.keys() != expected.keys():
        return True
    return not all(
        value.holds(found[labels]) if isinstance(value, Range) else math.isclose(found[labels], value, abs_tol=1e-6)
        for labels, value in expected.items()
    )


async def test_every_panel_shows_what_is_so(kafka: str, redis_server: RedisServer, unique: str, tmp_path: Path) -> None:
    async with Installation(kafka, unique, tmp_path, redis=redis_server.url) as house, FakeChat() as chat:
        policies = house.file("policies.yaml", POLICIES)
        worker = house.worker(policies=policies, staffing=house.file("staffing.yaml", STAFFING))
        notifier = house.notifier(chat)
        await worker.ready()
        await notifier.ready()
        jobs = {"slawatch-worker": [worker.port], "slawatch-notifier": [notifier.port]}
        async with PrometheusServer(jobs) as prometheus:
            events = story(now())
            house.events.put(*events)
            for agent, (team, status) in STATUS.items():
                told = {"event_id": agent, "type": "agent_status_changed", "agent_id": agent, "team": team,
                        "status": status, "occurred_at": format_instant(now())}  # fmt: skip
                house.events.put_raw(TOPIC_OF["agent_status_changed"], agent.encode(), json.dumps(told).encode())
            for _ in range(GARBAGE):
                house.events.put_raw(TOPIC_OF["ticket_created"], b"T", b"{")
            house.events.flush()
            overdue = [e["ticket_id"] for e in events if e["ticket_id"].startswith(("late", "now"))]
            await house.alerted(set(overdue), within=30)
            await house.delivered()

            async def right() -> bool:
                alerts = [alert for _, alert in await house.alerts()]
                truth = Truth(events, now())
                _, exported = await worker.get("/metrics")
                expected = {
                    "overview": overview(truth),
                    "queues": queues(truth),
                    "delivery": delivery(len(chat.to("/desk")), alerts),
                    "health": health(truth, worker, notifier, exported, load_policies(Path(policies)).fingerprint),
                }
                asked = queries()
                assert {n: {t: set(refs) for t, refs in of.items()} for n, of in asked.items()} == {
                    n: {t: set(refs) for t, refs in of.items()} for n, of in expected.items()
                }
                wrong = []
                for name, titles in asked.items():
                    for title, exprs in titles.items():
                        for ref, expr in exprs.items():
                            found = await prometheus.ask(expr)
                            if differs(found, expected[name][title][ref]):
                                wrong.append(f"{name}, {title}, {ref}: {found}, not {expected[name][title][ref]}")
                assert not wrong, "\n".join(wrong)
                return True

            await eventually(right, 15, every=1, what="every panel shows what is so")
