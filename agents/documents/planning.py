"""The worked example of docs/planning.md: a sale day, planned by the commands that the page names."""

from __future__ import annotations

import io
import shlex
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from agents.commands import plan, simulate

if TYPE_CHECKING:
    import click

PAST = "simulate --tickets 6000 --days 14 --start 2026-10-26T00:00:00+08:00 --seed 11 --out past.jsonl.gz"
SALE = (
    "plan --history past.jsonl.gz --policies examples/policies.yaml --staffing examples/staffing.yaml",
    "--roster examples/roster.csv --from 2026-11-11 --factor 4 --chart planning.svg",
)
CHART = "planning.svg"


def sale_day(examples: Path) -> tuple[dict[str, str], str]:
    """The parts of the page, and the chart as SVG. `examples`: the folder of that name."""
    examples = examples.resolve()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("examples").symlink_to(examples)
        _run(simulate.command, PAST)
        said = _run(plan.command, " ".join(SALE))
        chart = Path(CHART).read_text(encoding="utf-8")
    commands = "\n".join([f"slawatch {PAST}", f"slawatch {SALE[0]} \\", f"    {SALE[1]}"])
    lines = "\n".join(line.rstrip() for line in said.rstrip().splitlines())
    return {"sale day": f"```sh\n{commands}\n```\n\n```text\n{lines}\n```"}, chart


def _run(command: click.Command, line: str) -> str:
    """What a command prints."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(io.StringIO()):
        command.main(shlex.split(line)[1:], standalone_mode=False)
    return output.getvalue()
