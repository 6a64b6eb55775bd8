"""The picture out of boards: sums of whole numbers, which tickets are shown, and whether it is the present."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest
from hand_written import MINUTE, SECOND, board, hour, queue, staff, text, ticket, traffic, window
from hypothesis import given
from hypothesis import strategies as st
from notices import START

from agents.board.freshness import GONE, STALE, Freshness
from agents.board.summing import DUE, OVERDUE, agents_of, picture, without_names
from config.staffing import default_staffing
from streams.instants import HOUR, parse_instant
from streams.staffing import required_agents

if TYPE_CHECKING:
    from agents.board.answers import Monitor, Picture
    from agents.board.record import Read


def monitor() -> Monitor:
    return Freshness(1).monitor(0.0, START)


STAFFING = default_staffing()
GOAL = STAFFING.goals["first_response"]


def seen(*boards: Read, goal: float = GOAL) -> Picture:
    goals = {**STAFFING.goals, "first_response": goal}
    return picture(boards, monitor(), START, dataclasses.replace(STAFFING, goals=goals))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8), st.integers(1, 99_999))
def test_compliance_is_met_over_judged_of_all_partitions_and_compared_without_rounding(
    parts: list[tuple[int, int]], thousandths: int
) -> None:
    boards = [board(START, windows=[window(met, met + missed)]) for met, missed in parts]
    goal = Fraction(thousandths, 100_000)
    (one,) = seen(*boards, goal=float(goal)).compliance
    met, judged = sum(m for m, _ in parts), sum(m + missed for m, missed in parts)
    assert (one.met, one.judged) == (met, judged)
    assert one.kept is (Fraction(met, judged) >= goal if judged else None)


def test_a_goal_of_90_percent_is_missed_by_one_of_ten_thousand_and_met_exactly() -> None:
    kept = [seen(board(START, windows=[window(met, 10_000)])).compliance[0].kept for met in (8_999, 9_000)]
    assert kept == [False, True]
    shown = seen(board(START, windows=[window(94, 100, measure="resolution")])).compliance
    assert [(one.target, one.judged, one.kept) for one in shown] == [
        ("first_response", 0, None),
        ("resolution", 100, False),
    ]


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 120))
def test_the_tickets_shown_are_the_longest_the_last_and_the_next_of_all(seed: int, parts: int, each: int) -> None:
    """Partitions tell of a few each, and yet what is shown is right for all."""
    rng, most = Random(seed), 25
    boards, late, due = [], [], []
    for number in range(parts):
        ours = sorted((START - rng.randrange(1, 10**9), f"T-{number}-{n}") for n in range(rng.randint(0, each)))
        coming = sorted((START + rng.randrange(1, HOUR), f"D-{number}-{n}") for n in range(rng.randint(0, each)))
        late += ours
        due += coming
        told = ours if len(ours) <= 2 * most else ours[:most] + ours[-most:]
        until = coming[most][0] if len(coming) > most else START + HOUR
        boards.append(
            board(START, overdue=[ticket(name, at, overdue=True) for at, name in told], all_overdue=len(ours),
                  due=[ticket(name, at) for at, name in coming[:most]], due_until=until)
        )  # fmt: skip
    shown = seen(*boards)
    late.sort()
    ends = late if len(late) <= 2 * OVERDUE else late[:OVERDUE] + late[-OVERDUE:]
    assert [row.ticket_id for row in shown.overdue] == [name for _, name in ends]
    assert shown.overdue_left_out == len(late) - len(ends)
    assert [row.ticket_id for row in shown.due] == [name for _, name in sorted(due)[:DUE]]


def test_what_falls_due_is_shown_no_further_than_where_nothing_is_left_out() -> None:
    busy = board(START, due=[ticket("A", START + 1)], due_until=START + MINUTE)  # it looked no further
    calm = board(START, due=[ticket("B", START + SECOND), ticket("C", START + 2 * MINUTE)])
    assert [row.ticket_id for row in seen(busy, calm).due] == ["A", "B"]


def test_teams_add_up_over_partitions_priorities_and_channels() -> None:
    oldest = ["2026-03-02T08:00:00.5Z", "2026-03-02T08:00:00Z"]
    shown = seen(
        board(START, queue=[queue("b", open=2, overdue=1, at_risk={"15m": 1}, oldest=oldest[0]), queue("a", open=1)],
              staff=[staff("b", "online", 2), staff("b", "away", 9), staff("c", "offline", 1)]),
        board(START, queue=[queue("b", priority="urgent", open=5, unanswered=3, at_risk={"15m": 2}, oldest=oldest[1])],
              staff=[staff("b", "busy", 1)]),
    )  # fmt: skip
    a, b, c = shown.teams
    assert (a.team, a.queue.open, a.staffed) == ("a", 1, None)
    assert (b.team, b.queue.open, b.queue.overdue, b.queue.unanswered, b.staffed) == ("b", 7, 1, 3, 3)
    assert (b.queue.at_risk["15m"], b.queue.oldest) == (3, oldest[1])
    assert (c.team, c.queue.open, c.staffed) == ("c", 0, 0)
    assert (shown.queue.open, shown.queue.oldest) == (8, oldest[1])


def test_agents_required_follow_from_the_traffic_of_all_partitions_together() -> None:
    """Erlang C of the sum is not the sum of Erlang C: small groups need more."""
    half = {"arrivals_hour": 30, "arrivals": 300, "handled": 300 * 6 * MINUTE, "timed": 900}
    boards = [board(START, traffic=[traffic("vip", "chat", limit, **half)]) for limit in (30.0, 60.0)]
    (vip,) = seen(*boards).teams
    assert vip.required == required_agents(60 * 6 / 60, 6 * MINUTE, 30 * SECOND, GOAL)
    mail = traffic("vip", "email", None, arrivals=10, handled=10 * HOUR, timed=20, due={"60m": 9})
    (vip,) = seen(*boards, board(START, traffic=[mail])).teams
    assert vip.required == required_agents(6, 6 * MINUTE, 30 * SECOND, GOAL) + 5  # half an hour each
    (unknown,) = seen(board(START, traffic=[traffic("vip", "chat", 30.0, arrivals_hour=5)], queue=[queue("vip")])).teams
    assert (unknown.required, unknown.gap) == (None, None)


def test_minutes_are_aligned_where_some_partitions_are_in_the_next_one() -> None:
    shown = seen(
        board(START, hour=hour(START, arrivals={0: 5, 1: 7, 59: 2})),
        board(START + MINUTE, hour=hour(START + MINUTE, arrivals={0: 1, 1: 3})),
    ).hour
    assert parse_instant(shown.begin) == (START // MINUTE - 58) * MINUTE
    assert (shown.arrivals[-3:], sum(shown.arrivals)) == ([7, 8, 1], 16)  # what was 59 minutes ago is out


def test_no_name_is_left_for_those_who_may_not_see_any() -> None:
    late = [ticket("T", START - 1, overdue=True, taken_by="a3", taken_at="2026-03-02T08:00:00Z")]
    whole = seen(board(START, overdue=late, due=[ticket("U", START + 1)]))
    plain = without_names(whole)
    assert {(row.agent_id, row.taken_by) for row in plain.overdue + plain.due} == {(None, None)}
    assert plain.overdue[0].taken_at == "2026-03-02T08:00:00Z"
    assert whole.overdue[0].taken_by == "a3"
    assert agents_of([], whole) == []


# Whether it is the present


def live(fresh: Freshness, ticks: float) -> tuple[str, int, dict[str, list[int]]]:
    found = fresh.monitor(ticks, START)
    return found.state, found.live, {trouble.name: trouble.partitions for trouble in found.troubles}


def boards_at(second: float, *numbers: int, of: int = 3) -> list[bytes | None]:
    at = START + round(second * SECOND)
    return [text(board(at)) if number in numbers else None for number in range(of)]


def test_a_worker_that_dies_is_told_of_within_six_seconds_though_its_board_still_lies_there() -> None:
    fresh = Freshness(3)
    dead = boards_at(0, 0, 1, 2)[0]
    for second in range(20):
        values = boards_at(second, 0, 1, 2)
        values[0] = dead if second < 15 else None  # Redis drops it after its lease
        fresh.take(values, float(second))
        state, count, found = live(fresh, float(second))
        if second < STALE:
            assert (state, count, found) == ("live", 3, {})
        else:
            assert (state, count) == ("partly", 2)
            assert found == {"stale" if second < 15 else "missing": [0]}
    assert len(fresh.boards) == 2


def test_a_board_of_a_dead_worker_is_not_taken_for_the_present_by_a_board_that_starts_late() -> None:
    fresh, dead = Freshness(1), boards_at(-9, 0, of=1)
    for second in range(8):
        fresh.take(dead, float(second))
    assert live(fresh, 7.0) == ("blind", 0, {"stale": [0]})


def test_without_redis_it_is_blind_at_once_and_shows_old_figures_no_longer_than_redis_would() -> None:
    fresh = Freshness(3)
    fresh.take(boards_at(0, 0, 1, 2), 0.0)
    fresh.take(None, 1.0)
    assert live(fresh, 1.0) == ("blind", 0, {"redis": [0, 1, 2]})
    assert fresh.monitor(1.0, START).shown == len(fresh.boards) == 3
    fresh.take(None, GONE)
    assert fresh.monitor(GONE, START).shown == len(fresh.boards) == 0
    fresh.take(boards_at(20, 0, 1, 2), 20.0)
    assert live(fresh, 20.0) == ("live", 3, {})


@pytest.mark.parametrize("value", [b"", b"{", b'{"at":1}', b"[]", b"\xff"])
def test_what_somebody_else_wrote_is_as_if_it_were_not_there(value: bytes) -> None:
    fresh = Freshness(1)
    fresh.take([value], 0.0)
    assert live(fresh, 0.0) == ("blind", 0, {"missing": [0]})


def test_a_worker_that_says_it_does_not_see_is_believed() -> None:
    fresh = Freshness(2)
    troubled = text(board(START, problems={"input": "not read", "new-one": "?"}))
    fresh.take([troubled, text(board(START))], 0.0)
    assert live(fresh, 0.0) == ("partly", 1, {"input": [0], "other": [0]})


def test_a_board_of_a_worker_of_before_is_read_as_far_as_it_goes() -> None:
    row = {"window": "1h", "measure": "first_response", "team": "", "priority": "", "channel": "", "count": 3, "met": 2,
           "timed": 2, "seconds": 1.5, "bins": {"1": 2}}  # fmt: skip
    old = msgspec.json.encode({"at": "2026-03-02T08:00:00Z", "queue": [], "windows": [row], "staff": []})
    fresh = Freshness(1)
    fresh.take([old], 0.0)
    shown = seen(*fresh.boards)
    assert [(one.met, one.judged) for one in shown.compliance] == [(2, 3)]
    assert (shown.overdue, shown.due, sum(shown.hour.arrivals)) == ([], [], 0)
