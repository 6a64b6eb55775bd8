"""`slawatch replay`: the verdicts of two data sets worked out elsewhere, and what it says of bad input."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from command_line import slawatch
from judge_files import COLUMNS, judge_file, row, summary
from judge_time import instant
from shared import shared_dir

from agents.commands.replay import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA_SETS = [("fuzz", "everything"), ("helpdesk", "default"), ("helpdesk", "office"), ("helpdesk", "quarters")]
POLICIES = "version: 1\npolicies:\n- {name: all, targets: {first_response: {limit: 1h}}}\n"
CREATED = {"event_id": "1", "type": "ticket_created", "ticket_id": "T", "occurred_at": "2026-01-05T09:00:00Z"}
REPLY = {"event_id": "2", "type": "agent_replied", "ticket_id": "T", "occurred_at": "2026-01-05T11:00:00.5+01:00"}


def replay(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def as_lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Path]:
    """Writes events to a file."""

    def write(*events: dict[str, Any]) -> Path:
        path = tmp_path / "given.jsonl"
        path.write_bytes(as_lines(*events))
        return path

    return write


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    path = tmp_path / "policies.yaml"
    path.write_text(POLICIES)
    return path


@pytest.mark.parametrize(("data", "name"), DATA_SETS)
def test_verdicts_and_figures_are_those_worked_out_elsewhere(data: str, name: str, tmp_path: Path) -> None:
    folder = shared_dir() / "data" / data
    rules = folder / "policies" / f"{name}.yaml"
    found, table = tmp_path / "out.json", tmp_path / "clocks.csv.gz"
    done = replay(folder / "events.jsonl.gz", "--policies", rules, "--json", found, "--clocks", table)
    assert done.exit_code == 0, done.output
    assert_close(json.loads(found.read_text()), json.loads((folder / "expected" / f"{name}.json").read_text()))
    expected = gzip.decompress((folder / "expected" / f"{name}.clocks.csv.gz").read_bytes())
    assert gzip.decompress(table.read_bytes()) == expected


def assert_close(found: object, expected: object, path: str = "$") -> None:
    """The same keys, numbers equal to a millionth."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert found.keys() == expected.keys(), path
        for name, value in expected.items():
            assert_close(found[name], value, f"{path}.{name}")
    elif isinstance(expected, int | float):
        assert found == pytest.approx(expected, rel=0, abs=1e-6), path
    else:
        assert found == expected, path


