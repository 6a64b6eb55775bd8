"""`slawatch route explain`: each route that is tried, quiet hours, who is on call, and silences, in plain words."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from notices import alert_record

from agents.commands.route import Question, command, explained
from agents.errors import Refused
from agents.notifier.silences import Silence
from config.routing import load_routing
from streams.instants import parse_instant

ROUTING = """version: 1
calendars:
  office: {timezone: Asia/Shanghai, weekly: {mon: ["09:00-18:00"]}}
people:
  ann: {name: Ann Lee, slack: U024BE7LH}
  bo: {}
rotas:
  duty: {timezone: Asia/Shanghai, hand_over: mon 09:00, starts: 2026-01-05, weekly: [ann, bo]}
  deputy: {timezone: Asia/Shanghai, hand_over: mon 09:00, starts: 2026-06-01, weekly: [bo]}
quiet: {night: {hours: "22:00-07:00 Asia/Shanghai", to: desk, pass: {priority: urgent}}}
destinations:
  desk: {kind: slack, url: "${DESK}"}
  pager: {kind: webhook, url: "https://a.example/${TOKEN}"}
routes:
  - {when: {level: escalation, step: [1, 2]}, to: pager, on_call: [duty, deputy]}
  - {when: {team: [billing, tech], hours: office}, to: [desk, pager], on_call: deputy}
  - {when: {level: warning}, to: []}
  - {to: [desk, pager], on_call: [duty]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    return tmp_path / "routing.yaml"


def run(path: Path, *arguments: str, **environ: str) -> Result:
    environ |= {"SLAWATCH_ROUTING": str(path), "SLAWATCH_DATA_DIR": str(path.parent)}
    return CliRunner().invoke(command, ["explain", *arguments], env=environ)


def test_every_route_is_told_with_what_fails(path: Path) -> None:
    result = run(path, "--team", "billing", "--priority", "low", "--at", "2026-01-06T23:30:00+08:00")
    assert result.exit_code == 0, result.output
    assert (
        result.output
        == """\
as decided at 2026-01-06T15:30:00Z: level breach, kind raised, priority low, team billing
route 1 (line 15): no, level is breach, not escalation; step is not known, not 1 or 2
route 2 (line 16): no, it is not within office
route 3 (line 17): no, level is breach, not warning
route 4 (line 18): taken, for it asks for nothing
goes to desk, held until 2026-01-06T23:00:00Z by the quiet hours night
goes to pager
on call by duty: Ann Lee (slack U024BE7LH)
names Ann Lee (slack U024BE7LH)
silences: not asked
"""
    )


def test_those_on_call_are_told_in_their_order(path: Path) -> None:
    arguments = ("--level", "escalation", "--step", "2", "--at")
    before = run(path, *arguments, "2026-01-06T12:00:00+08:00").output.splitlines()
    assert before[1:] == [
        "route 1 (line 15): taken",
        "goes to pager",
        "on call by duty: Ann Lee (slack U024BE7LH)",
        "on call by deputy: nobody",
        "names Ann Lee (slack U024BE7LH)",
        "silences: not asked",
    ]
    after = run(path, *arguments, "2026-06-02T12:00:00+08:00").output.splitlines()
    assert after[-2] == "names bo"
    nobody = run(path, "--team", "tech", "--at", "2026-01-05T12:00:00+08:00").output
    assert "route 2 (line 16): taken" in nobody
    assert "names nobody: nobody is on call" in nobody


def test_a_calendar_whose_address_is_a_secret_not_set_here_is_told_so_and_not_asked(path: Path) -> None:
    weekly = "hand_over: mon 09:00, starts: 2026-06-01, weekly: [bo]"
    path.write_text(ROUTING.replace(weekly, 'calendar: "${DEPUTY_ICS}"'), encoding="utf-8")
    result = run(path, "--level", "escalation", "--step", "1", "--at", "2026-01-06T12:00:00+08:00")
    assert result.stderr == ("the calendar of the rota deputy is not asked: its address holds what is not set here\n")
    assert "on call by deputy: nobody\n" in result.stdout


def test_an_alert_that_is_dropped_is_told_so(path: Path) -> None:
    assert run(path, "--level", "warning").output.endswith(
        "route 3 (line 17): taken\ngoes to nobody: its route says so\n"
    )


def test_a_record_is_read_and_options_take_the_place_of_its_fields(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    records = [alert_record(1, team="tech"), alert_record(2), alert_record(1, team="\x1b[2Jx")]
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    first = run(path, "--file", str(file), "--ticket", "T-1").output
    assert first.startswith("as decided at 2026-03-02T10:00:00Z: ticket_id T-1, level breach, kind raised, target ")
    assert "team \\x1b[2Jx" in first
    assert "\x1b" not in first
    changed = run(path, "--file", str(file), "--ticket", "T-2", "--team", "tech", "--at", "2026-03-02T12:00:00+08:00")
    assert "route 2 (line 16): taken" in changed.output


@pytest.mark.parametrize(
    ("content", "arguments", "part"),
    [
        ("{", (), "not JSON"),
        ("[]", (), "not an alert record"),
        (json.dumps(alert_record(1)), ("--ticket", "T-9"), "no alert record of that ticket"),
        (json.dumps({"level": "breach"}), (), "decided_at"),
    ],
)
def test_what_is_no_record_is_refused(path: Path, content: str, arguments: tuple[str, ...], part: str) -> None:
    file = path.parent / "alert.json"
    file.write_text(content)
    result = run(path, "--file", str(file), *arguments)
    assert isinstance(result.exception, Refused)
    assert part in str(result.exception)


def test_a_silence_is_told_with_its_reason(path: Path) -> None:
    routing = load_routing(path, {"DESK": "https://a.example/x", "TOKEN": "t"})
    now = parse_instant("2026-01-06T12:00:00Z")
    silence = Silence(
        id="5f2c9a",
        when={"team": ["billing"]},
        since="2026-01-06T11:00:00Z",
        until="2026-01-06T13:00:00Z",
        reason="maintenance",
        by="lead@desk",
        at="2026-01-06T11:00:00Z",
    )
    for team, last in (
        ("billing", "but nobody is told: silenced until 2026-01-06T13:00:00Z by 5f2c9a: maintenance (lead@desk)"),
        ("tech", "silences: none"),
    ):
        alert = {"level": "breach", "team": team}
        assert list(explained(Question(alert, now), routing, routing.rotas, {"5f2c9a": silence}))[-1] == last
