"""The quality and the goals file: what they say, and that nothing wrong with them takes effect."""

import re
from datetime import date
from pathlib import Path

import pytest
from expected_problems import corpus, differences

from agents.quality_words import goal_lines, quality_lines
from config.errors import ConfigError
from config.figures import FIGURES, OF_PROMISES
from config.goals import Goal, load_goals
from config.quality import Level, Shift, default_quality, factor_on, load_quality
from config.staffing import load_staffing

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", corpus("bad_quality"), ids=lambda path: path.stem)
def test_every_problem_of_a_quality_file_is_listed(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_quality(path)
    assert differences(path, caught.value) == []


@pytest.mark.parametrize("path", corpus("bad_goals"), ids=lambda path: path.stem)
def test_every_problem_of_a_goals_file_is_listed(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_goals(path)
    assert differences(path, caught.value) == []


def test_the_shipped_quality_is_that_of_the_source_documents() -> None:
    quality = default_quality()
    assert quality.names == ("attitude", "resolution", "clarity", "satisfaction")
    assert {criterion.weight for criterion in quality.criteria} == {1000}
    assert (quality.maximum, quality.flag_below) == (20, 14)
    assert (quality.sample_share, quality.sample_daily) == (0.1, 0.2)
    assert quality.goals["first_response_compliance"] == 0.9
    assert quality.goals["resolution_rate"] == 0.95
    assert quality.goals["average_rating"] == 4.2
    assert quality.not_effective == {"test", "duplicate", "spam"}
    assert quality.levels == (Level("new", 50, None, frozenset()), Level("experienced", 80, 100, None))
    assert quality.criteria[0].label == {"en": "attitude", "zh": "服务态度"}
    assert set(quality.criteria[0].anchors) == {5, 3, 1}


def test_the_criteria_that_a_centre_may_add_are_there_to_be_uncommented(tmp_path: Path) -> None:
    path = tmp_path / "quality.yaml"
    shipped = (ROOT / "config/defaults/quality.yaml").read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^  # (\w+: \{label)", r"  \1", shipped), encoding="utf-8")
    quality = load_quality(path)
    assert [each.label["zh"] for each in quality.criteria[4:]] == [
        "响应及时性", "信息准确性", "语音清晰度", "流程执行", "身份核验", "分类准确",
    ]  # fmt: skip
    assert (quality.maximum, quality.flag_below) == (20, 14)


def test_the_least_file_has_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "quality.yaml"
    text = "version: 1\ncriteria: {attitude: {}, 语气: {weight: 0.5}}\nshifts: {night: 22:00-06:00}\n"
    path.write_text(text, encoding="utf-8")
    quality = load_quality(path)
    assert [(each.name, each.weight) for each in quality.criteria] == [("attitude", 1000), ("语气", 500)]
    assert (quality.maximum, quality.flag_below, quality.levels) == (10, 0, ())
    assert set(quality.goals) == set(OF_PROMISES.values())
    assert quality.shifts == (Shift("night", 22 * 3600, 6 * 3600),)


def test_the_goal_of_a_promise_is_the_one_that_metrics_and_the_board_go_by(tmp_path: Path) -> None:
    path = tmp_path / "staffing.yaml"
    path.write_text("version: 1\ngoals: {first_response: 92%, team_answer: 75%}\n")
    staffing = load_staffing(path)
    quality = load_quality(None, staffing)
    assert {figure: quality.goals[figure] for figure in OF_PROMISES.values()} == {
        figure: staffing.goals[target] for target, figure in OF_PROMISES.items()
    }
    assert quality.goals["first_response_compliance"] == 0.92


def test_a_season_holds_on_its_first_and_its_last_day() -> None:
    seasons = default_quality().seasons
    days = [date(2026, 11, day) for day in (9, 10, 12, 13)]
    assert [factor_on(seasons, day) for day in days] == [1.0, 3.0, 3.0, 1.0]


def test_goals_are_read_in_their_figures_units() -> None:
    goals = load_goals(ROOT / "examples/goals.yaml")
    first, since = "first_response_compliance", date(2026, 3, 1)
    assert goals[0] == Goal("frontline-005", None, first, 0.66, 0.92, since, date(2026, 3, 15), "frontline-001", 5)
    assert [(goal.team, goal.before, goal.to) for goal in goals[1:]] == [("technical", 15.5, 17), (None, 720, 480)]


def test_a_good_file_is_told_in_plain_words() -> None:
    said = "\n".join(quality_lines(default_quality(), "quality.yaml"))
    assert "quality.yaml: OK, 4 criteria; a total is of 20, under 14 it is flagged" in said
    assert "attitude (attitude / 服务态度): 25% of the total; described for 5, 3, 1" in said
    assert "Daily volume of experienced agents: 80 to 100 tickets (all others)" in said
    assert f"goal: {FIGURES['complaint_time'].en} 24h" in said
    told = list(goal_lines(load_goals(ROOT / "examples/goals.yaml"), "goals.yaml"))
    assert told[-1] == "  everybody: average first response time from 12m to 8m, 2026-03-01 to 2026-03-31"
