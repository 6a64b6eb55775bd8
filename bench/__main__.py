"""Runs the subjects of the bench one after the other, then writes docs/performance.md: python bench [SUBJECT ...]

Without a name it runs all of them. Options that begin with `--` are given on: python bench throughput --events=100000
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from document import SECTIONS
from document import main as write_document

HERE = Path(__file__).parent
LIMIT = 3600.0  # seconds that a subject may take


def main() -> None:
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    chosen = [argument for argument in sys.argv[1:] if argument not in options] or list(SECTIONS)
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown:
        sys.exit(f"no such subject: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    failed = [name for name in chosen if not _run(name, options)]
    write_document()
    if failed:
        sys.exit(f"failed, their sections are as they were before: {', '.join(failed)}")


def _run(subject: str, options: list[str]) -> bool:
    began = time.monotonic()
    print(f"--- {subject}", flush=True)
    process = subprocess.Popen([sys.executable, HERE / f"{subject}.py", *options])
    try:
        code = process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # so that its servers go with it
        code = process.wait(60) or 1
    print(f"--- {subject} took {time.monotonic() - began:.0f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    main()
