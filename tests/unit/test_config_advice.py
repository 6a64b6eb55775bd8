"""What is allowed in a configuration and yet told to its owner."""

from pathlib import Path

import pytest

from config.advice import advice, reaches_back, routing_advice
from config.policies import PolicyFile, read_policy_file
from config.routing import load_routing
from streams.instants import DAY, parse_instant

NOW = parse_instant("2026-07-01T00:00:00Z")
URGENT = """
  - name: urgent
    when: {priority: urgent}
    effective: {from: "2026-01-01T00:00:00Z", until: null}
    targets: {first_response: {limit: 15m, calendar: office}, resolution: {limit: 2h}}
"""
REST = """
  - name: rest
    targets: {resolution: {limit: 24h}}
"""
CALENDAR = """
calendars:
  office:
    timezone: UTC
    weekly: {mon: ["09:00-18:00"]}
    overrides: {2026-06-01: [], 2026-08-03: []}
"""


def read(tmp_path: Path, text: str, name: str = "policies.yaml") -> PolicyFile:
    path = tmp_path / name
    path.write_text(f"version: 1\n{text}", encoding="utf-8")
    return read_policy_file(path)


def told(tmp_path: Path, old: str, new: str) -> list[str]:
    before, after = read(tmp_path, old, "old.yaml"), read(tmp_path, new, "new.yaml")
    return [f"{problem.field}: {problem.reason}" for problem in reaches_back(before, after, NOW)]


WHOLE = f"{CALENDAR}policies:{URGENT}{REST}"


def test_the_same_promises_reach_nowhere(tmp_path: Path) -> None:
    assert told(tmp_path, WHOLE, WHOLE.replace("limit: 2h", "limit: 120m")) == []


def test_a_new_period_from_now_on_reaches_nowhere(tmp_path: Path) -> None:
    ended = URGENT.replace("null", '"2026-07-02T00:00:00Z"')
    begun = URGENT.replace("name: urgent", "name: urgent, stricter").replace("2026-01-01", "2026-07-02")
    assert told(tmp_path, WHOLE, f"{CALENDAR}policies:{ended}{begun.replace('15m', '10m')}{REST}") == []


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("limit: 15m", "limit: 10m", "policy 'urgent': first_response changed"),
        ("resolution: {limit: 2h}", "resolution: {limit: 2h, warn: 50%}", "policy 'urgent': resolution changed"),
        ("priority: urgent", "priority: high", "policy 'urgent': when changed"),
        ("2026-01-01T", "2026-02-01T", "policy 'urgent': effective changed"),
        ("until: null", 'until: "2026-06-01T00:00:00Z"', "policy 'urgent': effective changed"),
        ("09:00-18:00", "09:00-17:00", "policy 'urgent': the calendar of first_response changed"),
        ("2026-06-01: []", '2026-06-01: ["10:00-11:00"]', "policy 'urgent': the calendar of first_response changed"),
        ("name: rest", "name: others", "policy 'others': is new and holds for clocks that started before"),
        ("name: rest", "name: others", "policy 'rest': held before 2026-07-01T00:00:00Z and is gone"),
        (", resolution: {limit: 2h}", "", "policy 'urgent': resolution changed"),
    ],
)
def test_a_change_of_what_was_promised_is_told(tmp_path: Path, old: str, new: str, part: str) -> None:
    assert old in WHOLE
    assert any(line.startswith(part) for line in told(tmp_path, WHOLE, WHOLE.replace(old, new)))


def test_a_change_of_dates_to_come_reaches_nowhere(tmp_path: Path) -> None:
    assert told(tmp_path, WHOLE, WHOLE.replace("2026-08-03", "2026-08-10")) == []


def test_a_changed_order_is_told(tmp_path: Path) -> None:
    other = REST.replace("targets", "when: {team: a}\n    targets")
    lines = told(tmp_path, f"{CALENDAR}policies:{URGENT}{other}", f"{CALENDAR}policies:{other}{URGENT}")
    assert [line.split(",")[0] for line in lines] == ["policies: their order changed"]


def test_a_gap_between_two_periods_is_told(tmp_path: Path) -> None:
    first = URGENT.replace("null", '"2026-03-01T00:00:00Z"')
    second = URGENT.replace("name: urgent", "name: later").replace("2026-01-01", "2026-03-02")
    (problem,) = advice(read(tmp_path, f"{CALENDAR}policies:{first}{second}"), NOW)
    assert (problem.field, problem.line) == ("policy 'later'", 14)
    assert (
        "begins at 2026-03-02T00:00:00Z, and 'urgent' for the same tickets ends at 2026-03-01T00:00:00Z"
        in problem.reason
    )
    joined = second.replace("2026-03-02", "2026-03-01")
    assert advice(read(tmp_path, f"{CALENDAR}policies:{first}{joined}"), NOW) == []


