"""`slawatch check-config` and `slawatch settings`, as a person runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = ROOT / "config/defaults"
CHINESE_OFFICE = """version: 1
calendars:
  office:
    timezone: Asia/Shanghai
    weekly: {mon: ["09:00-18:00"], tue: ["09:00-18:00"], sat: ["10:00-12:00"]}
    overrides: {"2199-01-01": [], "2199-01-02": ["09:00-10:00"]}
policies:
  - name: vip
    when: {tags: [vip, gold], channel: chat}
    effective: {from: "2026-01-01T00:00:00+08:00"}
    targets:
      first_response: {limit: 1h30m, calendar: office, warn: 50%, met_by: reply}
      resolution: {limit: 24h, warn: [50%, 5m], after_reopen: first, pause_on: []}
  - name: rest
    targets: {follow_up: {limit: 1m}}
"""


def slawatch(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from agents.cli import main; sys.argv[0] = 'slawatch'; main()"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLAWATCH_")}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=kept | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_good_file_is_told_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(CHINESE_OFFICE, encoding="utf-8")
    result = slawatch("check-config", "--policies", str(path))
    assert (result.returncode, result.stderr) == (0, "")
    assert (
        result.stdout
        == f"""\
{path}: OK, 2 policies; the first that fits a ticket holds

1. vip: tags gold or vip; channel chat, for clocks that start from 2025-12-31T16:00:00Z
   first response within 1 hour 30 minutes of office hours; warns at 50%; met by reply alone
   resolution within 24 hours; warns at 50% and 5 minutes before its end; the first resolution is final

2. rest: every other ticket
   follow up within 1 minute; rests while waiting on customer

Calendars
  24x7: always open (built in)
  office: Asia/Shanghai; Mon-Tue 09:00-18:00; Wed-Fri closed; Sat 10:00-12:00; Sun closed
    next: Tue 2199-01-01 closed (override); Wed 2199-01-02 09:00-10:00 (override)
"""
    )


def test_without_a_file_the_shipped_defaults_are_checked() -> None:
    result = slawatch("check-config")
    assert result.returncode == 0
    assert result.stdout.startswith("defaults/policies.yaml: OK, 2 policies")


def test_the_files_of_the_settings_are_checked(tmp_path: Path) -> None:
    policies, routing = DEFAULTS / "tiers.yaml", DEFAULTS / "routing.yaml"
    result = slawatch(
        "check-config", SLAWATCH_POLICIES=str(policies), SLAWATCH_ROUTING=str(routing), PAGER_TOKEN="s3cret"
    )
    assert result.returncode == 0, result.stderr
    assert "tiers.yaml: OK, 4 policies" in result.stdout
    assert "1. level operations -> supervisors, pager\n" in result.stdout
    assert "2. level escalation -> supervisors, pager, naming who is on call by duty\n" in result.stdout
    assert "3. priority urgent; level breach; in the hours of office -> support-chat, supervisors\n" in result.stdout
    assert "5. every other alert -> support-chat\n" in result.stdout
    assert "\nOn call\n  duty: " in result.stdout
    night = "22:00-07:00 Asia/Shanghai; holds what goes to support-chat, but for priority urgent"
    assert f"\nQuiet hours\n  night: {night}\n" in result.stdout
    assert "${SLACK_SUPPORT_URL}: is not set here" in result.stdout
    assert "PAGER_TOKEN" not in result.stdout
    assert "s3cret" not in result.stdout


def test_all_problems_of_all_files_end_with_2(tmp_path: Path) -> None:
    policies, routing = tmp_path / "policies.yaml", tmp_path / "routing.yaml"
    policies.write_text("version: 1\npolicies:\n  - name: a\n    targets: {resolution: {limit: 2d}}\n")
    routing.write_text("version: 1\ndestinations: {}\nroutes: [{to: a}]\n")
    result = slawatch("check-config", "--policies", str(policies), "--routing", str(routing), SLAWATCH_GRACE="x")
    assert result.returncode == 2
    assert result.stdout == ""
    starts = [
        "environment: SLAWATCH_GRACE: ",
        f"{policies}:4: policies[0].targets.resolution.limit: ",
        f"{routing}:3: routes[0].to: ",
    ]
    lines = result.stderr.splitlines()
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=True)] == [True] * 3


def test_a_change_that_reaches_into_the_past_is_warned_of(tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(
        (DEFAULTS / "policies.yaml").read_text(encoding="utf-8").replace("15m, warn: [50%", "10m, warn: [40%")
    )
    result = slawatch("check-config", "--policies", str(new), "--against", str(DEFAULTS / "policies.yaml"))
    assert result.returncode == 0
    assert f"warning: {new}:" in result.stdout
    assert "policy 'urgent': first_response changed for clocks that started before" in result.stdout


def test_settings_are_shown_with_value_origin_and_meaning() -> None:
    result = slawatch(
        "settings", SLAWATCH_GRACE="2s", SLAWATCH_REDIS="redis://:s3cret@a:6379/[0]", SLAWATCH_KAKFA="a:1"
    )
    assert result.returncode == 0, result.stderr
    rows = {row.split()[0]: row.split()[1:] for row in result.stdout.splitlines() if row}
    assert rows["SLAWATCH_GRACE"][:2] == ["2s", "SLAWATCH_GRACE"]
    assert rows["SLAWATCH_PARTITIONS"][:2] == ["12", "default"]
    assert rows["SLAWATCH_REDIS"][0] == "redis://***@a:6379/[0]"
    assert "s3cret" not in result.stdout
    assert "warning: SLAWATCH_KAKFA, did you mean 'KAFKA'?: there is no such setting" in result.stdout


@pytest.mark.parametrize("command", ["settings", "check-config"])
def test_wrong_settings_end_with_2(command: str) -> None:
    result = slawatch(command, SLAWATCH_PARTITIONS="many")
    assert result.returncode == 2
    assert result.stderr.startswith("environment: SLAWATCH_PARTITIONS: ")
