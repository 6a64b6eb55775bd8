"""Policy files: what they promise, and that nothing wrong with them takes effect."""

from pathlib import Path

import pytest
from expected_problems import corpus, differences
from shared import shared_dir

from config.errors import ConfigError
from config.policies import default_policies, load_policies, read_policy_file
from streams.calendar import ALWAYS
from streams.instants import HOUR, MINUTE, SECOND, parse_instant
from streams.policies import MET_BY, Policies

DEFAULTS = Path(__file__).resolve().parents[2] / "config/defaults"


def load(tmp_path: Path, text: str) -> Policies:
    path = tmp_path / "policies.yaml"
    path.write_text(text, encoding="utf-8")
    return load_policies(path)


@pytest.mark.parametrize("path", corpus("bad_policies"), ids=lambda path: path.stem)
def test_every_problem_is_listed_with_its_line_field_and_remedy(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_policies(path)
    assert differences(path, caught.value) == []
    assert all(problem.file == str(path) for problem in caught.value.problems)


def test_a_problem_reads_file_line_field_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "version: 1\npolicies:\n  - name: a\n    targets: {resolution: {limit: 3d}}\n")
    reason = "days are ambiguous in business time: '3d' (write hours, e.g. 24h)"
    assert str(caught.value) == f"{tmp_path}/policies.yaml:4: policies[0].targets.resolution.limit: {reason}"


