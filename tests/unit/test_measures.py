"""The trade's tables with their worked figures, and people judged on enough tickets alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.report_source import judged
from config.figures import OF_PROMISES
from config.goals import Goal
from config.quality import Level, Season, default_quality
from reports.measures.agreement import Agreement, agreement
from reports.measures.complaints import complaints
from reports.measures.cross import best_scored, crossed, fastest
from reports.measures.figures import read
from reports.measures.ground import Ground, Period, Reading, Scope
from reports.measures.problems import problems
from reports.measures.response import Overdue, kept, overdue, response_rows
from reports.measures.satisfaction import poor_ratings, satisfaction
from reports.measures.scores import checks, score_rows, scores
from reports.measures.standing import standing, under_goal
from reports.measures.volume import agent_days, agent_volumes
from reports.store.views import memory
from streams.instants import from_datetime, parse_instant
from streams.ledger_record import LedgerClock, LedgerRating, LedgerRecord, LedgerReply, LedgerReview
from streams.policies import TARGETS

QUALITY = default_quality()
ALWAYS = Period(0, parse_instant("2199-01-01T00:00:00Z"))
NINE = datetime(2026, 3, 2, 1, tzinfo=UTC)  # nine o'clock in Shanghai
FOUR = ("attitude", "resolution", "clarity", "satisfaction")
DEFAULTS = Path(__file__).resolve().parents[2] / "config/defaults/policies.yaml"


def ticket(ticket_id: str, **fields: Any) -> LedgerRecord:
    return LedgerRecord(**{"ticket_id": ticket_id, "created_at": NINE, "status": "open", "clocks": [], **fields})


def clock(target: str, minutes: float, limit: float = 15, at: datetime = NINE) -> LedgerClock:
    stopped, met = at + timedelta(minutes=minutes), minutes <= limit
    breached_at = None if met else at + timedelta(minutes=limit)
    verdict = "met" if met else "breached"
    return LedgerClock(target, 0, "p", limit * 60, at, stopped, minutes * 60, breached_at, verdict)


def review(*given: int, by: str = "q1", at: datetime = NINE, **fields: Any) -> LedgerReview:
    return LedgerReview(at, dict(zip(FOUR, given, strict=True)), by, **fields)


def ground(records: list[LedgerRecord], quality: Any = QUALITY, period: Period = ALWAYS) -> Ground:
    return Ground(memory(records), period, Scope(), quality)


# the tables of the trade, with their worked rows


def test_table_1_has_the_worked_response_times(tmp_path: Path) -> None:
    worked = [
        ("20240501001", "normal", "09:00", "09:30", 30, True),
        ("20240501002", "urgent", "10:15", "12:00", 105, False),
        ("20240501003", "normal", "14:20", "14:35", 15, True),
    ]
    path = tmp_path / "events.jsonl"
    with path.open("w") as file:
        for ticket_id, priority, created, answered, _, _ in worked:
            at = {"created": f"2024-05-01T{created}:00+08:00", "answered": f"2024-05-01T{answered}:00+08:00"}
            common = {"ticket_id": ticket_id, "priority": priority}
            opened = {"type": "ticket_created", "event_id": f"{ticket_id}-1", "occurred_at": at["created"], **common}
            reply = {"type": "agent_replied", "event_id": f"{ticket_id}-2", "occurred_at": at["answered"]}
            file.write(
                json.dumps(opened) + "\n" + json.dumps(reply | {"ticket_id": ticket_id, "agent_id": "a17"}) + "\n"
            )
    with judged(path, DEFAULTS, parse_instant("2024-05-02T00:00:00Z")) as connection:
        found = response_rows(Ground(connection, ALWAYS, Scope(), QUALITY))
    assert [(row.ticket_id, row.priority, (row.seconds or 0) / 60, row.met, row.agent) for row in found] == [
        (ticket_id, priority, minutes, met, "a17") for ticket_id, priority, _, _, minutes, met in worked
    ]
    assert found[1].created_at == parse_instant("2024-05-01T10:15:00+08:00")
    assert found[1].answered_at == parse_instant("2024-05-01T12:00:00+08:00")


def test_table_2_has_the_worked_totals_and_flags_the_third() -> None:
    given = [((4, 3, 5, 4), ["返工1次"]), ((5, 5, 4, 5), []), ((3, 4, 3, 3), ["语速快"])]
    made = [
        ticket(f"T-{i}", agent_id="a17", reviews=[review(*each, deductions=why)]) for i, (each, why) in enumerate(given)
    ]
    reviewed = ground(made)
    rows = score_rows(reviewed)
    assert [(tuple(row.scores.values()), row.total, row.flagged, row.deductions) for row in rows] == [
        ((4, 3, 5, 4), 16, False, ("返工1次",)),
        ((5, 5, 4, 5), 19, False, ()),
        ((3, 4, 3, 3), 13, True, ("语速快",)),
    ]
    assert [row.ticket_id for row in score_rows(reviewed, flagged_only=True)] == ["T-2"]
    found = scores(reviewed)[()]
    assert (found.reviews, found.mean, found.flagged) == (3, (16 + 19 + 13) / 3, 1)
    assert [(item.name, item.sum, item.rate) for item in found.items] == [
        ("attitude", 12, 12 / 15), ("resolution", 12, 12 / 15), ("clarity", 12, 12 / 15), ("satisfaction", 12, 12 / 15),
    ]  # fmt: skip


def test_table_3_has_the_worked_shares() -> None:
    made = [ticket(f"late-{i}", agent_id="a17", clocks=[clock("first_response", 20)]) for i in range(12)]
    made += [ticket(f"unclear-{i}", agent_id="a18", reviews=[review(5, 5, 3, 5)]) for i in range(8)]
    resolved = {"status": "resolved", "done_at": NINE + timedelta(hours=1)}
    made += [ticket(f"again-{i}", agent_id="a19", reply_count=2, **resolved) for i in range(6)]
    made += [ticket(f"rude-{i}", agent_id=f"a{i // 3}", reviews=[review(2, 5, 5, 5)]) for i in range(4)]
    made += [ticket(f"good-{i}", reply_count=1, reviews=[review(5, 4, 4, 4)], **resolved) for i in range(9)]
    found = problems(ground(made))
    assert [(each.label["zh"], each.tickets, round(100 * each.share), each.agents) for each in found] == [
        ("响应超时", 12, 40, (("a17", 12),)),
        ("沟通不清晰", 8, 27, (("a18", 8),)),
        ("一次解决率低", 6, 20, (("a19", 6),)),
        ("服务态度差", 4, 13, (("a0", 3), ("a1", 1))),
    ]


def test_table_4_is_a_row_a_day_and_agent() -> None:
    later = NINE + timedelta(hours=16)  # the next day in Shanghai, the same in UTC
    made = [
        ticket("1", agent_id="a17", clocks=[clock("first_response", 10)], replies=[LedgerReply(NINE, "a17")] * 2),
        ticket("2", agent_id="a17", clocks=[clock("first_response", 20), clock("resolution", 120, 90)],
               replies=[LedgerReply(NINE, "a17"), LedgerReply(later, "a18")]),
    ]  # fmt: skip
    first, second = agent_days(ground(made))
    assert (first.day, first.agent, first.tickets) == ("2026-03-02", "a17", 2)
    assert first.first is not None
    assert first.resolution is not None
    assert (first.first.mean, first.first.compliance, first.resolution.mean) == (15 * 60, 0.5, 7200)
    assert (second.day, second.agent, second.tickets, second.first) == ("2026-03-03", "a18", 1, None)


# what is read side by side


def test_the_three_with_the_most_overdue_tickets_are_named_a_ticket_counting_once() -> None:
    counts = {"a17": 3, "a18": 2, "a19": 2, "a20": 1}
    made = [
        ticket(f"{agent}-{i}", agent_id=agent, clocks=[clock("first_response", 20), clock("resolution", 99)])
        for agent, count in counts.items()
        for i in range(count)
    ]
    made += [ticket("in-time", agent_id="a17", clocks=[clock("first_response", 5)])]
    made += [ticket(f"a20-early-{i}", agent_id="a20", clocks=[clock("first_response", 5)]) for i in range(9)]
    assert overdue(ground(made), "agent") == [Overdue("a17", 3, 4), Overdue("a18", 2, 2), Overdue("a19", 2, 2)]
    made += [ticket(f"a21-{i}", agent_id="a21", clocks=[clock("resolution", 99)]) for i in range(4)]
    assert overdue(ground(made), "agent", 1) == [Overdue("a21", 4, 4)]


def test_csat_is_over_rated_and_over_all_with_its_response_rate() -> None:
    given = [5, 4, 3, None, None, None, None, None]
    made = [
        ticket(f"{i}", status="closed", done_at=NINE, ratings=[] if score is None else [LedgerRating(NINE, score)])
        for i, score in enumerate(given)
    ]
    found = satisfaction(ground(made))[()]
    assert (found.tickets, found.rated, found.of_rated, found.of_all) == (8, 3, 2 / 3, 2 / 8)
    assert (found.response_rate, found.mean) == (3 / 8, 4)
    assert poor_ratings(ground(made)) == []


@pytest.mark.parametrize(("microseconds", "repeats"), [(0, 1), (1, 0)])
def test_a_repeat_comes_up_to_seven_days_later_to_the_microsecond(microseconds: int, repeats: int) -> None:
    resolved = {"customer_id": "c", "status": "resolved", "reply_count": 1}
    edge = timedelta(days=7, microseconds=microseconds)
    again = [ticket("1", done_at=NINE, **resolved), ticket("2", created_at=NINE + edge, customer_id="c")]
    assert read(ground(again), "repeat_contacts") == Reading(repeats / 2, 2)
    done_at = NINE + timedelta(hours=72, microseconds=microseconds)
    again = [ticket("1", done_at=done_at, **resolved), ticket("2", created_at=done_at + edge, customer_id="c")]
    assert read(ground(again), "first_contact_resolution") == Reading(1 - repeats, 1)
    assert read(ground(again), "closed_in_time") == Reading(repeats, 1)


@pytest.mark.parametrize(
    "other", [{"customer_id": "d"}, {"category": "x"}, {"status": "cancelled"}, {"customer_id": None}]
)
def test_a_ticket_of_another_customer_or_category_or_a_cancelled_one_is_no_repeat(other: dict[str, Any]) -> None:
    first = ticket("1", customer_id="c", status="resolved", reply_count=1, done_at=NINE + timedelta(hours=1))
    same = {"customer_id": "c", "created_at": NINE + timedelta(hours=2)}
    for fields, repeats in ((same, 1), (same | other, 0)):
        both = ground([first, ticket("2", **fields)])
        assert read(both, "first_contact_resolution").value == 1 - repeats
        assert (read(both, "repeat_contacts").value or 0) > 0 or not repeats


def test_a_check_is_shared_among_the_reviews_that_say_anything_of_it() -> None:
    labels = [["identity_checked"], ["identity_checked"], ["identity_not_checked"], [], ["class_wrong"]]
    made = [ticket(f"{i}", reviews=[review(5, 5, 5, 5, labels=each)]) for i, each in enumerate(labels)]
    identity, classes, steps = checks(ground(made))[()]
    assert (identity.tickets, identity.passed, identity.failed, identity.share) == (3, 2, 1, 2 / 3)
    assert (classes.passed, classes.failed, classes.share) == (0, 1, 0)
    assert steps.share is None


def test_a_check_counts_reviews_and_names_tickets_and_both_labels_are_a_step_left_out() -> None:
    twice = [review(5, 5, 5, 5, by=by, labels=["class_right"]) for by in ("q1", "q2")]
    both = review(5, 5, 5, 5, labels=["class_right", "class_wrong"])
    _, classes, _ = checks(ground([ticket("1", reviews=twice), ticket("2", reviews=[both])]))[()]
    assert (classes.tickets, classes.passed, classes.failed, classes.share) == (2, 2, 1, 2 / 3)


def test_lists_begin_with_the_worst() -> None:
    later = NINE + timedelta(hours=1)
    made = [
        ticket("1", reviews=[review(3, 3, 3, 4)], ratings=[LedgerRating(NINE, 2)]),
        ticket("2", reviews=[review(2, 3, 3, 3, at=later)], ratings=[LedgerRating(later, 1, "slow")]),
        ticket("3", reviews=[review(5, 5, 5, 5)], ratings=[LedgerRating(NINE, 3)]),
    ]
    assert [(row.ticket_id, row.total) for row in score_rows(ground(made), flagged_only=True)] == [("2", 11), ("1", 13)]
    assert [(row.ticket_id, row.score, row.comment) for row in poor_ratings(ground(made))] == [
        ("2", 1, "slow"), ("1", 2, None),
    ]  # fmt: skip


def test_a_ticket_counts_once_in_a_class_of_problems() -> None:
    late = [clock("first_response", 20), clock("next_response", 20), clock("resolution", 20)]
    found = problems(ground([ticket("1", agent_id="a17", clocks=late)]))
    assert [(each.name, each.tickets, each.share, each.agents) for each in found] == [
        ("response_overdue", 1, 0.5, (("a17", 1),)), ("resolution_overdue", 1, 0.5, (("a17", 1),)),
    ]  # fmt: skip


def test_speed_is_held_against_quality_on_enough_tickets_alone() -> None:
    def tickets(agent: str, count: int, minutes: float, score: int) -> list[LedgerRecord]:
        each = {"agent_id": agent, "clocks": [clock("first_response", minutes)]}
        return [ticket(f"{agent}-{i}", reviews=[review(*[score] * 4)], **each) for i in range(count)]

    made = [*tickets("a1", 5, 5, 3), *tickets("a2", 5, 20, 5), *tickets("a3", 5, 5, 5), *tickets("a4", 5, 20, 2)]
    made += tickets("a5", 4, 1, 1)
    quadrants = {each.name: each.quadrant for each in crossed(ground(made), "agent")}
    assert quadrants == {
        "a1": "fast_but_poor", "a2": "good_but_slow", "a3": "fast_and_good", "a4": "slow_and_poor", "a5": None,
    }  # fmt: skip
    fast, good = fastest(ground(made)), best_scored(ground(made))
    assert fast is not None
    assert good is not None
    assert (fast.agents, fast.value, fast.tickets) == (("a1", "a3"), 1.0, (5, 5))
    assert (good.agents, good.value) == (("a2", "a3"), 20)


def test_the_borders_of_the_quadrants_are_on_the_good_side() -> None:
    made = [
        ticket(f"{i}", agent_id="a17", clocks=[clock("first_response", 5 if i else 20)], reviews=[review(4, 3, 3, 4)])
        for i in range(10)  # 90 %, and 14 of 20
    ]
    assert [each.quadrant for each in crossed(ground(made), "agent")] == ["fast_and_good"]


@pytest.mark.parametrize(
    ("judged", "reviewed", "rated", "said"),
    [(5, 5, 5, ("fast_but_poor", True)), (4, 5, 5, (None, None)), (5, 4, 5, (None, True)),
     (5, 5, 4, ("fast_but_poor", None))],
)  # fmt: skip
def test_each_figure_that_judges_stands_on_enough_tickets_of_its_own(
    judged: int, reviewed: int, rated: int, said: tuple[str | None, bool | None]
) -> None:
    made = [ticket(f"judged-{i}", agent_id="a17", clocks=[clock("first_response", 5)]) for i in range(judged)]
    made += [ticket(f"reviewed-{i}", agent_id="a17", reviews=[review(3, 3, 3, 3)]) for i in range(reviewed)]
    done = {"status": "resolved", "done_at": NINE, "agent_id": "a17"}
    made += [ticket(f"rated-{i}", ratings=[LedgerRating(NINE, 3)], **done) for i in range(rated)]
    (found,) = crossed(ground(made), "agent")
    assert (found.quadrant, found.kept_but_dissatisfied) == said


def test_who_is_slow_is_not_said_to_keep_promises_however_dissatisfied_customers_are() -> None:
    done = {"status": "resolved", "done_at": NINE, "agent_id": "a17", "clocks": [clock("first_response", 20)]}
    made = [ticket(f"{i}", ratings=[LedgerRating(NINE, 1)], **done) for i in range(5)]
    assert [each.kept_but_dissatisfied for each in crossed(ground(made), "agent")] == [False]


def test_nobody_is_the_best_on_too_few_tickets_and_of_two_as_reliable_the_quicker_is() -> None:
    def tickets(agent: str, count: int, minutes: float, score: int) -> list[LedgerRecord]:
        each = {"agent_id": agent, "clocks": [clock("first_response", minutes)]}
        return [ticket(f"{agent}-{i}", reviews=[review(*[score] * 4)], **each) for i in range(count)]

    few = ground(tickets("a1", 4, 1, 5))
    assert (fastest(few), best_scored(few)) == (None, None)
    fast, good = (
        best(ground([*tickets("a1", 4, 1, 5), *tickets("a2", 5, 10, 4), *tickets("a3", 5, 9, 3)]))
        for best in (fastest, best_scored)
    )
    assert fast is not None
    assert good is not None
    assert (fast.agents, good.agents) == (("a3",), ("a2",))


def test_a_promise_that_is_kept_can_leave_customers_dissatisfied() -> None:
    done = {"status": "resolved", "done_at": NINE, "agent_id": "a17", "clocks": [clock("first_response", 5)]}
    made = [ticket(f"{i}", ratings=[LedgerRating(NINE, score)], **done) for i, score in enumerate((4, 4, 4, 4, 5))]
    assert [each.kept_but_dissatisfied for each in crossed(ground(made), "agent")] == [False]
    made[4].ratings[0].score = 4
    assert [each.kept_but_dissatisfied for each in crossed(ground(made), "agent")] == [True]


@pytest.mark.parametrize(("target", "figure"), OF_PROMISES.items())
def test_a_promises_goal_is_held_against_how_often_that_promise_was_kept(target: str, figure: str) -> None:
    others = [clock(other, 5) for other in TARGETS if other != target]
    made = [ticket(f"{i}", clocks=[clock(target, minutes), *others]) for i, minutes in enumerate((5, 20, 20, 20))]
    assert read(ground(made), figure) == Reading(0.25, 4)


# agreement of reviewers


def test_agreement_is_cohens_kappa_with_quadratic_weights() -> None:
    pairs = [(5, 4), (3, 3), (2, 4), (5, 5), (2, 1), (4, 4), (4, 2)]
    made = [
        ticket(f"{i}", reviews=[review(a, 3, 3, 3, by="q1"), review(b, 3, 3, 4, by="q2")])
        for i, (a, b) in enumerate(pairs)
    ]
    made.append(ticket("alone", reviews=[review(1, 1, 1, 1)]))
    found = {each.criterion: each for each in agreement(ground(made))}
    size = len(pairs)
    observed = sum((a - b) ** 2 for a, b in pairs) / size
    by_chance = sum((a - b) ** 2 for a, _ in pairs for _, b in pairs) / size**2
    attitude = found["attitude"]
    assert (attitude.reviewers, attitude.tickets) == (("q1", "q2"), size)
    assert attitude.difference == pytest.approx(sum(abs(a - b) for a, b in pairs) / size)
    assert attitude.bias == pytest.approx(sum(a - b for a, b in pairs) / size)
    assert attitude.kappa == pytest.approx(1 - observed / by_chance)
    assert found["resolution"] == Agreement("resolution", ("q1", "q2"), size, 0, 0, None)
    assert found["satisfaction"].kappa == 0


def test_of_a_reviewers_reviews_the_newest_is_the_one_that_counts() -> None:
    later = NINE + timedelta(minutes=1)
    made = [ticket("1", reviews=[review(1, 1, 1, 1), review(5, 5, 5, 5, at=later), review(3, 3, 3, 3, by="q2")])]
    assert scores(ground(made))[()].mean == (20 + 12) / 2
    assert {(each.tickets, each.difference) for each in agreement(ground(made))} == {(1, 2)}


# volume, goals, months


def test_volume_is_held_against_the_level_and_the_season() -> None:
    at = [datetime(2026, 11, day, 4, tzinfo=UTC) for day in (9, 10)]
    made = [
        ticket(f"{agent}-{i}", replies=[LedgerReply(when, agent) for when in at])
        for agent, count in (("a1", 4), ("a2", 8), ("a3", 20))
        for i in range(count)
    ]
    levels = (Level("new", 2, None, frozenset({"a1"})), Level("experienced", 5, 6, None))
    season = Season("sale", date(2026, 11, 10), date(2026, 11, 12), 3000)
    found = agent_volumes(ground(made, replace(QUALITY, levels=levels, seasons=(season,))))
    assert [(each.agent, each.days, each.per_day, each.least, each.most, each.load) for each in found] == [
        ("a1", 2, 4, 4, None, "within"), ("a2", 2, 8, 10, 12, "below"), ("a3", 2, 20, 10, 12, "above"),
    ]  # fmt: skip
    few = [ticket(f"{i}", replies=[LedgerReply(at[0], "a2")]) for i in range(4)]
    assert [each.load for each in agent_volumes(ground(few, replace(QUALITY, levels=levels)))] == [None]


def test_a_goal_stands_by_its_figure_since_it_was_set() -> None:
    made = [
        ticket(f"{i}", agent_id="a17", clocks=[clock("first_response", 5 if i else 20)], created_at=NINE)
        for i in range(10)
    ]
    goal = Goal("a17", None, "first_response_compliance", 0.8, 0.92, date(2026, 3, 2), date(2026, 3, 3), None, 1)
    connection = memory(made)
    noon, end = (from_datetime(NINE + timedelta(hours=hours)) for hours in (3, 48))
    found = standing(connection, goal, QUALITY, noon)
    assert (found.reading, found.state, found.way) == (Reading(0.9, 10), "on_the_way", pytest.approx(1 / 1.2))
    assert standing(connection, goal, QUALITY, end).state == "missed"
    assert standing(connection, replace(goal, to=0.9), QUALITY, noon).state == "reached"
    assert standing(connection, replace(goal, agent="a18"), QUALITY, end).state == "too_few"
    assert standing(memory(made[:4]), goal, QUALITY, end).state == "too_few"
    quicker = replace(goal, what="response_time", before=900.0)
    assert standing(connection, replace(quicker, to=390.0), QUALITY, end).state == "reached"
    assert standing(connection, replace(quicker, to=389.0), QUALITY, end).state == "missed"
    assert standing(connection, replace(goal, since=date(2026, 3, 3)), QUALITY, noon).state == "not_begun"


def test_who_is_under_a_goal_for_two_months_running_is_so_in_both_on_enough_tickets() -> None:
    def month(number: int, agent: str, late: int, count: int = 5) -> list[LedgerRecord]:
        at = datetime(2026, number, 10, tzinfo=UTC)
        return [
            ticket(f"{number}-{agent}-{i}", agent_id=agent, created_at=at,
                   clocks=[clock("first_response", 20 if i < late else 5, at=at)])
            for i in range(count)
        ]  # fmt: skip

    made = [*month(1, "a1", 3), *month(2, "a1", 1), *month(1, "a2", 3), *month(2, "a2", 0)]
    made += [*month(1, "a3", 4, count=4), *month(2, "a3", 5)]
    months = [
        Period(parse_instant(f"2026-0{number}-01T00:00:00Z"), parse_instant(f"2026-0{number + 1}-01T00:00:00Z"))
        for number in (1, 2)
    ]
    (found,) = under_goal([ground(made, period=each) for each in months], "first_response_compliance")
    assert (found.agent, found.goal, found.readings) == ("a1", 0.9, (Reading(0.4, 5), Reading(0.8, 5)))


def test_of_nothing_every_figure_is_nothing() -> None:
    nothing = ground([])
    assert kept(nothing, ("first_response",))[()].compliance is None
    assert scores(nothing)[()].mean is None
    assert complaints(nothing)[()].valid_per_thousand is None
    assert (problems(nothing), agreement(nothing), crossed(nothing, "agent"), fastest(nothing)) == ([], [], [], None)