def test_a_calendar_that_nothing_uses_is_told(tmp_path: Path) -> None:
    (problem,) = advice(read(tmp_path, f"{CALENDAR}policies:{REST}"), NOW)
    assert (problem.field, problem.line, problem.reason) == ("calendars.office", 4, "no policy uses it")


def test_a_calendar_of_past_dates_alone_is_told(tmp_path: Path) -> None:
    file = read(tmp_path, WHOLE)
    assert advice(file, NOW) == []
    (problem,) = advice(file, parse_instant("2026-08-04T00:00:00Z"))
    assert problem.reason == "its last holiday or override was 2026-08-03 (add those to come)"


def test_a_calendar_whose_holidays_end_soon_or_ended_is_told(tmp_path: Path) -> None:
    file = read(tmp_path, WHOLE.replace("overrides: {2026-06-01: [], 2026-08-03: []}", "holidays: {country: CN}"))
    known_until = file.calendars["office"].calendar.known_until
    assert known_until is not None
    end = parse_instant(f"{known_until}T00:00:00Z")
    assert advice(file, end - 61 * DAY) == []
    for now in (end - 60 * DAY, end, end + 400 * DAY):
        (problem,) = advice(file, now)
        assert f"public holidays of CN are known until {known_until}" in problem.reason
        assert "install a newer chinesecalendar" in problem.reason


def test_routes_and_destinations_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    path = tmp_path / "routing.yaml"
    path.write_text("""version: 1
destinations:
  used: {kind: slack, url: "https://a.example/"}
  unused: {kind: slack, url: "https://a.example/"}
routes:
  - {when: {policy: [urgent, urgnt]}, to: used}
  - {to: used}
""")
    problems = routing_advice(load_routing(path, {}), read(tmp_path, WHOLE), str(path), NOW)
    assert [problem.reason for problem in problems] == [
        f"asks for the policy 'urgnt', which is not in {tmp_path}/policies.yaml",
        "the destination 'unused': no route names it",
        "the monitor's own alerts have no route (write one that asks for level: operations)",
    ]


NAME_SOME = " (name destinations in the route for level: operations)"


def told_of_routing(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "routing.yaml"
    head = """version: 1
destinations:
  a: {kind: slack, url: "https://a.example/"}
  b: {kind: slack, url: "https://a.example/"}
"""
    path.write_text(head + text, encoding="utf-8")
    found = routing_advice(load_routing(path, {}), read(tmp_path, WHOLE), "r", NOW)
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        ("[{when: {level: operations}, to: a}, {to: b}]", []),
        ("[{when: {level: [operations, breach]}, to: [a, b]}, {to: []}]", []),
        (
            "[{when: {level: operations}, to: []}, {to: [a, b]}]",
            [
                "r: routes: the monitor's own alerts are told to nobody" + NAME_SOME,
            ],
        ),
        (
            "[{when: {level: operations}, to: a}, {to: a}]",
            [
                "r: routes: the destination 'b': no route names it",
                "r: routes: nobody is told when 'a' fails (name a second destination for level: operations)",
            ],
        ),
    ],
)
def test_a_monitor_that_could_tell_nobody_of_itself_is_told(tmp_path: Path, routes: str, told: list[str]) -> None:
    assert told_of_routing(tmp_path, f"routes: {routes}\n") == told


def test_times_without_anybody_on_call_are_told(tmp_path: Path) -> None:
    text = """people: {ann: {}, bo: {}}
rotas:
  whole: {timezone: UTC, hand_over: mon 09:00, starts: 2026-01-05, weekly: [ann, bo]}
  late: {timezone: UTC, hand_over: mon 09:00, starts: 2026-07-13, weekly: [ann],
         overrides: [{from: 2026-07-02, until: 2026-07-03, person: bo}]}
  ends: {timezone: UTC, hand_over: mon 09:00, starts: 2026-01-05, ends: 2026-08-03, weekly: [bo]}
  feed: {timezone: UTC, calendar: "https://a.example/x.ics"}
quiet: {unused: {hours: "22:00-07:00 UTC"}, desk: {hours: "22:00-07:00 UTC", to: b}}
routes: [{when: {level: operations}, to: b}, {to: a, on_call: [whole, late, ends]}]
"""
    now, remedy = "2026-07-01T00:00:00Z", "(add somebody, or an override)"
    assert told_of_routing(tmp_path, text) == [
        "r: routes: the quiet hours 'unused': no route names it",
        "r: routes: the rota 'feed': no route names it",
        f"r:8: rotas.late: nobody is on call from {now} until 2026-07-02T00:00:00Z, and then again {remedy}",
        f"r:10: rotas.ends: nobody is on call from 2026-08-03T09:00:00Z on {remedy}",
    ]
