"""`slawatch plan` as people run it: what it prints and writes, and what it says of wrong input."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from click.testing import CliRunner, Result
from command_line import environment

from agents.commands.plan import command
from agents.planning.show import CSV_COLUMNS, inert, share
from agents.replay import Replay
from agents.simulator import simulate
from config.errors import ConfigError
from config.policies import load_policies
from streams import ledger
from streams.events import Reader
from streams.instants import parse_instant
from streams.planning.estimates import estimate

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
POLICIES = str(EXAMPLES / "policies.yaml")
SHANGHAI = ZoneInfo("Asia/Shanghai")
FORECAST = "from,to,team,channel,contacts,handle_seconds\n2026-11-11T09:00,2026-11-11T12:00,sales,chat,{contacts},480\n"
ROSTER = "team,from,to,agents\nsales,2026-11-11T09:00,2026-11-11T12:00,{agents}\n"

drawn = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "POLICIES", "STAFFING"):
        monkeypatch.delenv(f"SLAWATCH_{name}", raising=False)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two weeks of events, and the same as ledger records."""
    folder = tmp_path_factory.mktemp("past")
    events, records = folder / "events.jsonl.gz", folder / "ledger.jsonl"
    replay, reader = Replay(load_policies(Path(POLICIES))), Reader()
    with gzip.open(events, "wb") as file:
        for event in simulate(1_200, 3, 14.0, parse_instant("2026-10-05T00:00:00+08:00")):
            line = msgspec.json.encode(event)
            file.write(line + b"\n")
            replay.feed(reader.read(line))
    with records.open("wb") as plain:
        for name, ticket in replay.tickets.items():
            if (record := ledger.encode(name, ticket)) is not None:
                plain.write(record + b"\n")
    return events, records


