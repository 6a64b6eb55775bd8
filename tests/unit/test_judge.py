"""The judge that other tests compare with is itself compared with verdicts and business hours worked out elsewhere."""

from __future__ import annotations

import csv
import gzip
import io
import json
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from judge import first_breach_times, judge_ticket, read_policies
from judge_files import COLUMNS, judge_file, read_events, row, summary
from judge_time import DAY, SECOND, Always, Calendar, instant
from shared import shared_dir
from strategies import TARGETS, moments, policy_files, random_moment, random_policy_file, random_ticket, tickets

HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("data", "name"),
    [("fuzz", "everything"), ("helpdesk", "default"), ("helpdesk", "office"), ("helpdesk", "quarters")],
)
def test_every_clock_and_every_count_is_as_expected(data: str, name: str) -> None:
    folder = shared_dir() / "data" / data
    expected = json.loads((folder / "expected" / f"{name}.json").read_text())
    as_of = instant(expected["as_of"])
    clocks = judge_file(folder / "events.jsonl.gz", folder / "policies" / f"{name}.yaml", as_of)
    table = gzip.decompress((folder / "expected" / f"{name}.clocks.csv.gz").read_bytes()).decode()
    assert [COLUMNS] + [row(clock) for clock in clocks] == list(csv.reader(io.StringIO(table)))
    assert summary(read_events(folder / "events.jsonl.gz"), clocks, as_of) == expected


def test_business_time_is_as_ten_systems_assert() -> None:
    told = 0
    for case in json.loads((shared_dir() / "oracle" / "business_time.json").read_text())["cases"]:
        hours = case["calendar"]
        if not hours.keys() <= {"tz", "weekly", "holidays", "date_overrides"} or "pauses" in case:
            continue  # forms that a policy file has not
        calendar = Calendar(
            {
                "timezone": hours["tz"],
                "weekly": {day: _texts(segments) for day, segments in hours["weekly"].items()},
                "holidays": hours.get("holidays"),
                "overrides": {day: _texts(segments) for day, segments in hours.get("date_overrides", {}).items()},
            }
        )
        expected = case.get("canonical_expected", case["expected"])
        start = instant(case["start"])
        if case["operation"] == "elapsed":
            assert calendar.elapsed(start, instant(case["end"])) == expected * SECOND, case["id"]
            told += 1
        elif case["operation"] == "deadline" and case["duration_s"] > 0:
            assert calendar.add(start, case["duration_s"] * SECOND) == instant(expected), case["id"]
            told += 1
    assert told > 50


def _texts(segments: list[list[str]]) -> list[str]:
    return [f"{opens}-{closes}" for opens, closes in segments]


def test_a_skipped_hour_is_lost_and_a_repeated_hour_counts_twice() -> None:
    rome = Calendar({"timezone": "Europe/Rome", "weekly": {"sun": ["00:00-24:00"]}})
    spring, autumn = instant("2026-03-29T00:00:00+01:00"), instant("2026-10-25T00:00:00+02:00")
    assert rome.elapsed(spring, spring + DAY) == 23 * HOUR
    assert rome.elapsed(autumn, autumn + 2 * DAY) == 25 * HOUR
    assert rome.add(autumn, 25 * HOUR) == autumn + 25 * HOUR


def test_hours_that_open_in_a_skipped_hour_open_at_its_end() -> None:
    rome = Calendar({"timezone": "Europe/Rome", "weekly": {"sun": ["02:30-04:00"]}})
    assert rome.add(instant("2026-03-29T00:00:00+01:00"), 1) == instant("2026-03-29T03:00:00+02:00") + 1


def test_a_calendar_that_opens_no_more_has_no_deadline() -> None:
    past = Calendar({"timezone": "UTC", "overrides": {"2020-01-01": ["09:00-10:00"]}})
    assert past.add(instant("2026-01-01T00:00:00Z"), 1) is None
    assert Always().add(0, 1) == 1


RULES = read_policies({"policies": [{"name": "all", "targets": {"first_response": {"limit": "1h"}}}]})
CREATED = {"event_id": "1", "type": "ticket_created", "ticket_id": "T", "occurred_at": "2026-01-01T09:00:00Z"}
NINE = instant(CREATED["occurred_at"])


