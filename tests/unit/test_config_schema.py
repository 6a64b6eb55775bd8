"""The JSON Schemas: current in docs/, right about every good file, and about the bad ones as far as a schema can be."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from expected_problems import corpus
from jsonschema import Draft202012Validator
from shared import shared_dir

from config.report_schema import goals_json_schema, quality_json_schema
from config.schema import policy_json_schema, routing_json_schema, staffing_json_schema, written

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = {
    "policy": policy_json_schema(),
    "routing": routing_json_schema(),
    "staffing": staffing_json_schema(),
    "quality": quality_json_schema(),
    "goals": goals_json_schema(),
}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
POLICY, ROUTING, QUALITY, GOALS = (VALIDATORS[name] for name in ("policy", "routing", "quality", "goals"))
OF_FOLDER = {"bad_policies": POLICY, "bad_routing": ROUTING, "bad_quality": QUALITY, "bad_goals": GOALS}


class Editor(yaml.SafeLoader):
    """Reads YAML 1.2 as editors do: no dates, no sexagesimal numbers, `on` and `no` are texts."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - how PyYAML is told


for tag, pattern, first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+0123456789.")),
):
    Editor.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)


def seen(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Editor)


def what_a_schema_says(path: Path) -> str:
    """`refuses`, `cannot tell` or `not YAML`: the first line of a bad file says what is right."""
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# schema: ").split(" #!")[0]


BAD = [path for folder in OF_FOLDER for path in corpus(folder)]
READABLE = [path for path in BAD if what_a_schema_says(path) != "not YAML"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_docs_hold_the_current_schema(name: str) -> None:
    path = ROOT / f"docs/{name}.schema.json"
    stale = f"run: python -m config.schema {name} > docs/{name}.schema.json"
    assert path.read_text(encoding="utf-8") == written(SCHEMAS[name]), stale


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize(
    "path",
    [*corpus("good_policies"), ROOT / "config/defaults/policies.yaml", ROOT / "config/defaults/tiers.yaml"],
    ids=lambda path: path.stem,
)
def test_good_policies_pass(path: Path) -> None:
    assert [error.message for error in POLICY.iter_errors(seen(path))] == []


def test_the_shared_policies_pass() -> None:
    paths = sorted((shared_dir() / "data").glob("*/policies/*.yaml"))
    assert len(paths) >= 4
    for path in paths:
        assert [error.message for error in POLICY.iter_errors(seen(path))] == [], path


def test_the_shipped_routing_passes() -> None:
    assert [error.message for error in ROUTING.iter_errors(seen(ROOT / "config/defaults/routing.yaml"))] == []


def test_the_shipped_quality_and_the_example_goals_pass() -> None:
    assert [error.message for error in QUALITY.iter_errors(seen(ROOT / "config/defaults/quality.yaml"))] == []
    assert [error.message for error in GOALS.iter_errors(seen(ROOT / "examples/goals.yaml"))] == []


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_bad_files_are_refused_where_a_schema_can_tell(path: Path) -> None:
    schema = OF_FOLDER[path.parent.name]
    assert schema.is_valid(seen(path)) is (what_a_schema_says(path) == "cannot tell")