def plan(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, ["--policies", POLICIES, "--runs", "2", *map(str, arguments)])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_peak_of_the_past_says_agents_promises_and_what_waits(past: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "plan.csv"
    result = plan("--history", past[0], "--from", "2026-11-11", "--factor", "4", "--csv", out)
    assert result.exit_code == 0, result.output
    for said in ("Wed 2026-11-11", "agents needed at most", "first response kept", "most contacts waiting", "±"):
        assert said in result.output
    assert "of the past, 2.0 weeks" in result.output
    assert "online or busy" in result.output
    rows = table(out)
    assert tuple(rows[0]) == CSV_COLUMNS
    assert Counter(row["team"] for row in rows) == dict.fromkeys(
        ("aftersales", "billing", "frontline", "technical"), 48
    )
    assert rows[0]["from"] == "2026-11-10T16:00:00Z"
    # Four times the tickets of the two Wednesdays, over two.
    reader = Reader()
    with gzip.open(past[0]) as lines:
        created = [reader.read(line) for line in lines if b'"ticket_created"' in line]
    wednesdays = [
        event
        for event in created
        if event.occurred_at.astimezone(SHANGHAI).weekday() == 2 and getattr(event, "created_by", None) != "agent"
    ]
    assert sum(float(row["contacts"]) for row in rows) == pytest.approx(len(wednesdays) * 2, rel=0.01)


def test_events_and_their_ledger_records_give_the_same_needs(past: tuple[Path, Path], tmp_path: Path) -> None:
    found = []
    for number, source in enumerate(past):
        out = tmp_path / f"{number}.csv"
        assert plan("--history", source, "--from", "2026-11-11", "--csv", out).exit_code == 0
        found.append([(row["from"], row["team"], row["contacts"], row["needed"]) for row in table(out)])
    assert found[0] == found[1]


def test_a_forecast_needs_no_days_and_more_agents_keep_more_promises(tmp_path: Path) -> None:
    forecast, out = tmp_path / "forecast.csv", tmp_path / "plan.csv"
    forecast.write_text(FORECAST.format(contacts=300))
    kept, waiting = [], []
    for agents, at_work in ((5, 4), (20, 14), (40, 28)):  # three tenths are away
        roster = tmp_path / "roster.csv"
        roster.write_text(ROSTER.format(agents=agents))
        result = plan("--forecast", forecast, "--roster", roster, "--csv", out)
        assert result.exit_code == 0, result.output
        rows = table(out)
        assert len(rows) == 6
        assert {int(row["at_work"]) for row in rows} == {at_work}
        kept.append(sum(float(row["answered_in_time"]) for row in rows) / 6)
        waiting.append(float(rows[-1]["waiting"]))
        needed = int(rows[0]["needed"])
    assert kept == sorted(kept)
    assert kept[0] < 0.5
    assert kept[-1] > 0.95
    assert waiting == sorted(waiting, reverse=True)
    assert 13.3 < needed < 25, "50 contacts of 8 minutes in half an hour are 13.3 erlangs"
    alone = plan("--forecast", forecast)
    assert "At work: as many as needed" in alone.output


def test_a_live_channel_without_a_short_promise_is_said_to_be_planned_like_mail(tmp_path: Path) -> None:
    forecast = tmp_path / "forecast.csv"
    forecast.write_text(FORECAST.format(contacts=60) + "2026-11-11T09:00,2026-11-11T12:00,sales,email,60,480\n")
    for limit, said in (("45m", "chat of sales (45m)."), ("5m", "")):
        policies = tmp_path / "policies.yaml"
        policies.write_text(f"version: 1\npolicies: [{{name: all, targets: {{first_response: {{limit: {limit}}}}}}}]\n")
        done = plan("--forecast", str(forecast), "--policies", str(policies), "--runs", "1")
        assert ("as mail is" in done.output) == bool(said)
        assert said in done.output


def test_with_as_many_agents_as_needed_the_goal_is_kept(past: tuple[Path, Path], tmp_path: Path) -> None:
    """The ledger alone says nothing of staff; so the simulation has those whom the formulas ask for."""
    out = tmp_path / "plan.csv"
    result = plan("--history", past[1], "--from", "2026-11-11", "--factor", "10", "--goal", "90%", "--csv", out)
    assert "At work: as many as needed" in result.output
    rows = table(out)
    assert all(row["gap"] == "0" for row in rows)
    answered = [(float(row["contacts"]), float(row["answered_in_time"])) for row in rows if row["answered_in_time"]]
    assert sum(contacts * share for contacts, share in answered) / sum(contacts for contacts, _ in answered) > 0.9


def test_the_same_seed_gives_the_same_and_a_peak_holds_on_its_days(past: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ("--history", past[1], "--from", "2026-11-10", "--days", "3", "--team", "billing")
    outs = [tmp_path / f"{number}.csv" for number in range(3)]
    for out, more in zip(
        outs, (["--seed", "5"], ["--seed", "5"], ["--factor", "3", "--peak", "2026-11-11"]), strict=True
    ):
        assert plan(*arguments, *more, "--csv", out).exit_code == 0
    assert outs[0].read_text() == outs[1].read_text()
    for calm, peak in zip(table(outs[0]), table(outs[2]), strict=True):
        day = datetime.fromisoformat(calm["from"]).astimezone(SHANGHAI).day
        assert float(peak["contacts"]) == pytest.approx(float(calm["contacts"]) * (3 if day == 11 else 1), abs=0.02)


@drawn
def test_charts_are_drawn_the_same_each_time(tmp_path: Path) -> None:
    forecast = tmp_path / "forecast.csv"
    forecast.write_text(FORECAST.format(contacts=100).replace("sales", "$售后 <b>"))
    svgs = [tmp_path / "a.svg", tmp_path / "b.svg"]
    png = tmp_path / "c.png"
    result = plan("--forecast", forecast, *(part for chart in (*svgs, png) for part in ("--chart", chart)))
    assert result.exit_code == 0, result.output
    assert svgs[0].read_bytes() == svgs[1].read_bytes()
    text = svgs[0].read_text()
    assert "$售后 &lt;b&gt;" in text
    assert "agents at work" in text
    assert png.read_bytes().startswith(b"\x89PNG")


def test_without_the_library_a_chart_says_what_to_install(tmp_path: Path) -> None:
    forecast = tmp_path / "forecast.csv"
    forecast.write_text(FORECAST.format(contacts=10))
    without = "import sys; sys.modules['matplotlib'] = None; from agents.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", without, "plan", "--forecast", forecast, "--chart", tmp_path / "x.svg"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 2
    assert "needs matplotlib, which is not installed (pip install 'slawatch[plan]')" in " ".join(done.stderr.split())
    assert done.stdout == "", "told before anything is reckoned"


WRONG = [
    ((), "nothing to plan from: --history FILE, --forecast FILE, or set SLAWATCH_KAFKA"),
    (("--history", "{past}"), "say --from 2026-11-11"),
    (("--history", "{past}", "--forecast", "{forecast}"), "exclude each other"),
    (("--forecast", "{forecast}", "--from", "2026-13-11"), "no such date"),
    (
        ("--forecast", "{forecast}", "--from", "2027-11-11", "--days", "1", "--team", "nobody"),
        "nothing comes to 'nobody'",
    ),
    (("--forecast", "{forecast}", "--factor", "many"), "write 4, or team=4"),
    (("--forecast", "{forecast}", "--factor", "salse=2"), "did you mean 'sales'?"),
    (("--forecast", "{forecast}", "--peak", "2026-11-12"), "none of the days planned"),
    (("--forecast", "{forecast}", "--goal", "100%"), "below 100%"),
    (("--forecast", "{forecast}", "--occupancy", "0"), "more than 0"),
    (("--forecast", "{forecast}", "--handle", "8m"), "write chat=8m"),
    (("--forecast", "{forecast}", "--zone", "Shanghai"), "unknown zone"),
    (("--forecast", "{forecast}", "--chart", "plan.pdf"), "ends in .svg or .png"),
]


@pytest.mark.parametrize(("arguments", "problem"), WRONG)
def test_wrong_questions_are_answered_with_a_remedy(
    arguments: tuple[str, ...], problem: str, past: tuple[Path, Path], tmp_path: Path
) -> None:
    forecast = tmp_path / "forecast.csv"
    forecast.write_text(FORECAST.format(contacts=10))
    result = plan(*(part.format(past=past[1], forecast=forecast) for part in arguments))
    assert result.exit_code == 2
    assert problem in " ".join(result.output.replace("│", " ").split())


def test_wrong_files_are_named(tmp_path: Path) -> None:
    forecast, roster = tmp_path / "forecast.csv", tmp_path / "roster.csv"
    forecast.write_text(FORECAST.format(contacts=10).replace("480", ""))
    with pytest.raises(ConfigError, match=r"forecast.csv: handle_seconds: .*'chat'.*--handle chat=8m"):
        plan_raising("--forecast", forecast)
    forecast.write_text(FORECAST.format(contacts=10))
    roster.write_text(ROSTER.format(agents=1).replace("2026", "2025"))
    with pytest.raises(ConfigError, match=r"roster.csv: has nobody on duty in the days planned"):
        plan_raising("--forecast", forecast, "--roster", roster)
    (tmp_path / "not.jsonl").write_text("neither\nnor\n")
    with pytest.raises(ConfigError, match=r"not.jsonl: holds no history"):
        plan_raising("--history", tmp_path / "not.jsonl", "--from", "2026-11-11")


def plan_raising(*arguments: str | Path) -> None:
    """As `plan`; what the command raises is raised."""
    CliRunner().invoke(command, ["--policies", POLICIES, *map(str, arguments)], catch_exceptions=False)


def test_a_team_cannot_name_a_formula() -> None:
    assert [inert(text) for text in ("=1+1", "+1", "-1", "@x", "sales")] == ["'=1+1", "'+1", "'-1", "'@x", "sales"]


def test_one_simulation_does_not_say_how_far_off_it_is() -> None:
    assert share(estimate([0.9])) == "90.0%"
    assert share(estimate([0.9, 0.9])) == "90.0% ±0.0"
    assert share(estimate([0.9, 0.8])) == "85.0% ±63.5"
    assert share(estimate([None])) == "-"
