"""The staffing file: what it leaves out is as shipped, and all that is wrong with it is said."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from config.errors import ConfigError
from config.schema import staffing_json_schema
from config.staffing import default_staffing, load_staffing
from streams.instants import MINUTE
from streams.policies import TARGETS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Draft202012Validator(staffing_json_schema())


def written(folder: Path, text: str) -> Path:
    path = folder / "staffing.yaml"
    path.write_text("version: 1\n" + text)
    return path


def test_the_shipped_one_has_a_goal_for_every_target_and_no_handling_time() -> None:
    shipped = default_staffing()
    assert shipped.goals.keys() == set(TARGETS)
    assert (shipped.goals["first_response"], shipped.goals["resolution"]) == (0.9, 0.95)
    assert (shipped.live, shipped.handling) == ({"chat", "phone"}, {})


def test_what_a_file_leaves_out_is_as_shipped(tmp_path: Path) -> None:
    text = "goals: {resolution: 97.5%}\nchannels: {email: {handle: 6m}, phone: {live: false}, video: {live: true}}\n"
    staffing = load_staffing(written(tmp_path, text))
    assert staffing.goals == {**default_staffing().goals, "resolution": 0.975}
    assert staffing.live == {"chat", "video"}
    assert staffing.handling == {"email": 6 * MINUTE}


@pytest.mark.parametrize("name", ["examples/staffing.yaml", "config/defaults/staffing.yaml"])
def test_the_shipped_files_are_right_for_program_and_schema(name: str) -> None:
    load_staffing(ROOT / name)
    SCHEMA.validate(yaml.safe_load((ROOT / name).read_text()))


@pytest.mark.parametrize(
    ("text", "line", "field", "reason"),
    [
        ("goals: {first_respons: 90%}", 2, "goals.first_respons", "first_response"),
        ("goals: {resolution: 0.95}", 2, "goals.resolution", "write 90%"),
        ("goals: {resolution: 100%}", 2, "goals.resolution", "less than 100"),
        ("goals: {resolution: 0%}", 2, "goals.resolution", "more than 0"),
        ("channels: {chat: {live: maybe}}", 2, "channels.chat.live", "unknown answer 'maybe'"),
        ("channels: {chat: {handle: 0s}}", 2, "channels.chat.handle", "more than no time"),
        ("channels: {chat: {handle: 6}}", 2, "channels.chat.handle", "6"),
        ("channels: {chat: {aht: 6m}}", 2, "channels.chat.aht", "unknown key"),
        ("teams: {}", 2, "teams", "unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_field(
    tmp_path: Path, text: str, line: int, field: str, reason: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_staffing(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, field)
    assert reason in problem.reason
    assert not SCHEMA.is_valid(yaml.safe_load(path.read_text()))
