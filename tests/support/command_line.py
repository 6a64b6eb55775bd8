"""Runs the installed command `slawatch` as people do, in an environment that holds only what the test says."""

import os
import subprocess
import sys
from pathlib import Path

SLAWATCH = Path(sys.executable).parent / "slawatch"


def environment(**settings: str) -> dict[str, str]:
    """The process's environment without its own SLAWATCH_ settings: `kafka="..."` is SLAWATCH_KAFKA."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLAWATCH_")}
    return kept | {f"SLAWATCH_{name.upper()}": value for name, value in settings.items()}


def slawatch(*arguments: str, given: bytes = b"", **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; `given` is its standard input. The outputs are text."""
    done = subprocess.run(
        [SLAWATCH, *arguments], input=given, env=environment(**settings), capture_output=True, timeout=120, check=False
    )
    outputs = (stream.decode(errors="backslashreplace") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, *outputs)
