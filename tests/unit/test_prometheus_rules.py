"""The rules and alerts for Prometheus: valid, tried case by case, of metrics that there are, and each one explained."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.board.meters import BoardMetrics
from agents.documents.pages import declared
from agents.gauge_rows import FAMILIES
from agents.gauges import ENGINE_FAMILIES
from agents.meters import Meters
from agents.notifier.metrics import NotifierMetrics
from config.staffing import default_staffing

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
CASES = ROOT / "tests" / "data" / "prometheus" / "rules_test.yml"
WINDOWS = {"5m": 1 / 12, "1h": 1, "8h": 8, "24h": 24, "7d": 168}


def rules(kind: str) -> list[dict[str, Any]]:
    """All of the recording rules (`record`) or alerts (`alert`)."""
    groups = [
        group for name in ("rules.yml", "alerts.yml") for group in yaml.safe_load((FOLDER / name).read_text())["groups"]
    ]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


ALERTS = {rule["alert"]: rule for rule in rules("alert")}


def exported() -> set[str]:
    """Every series that there is to be asked for."""
    metrics = [one for of in (Meters(), NotifierMetrics(), BoardMetrics()) for one in declared(vars(of).values())]
    names = {family.name for family in (*FAMILIES, *ENGINE_FAMILIES)}
    for metric in metrics:
        names |= (
            {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
            if metric.kind == "histogram"
            else {metric.name}
        )
    return names


def test_promtool_finds_them_valid(promtool: Path) -> None:
    for command in (["check", "config", "prometheus.yml"], ["check", "rules", "rules.yml", "alerts.yml"]):
        done = subprocess.run([promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_case_comes_out_as_it_says(promtool: Path) -> None:
    done = subprocess.run(
        [promtool, "test", "rules", CASES.name], cwd=CASES.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_in_a_case_and_is_quiet_where_all_is_well() -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    fired = {
        match
        for case in cases
        for expected in case.get("promql_expr_test", ())
        for sample in expected["exp_samples"]
        for match in re.findall(r'alertname="(\w+)", alertstate="firing"', sample["labels"])
    }
    assert fired == set(ALERTS)
    (well,) = [case for case in cases if "all is well" in case["name"]]
    given = {series["series"].partition("{")[0] for series in well["input_series"]}
    of_the_monitor = {name for name in ALERTS if not {"target", "team"} & set(re.findall(r"\w+", ALERTS[name]["expr"]))}
    asked = {name for alert in of_the_monitor for name in re.findall(r"\b(?:sla_\w+|up)\b", ALERTS[alert]["expr"])}
    assert asked <= given


def test_they_ask_for_metrics_that_there_are() -> None:
    recorded = {rule["record"] for rule in rules("record")}
    for rule in (*rules("record"), *rules("alert")):
        asked = set(re.findall(r"\b(?:\w+:)?sla_\w+(?::\w+)?", rule["expr"]))
        assert asked <= exported() | recorded, rule


def test_every_alert_says_what_to_do_and_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "prometheus.md").read_text()
    for name, rule in ALERTS.items():
        assert set(rule["annotations"]) == {"summary", "description"}, name
        assert rule["labels"]["severity"] in ("page", "ticket", "none"), name
        assert f"`{name}`" in page, name


@pytest.mark.parametrize("goal", sorted(set(default_staffing().goals.values())))
@pytest.mark.parametrize("name", ["SlawatchGoalBurnsFast", "SlawatchGoalBurns", "SlawatchGoalMissed"])
def test_a_burn_rate_can_be_reached_at_the_goals_and_uses_up_what_the_docs_say(name: str, goal: float) -> None:
    """All clocks breached is a burn rate of 1 / (1 - goal): Google's 14.4 would never be at a goal of 90 %."""
    (window, factor), *_ = re.findall(r'ratio\{window="(\w+)"\} > ([\d.]+)', ALERTS[name]["expr"])
    assert float(factor) * (1 - goal) <= 0.5 + 1e-9  # half of the clocks at the most
    assert 14.4 > 1 / (1 - 0.9)
    share = float(factor) * WINDOWS[window] / WINDOWS["7d"]
    page = (ROOT / "docs" / "prometheus.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}`") and "%" in line)
    assert f"{round(100 * share)} %" in row
    assert f"{100 * float(factor) * (1 - goal):g} %" in row