def test_a_file_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read: No such file"):
        load_policies(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policies(tmp_path)


@pytest.mark.parametrize("path", corpus("good_policies"), ids=lambda path: path.stem)
def test_good_files_load(path: Path) -> None:
    assert list(load_policies(path))


@pytest.mark.parametrize(
    "name",
    ["helpdesk/policies/default", "helpdesk/policies/office", "helpdesk/policies/quarters", "fuzz/policies/everything"],
)
def test_the_shared_examples_load(name: str) -> None:
    assert list(load_policies(shared_dir() / "data" / f"{name}.yaml"))


def test_yaml_decides_nothing() -> None:
    path = next(path for path in corpus("good_policies") if path.stem == "yaml_traps")
    file = read_policy_file(path)
    first, second = file.policies
    assert (first.name, second.name) == ("007", "yes")
    assert first.when == {
        "team": {"on", "no", "yes", "1.10", "0x1F", "1_000"},
        "tags": {"null"},
        "category": {"~tilde"},
        "customer_id": {"007"},
    }
    assert first.effective_from == parse_instant("2025-12-31T16:00:00Z")
    assert first.effective_until is None
    assert first.promises["first_response"].calendar.name == "no"
    assert file.calendars["no"].weekly == {
        0: ((9 * 3600, 17 * 3600), (18 * 3600, 20 * 3600)),
        5: ((9 * 3600, 12 * 3600 + 1800),),
        6: (),
    }


def test_a_promise_has_the_defaults_of_its_target(tmp_path: Path) -> None:
    targets = (
        "{first_response: {limit: 1h30m}, resolution: {limit: 90s}, follow_up: {limit: 2h}, acceptance: {limit: 1.5s}}"
    )
    (policy,) = load(tmp_path, f"version: 1\npolicies: [{{name: a, targets: {targets}}}]\n")
    assert policy.when == {}
    assert (policy.effective_from, policy.effective_until) == (None, None)
    limits = {target: promise.limit for target, promise in policy.promises.items()}
    assert limits == {
        "first_response": 90 * MINUTE,
        "resolution": 90 * SECOND,
        "follow_up": 2 * HOUR,
        "acceptance": 1_500_000,
    }
    assert {target: promise.pause_on for target, promise in policy.promises.items()} == {
        "first_response": frozenset(),
        "resolution": {"waiting_on_customer", "on_hold"},
        "follow_up": {"waiting_on_customer"},
        "acceptance": frozenset(),
    }
    for promise in policy.promises.values():
        assert (promise.policy, promise.warn, promise.met_by, promise.after_reopen) == ("a", (), MET_BY, "total")
        assert promise.calendar is ALWAYS


def test_what_a_promise_says_is_kept(tmp_path: Path) -> None:
    targets = """
      first_response: {limit: 10m, met_by: reply, pause_on: [on_hold]}
      resolution: {limit: 4h, after_reopen: first, pause_on: []}"""
    (policy,) = load(tmp_path, f"version: 1\npolicies:\n  - name: a\n    targets:{targets}\n")
    first, resolution = policy.promises["first_response"], policy.promises["resolution"]
    assert first.met_by == {"reply"}
    assert first.pause_on == {"on_hold"}
    assert (resolution.after_reopen, resolution.pause_on) == ("first", frozenset())


def test_warnings_are_in_the_order_in_which_they_ring(tmp_path: Path) -> None:
    targets = "{first_response: {limit: 10m, warn: [1m, 50%, 12.5%]}}"
    (policy,) = load(tmp_path, f"version: 1\npolicies: [{{name: a, targets: {targets}}}]\n")
    warn = policy.promises["first_response"].warn
    assert [(threshold.text, threshold.at(10 * MINUTE)) for threshold in warn] == [
        ("12.5%", 75 * SECOND),
        ("50%", 5 * MINUTE),
        ("1m", 9 * MINUTE),
    ]


def test_policies_keep_their_order_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(
        "version: 1\npolicies:\n  - name: b\n    when: {team: x}\n    targets: {}\n\n  - name: a\n    targets: {}\n"
    )
    file = read_policy_file(path)
    assert [policy.name for policy in file.policies] == ["b", "a"]
    assert file.lines == {"b": 3, "a": 7}


WRITTEN = """
version: 1
calendars:
  office: {timezone: UTC, weekly: {mon: ["09:00-12:00", "13:00-18:00"]}, overrides: {"2026-01-01": []}}
policies:
  - name: a
    when: {team: [x, y], priority: high}
    effective: {from: "2026-01-01T00:00:00Z"}
    targets: {resolution: {limit: 90m, calendar: office, warn: [50%, 5m]}, acceptance: {limit: 1h}}
"""
SAME = """
# The same in other words.
policies:
  - targets:
      acceptance: {limit: 60m, calendar: 24x7}
      resolution:
        calendar: office
        pause_on: [on_hold, waiting_on_customer]
        limit: 1h30m
        warn: [5m, 50%]
    effective: {until: null, from: "2026-01-01T08:00:00+08:00"}
    when: {priority: [high], team: [y, x]}
    name: a
calendars:
  unused: {timezone: Asia/Shanghai, weekly: {tue: ["09:00-10:00"]}}
  office:
    weekly: {tue: [], mon: ["13:00-18:00", "09:00-12:00"]}
    timezone: UTC
    holidays: [2026-01-01]
version: 1
"""


def test_files_that_say_the_same_have_one_fingerprint(tmp_path: Path) -> None:
    assert load(tmp_path, WRITTEN).fingerprint == load(tmp_path, SAME).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("limit: 90m", "limit: 91m"),
        ("name: a", "name: b"),
        ("[x, y]", "[x]"),
        ("priority: high", "category: high"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
        ("50%", "51%"),
        ("timezone: UTC", "timezone: Europe/London"),
        ("18:00", "18:01"),
        ('{"2026-01-01": []}', '{"2026-01-02": []}'),
        (", acceptance: {limit: 1h}", ""),
        ("limit: 90m,", "limit: 90m, pause_on: [],"),
        ("limit: 90m,", "limit: 90m, after_reopen: first,"),
    ],
)
def test_files_that_differ_in_meaning_have_different_fingerprints(tmp_path: Path, old: str, new: str) -> None:
    assert old in WRITTEN
    assert load(tmp_path, WRITTEN).fingerprint != load(tmp_path, WRITTEN.replace(old, new)).fingerprint


def test_the_shipped_defaults_are_those_of_the_source_documents() -> None:
    limits = {policy.name: {target: p.limit for target, p in policy.promises.items()} for policy in default_policies()}
    others = {"follow_up": 24 * HOUR, "resolution": 72 * HOUR, "acceptance": HOUR, "team_answer": 4 * HOUR}
    others["complaint_resolution"] = 24 * HOUR
    assert limits == {
        "urgent": {"first_response": 15 * MINUTE, **others},
        "normal": {"first_response": 2 * HOUR, **others},
    }


def test_the_shipped_example_of_tiers_loads() -> None:
    names = [policy.name for policy in load_policies(DEFAULTS / "tiers.yaml")]
    assert names == ["phone", "live chat", "urgent", "everything else"]
