"""What an event costs in the owner of a partition, beside what any engine must do for it; in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
HEADROOM = 1.3


def test_an_event_costs_no_more_cpu_beside_the_floor_than_it_did() -> None:
    """If it does for a reason: python bench/regression.py --renew, and say why."""
    done = subprocess.run(
        [sys.executable, BENCH / "regression.py"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    stored = json.loads((BENCH / "regression.json").read_text())
    if found["build"] not in stored:
        pytest.skip(f"no ratio is stored for {found['build']} streams: python bench/regression.py --renew")
    assert found["ratio"] <= stored[found["build"]] * HEADROOM, found