def test_as_of_an_instant_in_the_middle_is_what_the_judge_says_of_it(tmp_path: Path) -> None:
    folder = shared_dir() / "data" / "fuzz"
    rules, table, found = folder / "policies" / "everything.yaml", tmp_path / "clocks.csv", tmp_path / "out.json"
    whole = json.loads((folder / "expected" / "everything.json").read_text())
    at = "2012-05-03T12:00:00.5+08:00"
    assert instant(at) < instant(whole["as_of"])
    done = replay(
        folder / "events.jsonl.gz", "--policies", rules, "--as-of", at, "--clocks", table, "--json", found
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    clocks = judge_file(folder / "events.jsonl.gz", rules, instant(at))
    assert [line.split(",") for line in table.read_text().splitlines()] == [COLUMNS, *(row(c) for c in clocks)]
    figures = json.loads(found.read_text())
    assert figures["as_of"] == "2012-05-03T04:00:00.500000Z"
    assert_close(figures["targets"], summary([], clocks, instant(at))["targets"])


@pytest.mark.parametrize(
    ("as_of", "verdict"),
    [
        ("2026-01-05T09:59:59Z", "pending"),
        ("2026-01-05T10:00:00Z", "pending"),
        ("2026-01-05T11:00:00.000001+01:00", "breached"),
        ("2026-01-05T10:00:00.5Z", "breached"),
        ("last", "breached"),
        ("2030-01-01T00:00:00Z", "breached"),
    ],
)
def test_as_of_says_when_it_is_looked_at(
    as_of: str, verdict: str, policies: Path, lines: Callable[..., Path], tmp_path: Path
) -> None:
    found = tmp_path / "found.json"
    done = replay(lines(CREATED, REPLY), "--policies", policies, "--as-of", as_of, "--json", found)
    assert done.exit_code == 0, done.output
    assert json.loads(found.read_text())["targets"]["first_response"][verdict] == 1


def test_the_table_of_clocks_has_instants_in_utc_with_a_fraction_only_where_there_is_one(
    policies: Path, lines: Callable[..., Path], tmp_path: Path
) -> None:
    table = tmp_path / "clocks.csv"
    assert replay(lines(CREATED, REPLY), "--policies", policies, "--clocks", table).exit_code == 0
    assert table.read_text().splitlines() == [
        ",".join(COLUMNS),
        "T,first_response,0,2026-01-05T09:00:00Z,2026-01-05T10:00:00.500000Z,3600.500000,2026-01-05T10:00:00Z,breached",
    ]


def test_lines_that_are_no_events_are_named_passed_over_and_the_exit_code_says_so(
    policies: Path, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    bad = [b"{", json.dumps({**REPLY, "type": "reply"}).encode(), *[b"no"] * 20]
    path.write_bytes(as_lines(CREATED) + b"\n" + b"\n".join(bad) + b"\n" + as_lines(REPLY))
    done = replay(path, "--policies", policies)
    assert done.exit_code == 1
    named = [line for line in done.stderr.splitlines() if line.startswith(f"{path}:")]
    assert len(named) == 10
    assert named[0].startswith(f"{path}:3: not JSON in UTF-8")
    assert named[1].startswith(f"{path}:4: type: ")
    assert "22 lines are no events and were passed over" in done.stderr
    assert "first response" in done.stdout


def test_events_too_old_to_be_taken_are_told(policies: Path, lines: Callable[..., Path]) -> None:
    steps = [{**CREATED, "event_id": f"c{n}", "type": "customer_replied"} for n in range(60)]
    spread = [{**event, "occurred_at": f"2026-03-{n // 2 + 1:02}T09:00:00Z"} for n, event in enumerate(steps)]
    done = replay(lines(CREATED, *spread, REPLY), "--policies", policies)
    assert done.exit_code == 1
    assert "1 events are older than what is kept in full of their tickets" in done.stderr


def test_without_json_a_person_reads_a_table(policies: Path, lines: Callable[..., Path]) -> None:
    done = replay(lines(CREATED, REPLY, REPLY), "--policies", policies)
    assert done.exit_code == 0
    assert "3 events (1 repeats), 1 tickets, 0 without a creation" in " ".join(done.stdout.split())
    [line] = [line for line in done.stdout.splitlines() if line.startswith("first response")]
    assert line.split()[2:] == ["0.0%", "0", "1", "0", "0", "1h", "1h"]


def test_events_may_come_from_standard_input_and_the_summary_go_to_standard_output(policies: Path) -> None:
    done = slawatch("replay", "-", "--policies", str(policies), "--json", "-", given=as_lines(CREATED, REPLY))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["targets"]["first_response"]["breached"] == 1


@pytest.mark.parametrize("events", [[], [{**REPLY, "type": "agent_status_changed", "agent_id": "a", "status": "busy"}]])
def test_a_file_without_a_ticket_is_no_success(
    events: list[dict[str, Any]], policies: Path, lines: Callable[..., Path]
) -> None:
    done = replay(lines(*events), "--policies", policies)
    assert done.exit_code == 1
    assert "holds no event of a ticket" in done.stderr


def test_what_was_asked_for_wrongly_is_exit_code_2(policies: Path, lines: Callable[..., Path], tmp_path: Path) -> None:
    given = lines(CREATED)
    assert replay(given).exit_code == 2
    assert replay(tmp_path / "absent", "--policies", policies).exit_code == 2
    assert replay(given, "--policies", tmp_path / "absent").exit_code == 2
    wrong = replay(given, "--policies", policies, "--as-of", "yesterday")
    assert (wrong.exit_code, "yesterday" in wrong.stderr) == (2, True)
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(as_lines(CREATED) * 1_000)[:-9])
    cut = replay(broken, "--policies", policies)
    assert (cut.exit_code, "gzip data is damaged" in cut.stderr) == (2, True)


def test_a_wrong_policy_file_is_exit_code_2_with_its_line(policies: Path, lines: Callable[..., Path]) -> None:
    policies.write_text(POLICIES.replace("1h", "1d"))
    done = slawatch("replay", str(lines(CREATED)), "--policies", str(policies))
    assert done.returncode == 2
    assert f"{policies}:3: " in done.stderr
