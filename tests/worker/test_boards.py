"""What a worker says of its partitions on their boards, beside what the ledger, the events and `explain` say."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
from partitions import Bench, Event

from agents.board.pressing import TicketRows
from agents.board.record import Read
from agents.boards import ALARMS, CURVE, PRESSING, About, Text
from agents.lookout import Lookout
from agents.simulator import simulate
from config.policies import default_policies
from streams.explain import explain
from streams.instants import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = parse_instant("2026-03-02T08:00:00+08:00")


class Watched(Bench):
    """A partition and its board."""

    def start(self, *, derived: bool = True) -> None:
        super().start(derived=derived)
        self.lookout, self.text = Lookout(lambda: [self.partition]), Text()

    def board(self) -> Read:
        self.partition.tick(self.now)
        (seen,) = self.lookout.look(self.now).parts
        about = About("w1/7", {"input": "not read"}, self.policies)
        return msgspec.json.decode(self.text.of(seen, self.text.look(seen, self.now), about), type=Read)

    def deadlines(self) -> tuple[dict[str, int], dict[str, int]]:
        """Of every ticket that is not done, what it misses longest; of every other, what it must keep next."""
        missed: dict[str, int] = {}
        next_due: dict[str, int] = {}
        for ticket_id, kept in self.tickets().items():
            told = explain(ticket_id, kept, self.policies, self.now)
            if told.status in ("resolved", "closed", "cancelled", "unknown"):
                continue
            clocks = [clock for clock in told.clocks if clock.stopped_at is None]
            late = [at for clock in clocks if clock.breached_at for at in (clock.breached_at, clock.deadline) if at]
            due = [clock.deadline for clock in clocks if clock.verdict == "pending" and clock.deadline]
            if late:
                missed[ticket_id] = parse_instant(min(late).isoformat())
            elif due:
                next_due[ticket_id] = parse_instant(min(due).isoformat())
        return missed, next_due


def days_of(events: list[Event], every: int) -> Iterator[tuple[int, list[Event]]]:
    """The events by the spans of time in which they happen, and the end of each."""
    for span, some in groupby(events, key=lambda one: parse_instant(one["occurred_at"]) // every):
        yield (span + 1) * every, list(some)


def test_boards_show_what_presses_and_the_last_hour_as_the_tickets_themselves_say(seed: int) -> None:
    events = list(simulate(200, seed % 1000, 1.0, BEGIN, staffing=0.7))
    desk = Watched(default_policies(), BEGIN, max_ahead=0)
    looked = 0
    for now, some in days_of(events, 20 * MINUTE):
        desk.put(*some)
        desk.now = now
        desk.ring()
        if now // (20 * MINUTE) % 9 == 0:
            looked += 1
            board = desk.board()
            agrees_on_tickets(desk, board)
            agrees_on_the_hour(desk, board, [one for one in events if parse_instant(one["occurred_at"]) < now])
            before = board.tickets
            desk.start(derived=looked % 2 == 0)  # from the store: what is derived comes out the same
            assert desk.board().tickets == before
    assert looked > 5
    assert desk.alerts


def agrees_on_tickets(desk: Watched, board: Read) -> None:
    missed, next_due = desk.deadlines()
    shown = board.tickets
    assert shown.all_overdue == len(missed) == sum(row.overdue for row in board.queue)
    order = sorted(missed, key=lambda ticket_id: (missed[ticket_id], ticket_id))
    ends = order if len(order) <= 2 * PRESSING else order[:PRESSING] + order[-PRESSING:]
    assert [row.ticket_id for row in shown.overdue] == ends
    assert {row.ticket_id: parse_instant(row.deadline) for row in shown.overdue} == {t: missed[t] for t in ends}
    until = parse_instant(shown.due_until)
    due = {row.ticket_id: parse_instant(row.deadline) for row in shown.due}
    assert {t for t, at in next_due.items() if at < until} <= due.keys()
    assert due == {ticket_id: next_due[ticket_id] for ticket_id in due}
    assert len(due) == PRESSING or until == desk.now + HOUR  # few alarms: none are left out
    assert list(due.values()) == sorted(due.values())


def agrees_on_the_hour(desk: Watched, board: Read, events: list[Event]) -> None:
    hour = board.hour
    assert hour is not None
    begin = (desk.now // MINUTE - CURVE + 1) * MINUTE
    assert parse_instant(hour.begin) == begin
    found: dict[str, Counter[int]] = {name: Counter() for name in ("arrivals", "replies", "judged", "met")}

    def count(name: str, at: str) -> None:
        found[name][(parse_instant(at) - begin) // MINUTE] += 1

    known = {one["ticket_id"] for one in events if one["type"] == "ticket_created"}
    for one in events:
        if one["type"] == "ticket_created":
            count("arrivals", one["occurred_at"])
        if one["type"] == "agent_replied" and one.get("public", True) and not one.get("automated"):
            assert one["ticket_id"] in known
            count("replies", one["occurred_at"])
    for record in desk.ledger.values():
        for clock in record["clocks"]:
            if clock["target"] == "first_response" and clock["verdict"] in ("met", "breached"):
                met = clock["verdict"] == "met"
                at = clock["stopped_at"] if met else clock["breached_at"]
                count("judged", at)
                if met:
                    count("met", at)
    for name, counted in found.items():
        assert getattr(hour, name) == [counted[minute] for minute in range(CURVE)], name


def created(ticket_id: str, at: int, **more: Any) -> Event:
    return {"type": "ticket_created", "ticket_id": ticket_id, "event_id": f"{ticket_id}-c",
            "occurred_at": format_instant(at), **more}  # fmt: skip


def test_an_overdue_ticket_names_the_alert_that_can_be_taken_and_who_took_it() -> None:
    desk = Watched(default_policies(), BEGIN)
    desk.put(created("T-1", BEGIN, priority="urgent", team="billing", agent_id="a17"))
    (due,) = desk.board().tickets.due
    assert (due.ticket_id, due.overdue, due.alert_id, due.agent_id) == ("T-1", False, None, "a17")
    desk.now = parse_instant(due.deadline) + SECOND // 2  # missed, and within the grace: it is still on the list
    desk.ring()
    desk.partition.prepare(desk.now)
    assert desk.partition._ready.first() is not None
    assert [row.ticket_id for row in desk.board().tickets.due] == ["T-1"]
    (alert,) = [one for one in desk.go(2 * SECOND) if one["level"] == "breach"]
    (row,) = desk.board().tickets.overdue
    assert (row.alert_id, row.deadline, row.taken_at) == (alert["alert_id"], due.deadline, None)
    assert desk.board().tickets.due == []
    taken = {"type": "alert_acknowledged", "ticket_id": "T-1", "event_id": "k", "occurred_at": format_instant(desk.now),
             "alert_id": alert["alert_id"], "by": "a3"}  # fmt: skip
    desk.put(taken)
    (row,) = desk.board().tickets.overdue
    assert (row.taken_by, row.taken_at) == ("a3", format_instant(desk.now))
    solved = {"type": "status_changed", "ticket_id": "T-1", "event_id": "s", "occurred_at": format_instant(desk.now),
              "status": "resolved"}  # fmt: skip
    desk.put(solved)
    assert desk.board().tickets.overdue == []


def test_what_happens_now_is_in_the_last_minute_at_once() -> None:
    desk = Watched(default_policies(), BEGIN)
    for number in range(1, 5):
        desk.put(created(f"T-{number}", desk.now))
        hour = desk.board().hour
        assert hour is not None
        assert hour.arrivals[-1] == number


def test_a_great_many_are_cut_to_a_few_and_said_to_be_so() -> None:
    desk = Watched(default_policies(), BEGIN)
    desk.put(*[created(f"T-{n:04d}", BEGIN + n * SECOND, priority="urgent") for n in range(500)])
    few = desk.board().tickets  # warnings come before, and there are many
    assert (few.due, parse_instant(few.due_until) < BEGIN + 15 * MINUTE) == ([], True)
    desk.go(14 * MINUTE)
    first = desk.board().tickets
    assert [row.ticket_id for row in first.due] == [f"T-{n:04d}" for n in range(PRESSING)]
    desk.go(3 * HOUR)
    tickets = desk.board().tickets
    assert (tickets.all_overdue, len(tickets.overdue)) == (500, 2 * PRESSING)
    assert [row.ticket_id for row in tickets.overdue[:2]] == ["T-0000", "T-0001"]
    assert tickets.overdue[-1].ticket_id == "T-0499"


def test_agents_who_are_here_are_named() -> None:
    desk = Watched(default_policies(), BEGIN)
    agents = [("a17", "online"), ("a18", "offline"), ("a19", "busy")]
    for agent_id, state in agents:
        desk.put({"type": "agent_status_changed", "agent_id": agent_id, "event_id": agent_id, "team": "billing",
                  "occurred_at": format_instant(BEGIN), "status": state})  # fmt: skip
    board = desk.board()
    assert {(row.agent_id, row.status) for row in board.agents} == {("a17", "online"), ("a19", "busy")}
    assert {row.status: row.agents for row in board.staff} == {"online": 1, "busy": 1, "offline": 1}
    assert (board.worker, board.problems) == ("w1/7", {"input": "not read"})


def test_rows_of_tickets_that_did_not_change_are_not_read_again() -> None:
    """What a board costs each second follows from what changed."""
    desk = Watched(default_policies(), BEGIN)
    desk.put(*[created(f"T-{n}", BEGIN, priority="urgent") for n in range(5)])
    kept = TicketRows()

    def rows() -> dict[str, Any]:
        found = desk.partition.pressing(PRESSING, ALARMS, desk.now + HOUR)
        return {row.ticket_id: row for row in kept.of(found, PRESSING).due}

    first = rows()
    assert len(first) == 5
    desk.put(created("T-9", BEGIN + DAY // 1000))
    again = rows()
    assert all(again[name] is first[name] for name in first)