def _reply(at: str, **more: Any) -> dict[str, Any]:
    return {"event_id": "2", "type": "agent_replied", "ticket_id": "T", "occurred_at": at, **more}


def test_the_verdict_is_that_of_the_instant_asked_for() -> None:
    events = [_reply("2026-01-01T10:30:00Z"), CREATED]
    verdicts = [judge_ticket(events, RULES, NINE + after) for after in (-1, HOUR, HOUR + 1, 2 * HOUR)]
    assert [[(c.verdict, c.stopped_at) for c in clocks] for clocks in verdicts] == [
        [],
        [("pending", None)],
        [("breached", None)],
        [("breached", NINE + 3 * HOUR // 2)],
    ]


def test_breach_times_are_foretold_where_nothing_more_happens() -> None:
    assert first_breach_times([CREATED], RULES) == {("first_response", 0): NINE + HOUR}
    assert first_breach_times([CREATED], RULES, NINE + HOUR) == {}
    assert first_breach_times([CREATED, _reply("2026-01-01T10:00:00Z")], RULES) == {}


def test_of_two_contents_under_one_id_the_first_in_order_is_kept() -> None:
    early, late = _reply("2026-01-01T09:10:00Z", seq=1), _reply("2026-01-01T09:10:00Z", seq=0, public=False)
    same = _reply("2026-01-01T09:10:00Z", seq=0, public=None, agent_id="a")
    for events in ([CREATED, early, late], [late, early, CREATED, early]):
        assert [clock.verdict for clock in judge_ticket(events, RULES, NINE + HOUR)] == ["pending"]
    # By its JSON: "agent_id" sorts before "event_id".
    assert [clock.verdict for clock in judge_ticket([CREATED, late, same], RULES, NINE + HOUR)] == ["met"]


def test_a_clock_paused_exactly_at_its_limit_is_met_when_resolved_and_breached_when_it_goes_on() -> None:
    rules = read_policies({"policies": [{"name": "all", "targets": {"resolution": {"limit": "1h"}}}]})
    pause = _status("2", "2026-01-01T10:00:00Z", "on_hold")
    for status, verdict, breached_at in (("resolved", "met", None), ("open", "breached", NINE + 2 * HOUR)):
        events = [CREATED, pause, _status("3", "2026-01-01T11:00:00Z", status)]
        clocks = judge_ticket(events, rules, NINE + 3 * HOUR)
        assert [(clock.verdict, clock.breached_at) for clock in clocks] == [(verdict, breached_at)]


def _status(event_id: str, at: str, status: str) -> dict[str, Any]:
    return {"event_id": event_id, "type": "status_changed", "ticket_id": "T", "occurred_at": at, "status": status}


@given(tickets(), policy_files(), st.data())
def test_order_and_repeats_of_arrival_change_nothing(
    events: list[dict[str, Any]], document: dict[str, Any], data: st.DataObject
) -> None:
    rules, as_of = read_policies(document), data.draw(moments(events))
    again = data.draw(st.permutations(events)) + events[:3]
    assert judge_ticket(again, rules, as_of) == judge_ticket(events, rules, as_of)


def test_made_up_tickets_reach_every_verdict_of_every_target_and_limits_exactly() -> None:
    print("seed 7")
    rng = Random(7)
    reached: set[tuple[str, str]] = set()
    exactly: set[str] = set()
    for _ in range(60):
        document = random_policy_file(rng)
        assert yaml.safe_load(yaml.safe_dump(document)) == document
        rules = read_policies(document)
        limits = {(target, promise.limit) for rule in rules for target, promise in rule.targets.items()}
        for number in range(20):
            events = random_ticket(rng, f"T{number}")
            for clock in judge_ticket(events, rules, random_moment(rng, events)):
                reached.add((clock.target, clock.verdict))
                if clock.verdict == "met" and (clock.target, clock.elapsed) in limits:
                    exactly.add(clock.target)
    assert reached == {(target, verdict) for target in TARGETS for verdict in ("met", "breached", "pending", "void")}
    assert exactly >= {"first_response", "resolution", "follow_up"}
