"""The reports in examples/report are what the command makes of the example's events today."""

from pathlib import Path

import pytest
from report_cases import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_example_is_current(language: str, tmp_path: Path) -> None:
    given = {"--events": "events.jsonl.gz", "--policies": "policies.yaml", "--goals": "goals.yaml"}
    files = [text for option, name in given.items() for text in (option, EXAMPLES / name)]
    fixed = ("--date", "2026-03-03", "--as-of", "2026-03-04T08:00:00+08:00", "--role", "supervisor")
    done = run("daily", *files, *fixed, "--lang", language, "--format", "html", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    (made,) = tmp_path.iterdir()
    assert (EXAMPLES / "report" / made.name).read_text(encoding="utf-8") == made.read_text(encoding="utf-8"), (
        "run: make docs"
    )
