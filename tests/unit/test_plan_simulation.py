"""The simulated contacts: what counts as their answer, who goes first, and which calendar their promises follow."""

from __future__ import annotations

import math
from random import Random

from config.policies import read_policy_text
from streams.instants import HOUR, MINUTE, SECOND, parse_instant
from streams.planning import desk
from streams.planning.contact import Contact
from streams.planning.demand import Kind, Stream, Work
from streams.planning.simulation import Run, simulate
from streams.planning.slots import Slots
from streams.policies import TARGETS, Policies

FRIDAY = parse_instant("2026-03-06T16:00:00Z")
TEXT = """
version: 1
calendars: {{office: {{timezone: UTC, weekly: {{mon: ['09:00-17:00'], fri: ['09:00-17:00']}}}}}}
policies:
  - name: live
    when: {{channel: [chat]}}
    targets: {{first_response: {{limit: 1m}}}}
  - name: mail
    targets:
      first_response: {{limit: 2h, calendar: {calendar}}}
      next_response: {{limit: 2h, calendar: {calendar}}}
      resolution: {{limit: 100h}}
"""


def policies(calendar: str = "24x7") -> Policies:
    return read_policy_text(TEXT.format(calendar=calendar).encode(), "policies").policies


def stream(channel: str, handle: float, replies: float = 1.0, patience: float = math.inf) -> Stream:
    return Stream(Kind("t", channel), [], Work(handle, replies, patience), live=channel == "chat")


def played(comes: list[tuple[int, Stream]], staff: list[int], under: Policies) -> tuple[list[Contact], desk.Seen]:
    """The contacts after a simulation from Friday 16:00 on, each at its instant."""
    slots, random = Slots(FRIDAY, len(staff)), Random(7)
    contacts = [Contact(of, FRIDAY + at, 0, under, random, lambda contact, at: None) for at, of in comes]
    seen = desk.run(((FRIDAY + at, c) for (at, _), c in zip(comes, contacts, strict=True)), staff, slots)
    for contact in contacts:
        contact.state.settle(slots.end)
    return contacts, seen


def verdicts(contact: Contact) -> dict[str, str]:
    state = contact.state
    return {
        TARGETS[clock.target]: clock.verdict(state.status, clock.breached) for clock in state.clocks if clock.listed
    }


def test_who_waits_on_the_line_goes_before_mail_that_has_long_been_due() -> None:
    mail = [(0, stream("email", HOUR / 100)) for _ in range(40)]
    comes = [*mail, (3 * HOUR, stream("chat", SECOND))]
    contacts, _ = played(comes, [0] * 6 + [1] * 2, policies())
    chat = contacts[-1].state
    assert chat.replies[0].at - chat.created_at < HOUR // 100 * 10, "after the one in hand"
    assert all(contact.state.replies[0].at >= chat.replies[0].at for contact in contacts[1:-1])


def test_mail_that_is_due_sooner_goes_first() -> None:
    """An hour of mail in hand; then comes what is due within two hours, and last what is due in ten minutes."""
    text = TEXT.replace("  - name: mail", "  - {{name: urgent, when: {{priority: [urgent]}}, targets: "
                        "{{first_response: {{limit: 10m}}}}}}\n  - name: mail")  # fmt: skip
    under = read_policy_text(text.format(calendar="24x7").encode(), "policies").policies
    urgent = Stream(Kind("t", "email", "urgent"), [], Work(SECOND, 1.0), live=False)
    mails = [(at, stream("email", HOUR)) for at in (0, SECOND, 2 * SECOND)]
    (*others, first), _ = played([*mails, (3 * SECOND, urgent)], [1] * 400, under)
    order = sorted([*others, first], key=lambda contact: contact.state.replies[0].at)
    assert order.index(first) == 1, "after the one in hand"
    assert [contact for contact in order if contact is not first] == others


def test_a_conversation_is_answered_when_it_is_taken_and_a_mail_when_it_is_done() -> None:
    (chat, mail), seen = played([(0, stream("chat", HOUR)), (0, stream("email", HOUR))], [2] * 48, policies())
    assert [reply.at for reply in chat.state.replies] == [chat.state.created_at]
    assert chat.state.done_at is not None
    assert chat.state.done_at > chat.state.created_at
    assert mail.state.replies[0].at == mail.state.done_at
    assert sum(seen.busy) == (chat.state.done_at - FRIDAY) + (mail.state.replies[0].at - FRIDAY)


def test_a_promise_follows_its_own_calendar() -> None:
    """Mail of Friday at 16:30, worked on from Monday at 9: within two open hours, or two days late."""
    staff = [0] * 130 + [1] * 14
    comes = [(30 * MINUTE, stream("email", MINUTE))]
    for calendar, verdict in (("office", "met"), ("24x7", "breached")):
        ((contact,), _) = played(comes, staff, policies(calendar))
        assert verdicts(contact)["first_response"] == verdict
        assert contact.state.replies[0].at >= FRIDAY + 65 * HOUR


def test_customers_write_back_as_often_as_there_are_replies_and_wait_anew() -> None:
    comes = [(number * MINUTE, stream("email", SECOND * 3, replies=3.0)) for number in range(400)]
    contacts, _ = played(comes, [20] * 400, policies())
    assert all(contact.state.done for contact in contacts)
    replies = sum(contact.state.reply_count for contact in contacts) / len(contacts)
    assert abs(replies - 3) < 0.4
    answered = [
        clock for contact in contacts for clock in contact.state.clocks if TARGETS[clock.target] == "next_response"
    ]
    assert len(answered) == sum(contact.state.reply_count - 1 for contact in contacts)


def test_who_hangs_up_counts_nowhere_and_is_taken_by_nobody() -> None:
    slots = Slots(FRIDAY, 8)
    calls = Stream(Kind("t", "chat"), [50.0] * 8, Work(MINUTE, 1.0, 1.0 * MINUTE), live=True)
    run: Run = simulate([calls], policies(), [0] * 8, slots, 1)
    assert run.left + run.seen.waiting[-1] == run.contacts
    assert run.left > 0.9 * run.contacts
    answers = run.targets["first_response"]
    assert answers.met == 0
    assert answers.breached + answers.pending == run.unfinished == run.seen.waiting[-1]
    assert sum(run.seen.busy) == 0
