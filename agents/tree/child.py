"""A child of the tree: runs a command, and ends it when the tree is no more.

`python -m agents.tree.child COMMAND`. Its standard input is a pipe that nobody writes to and the tree alone holds open:
the pipe ends when the tree does, however it dies. That works on every system, and leaves time to stop in order.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from agents import cli

GONE_WITHIN = 15.0
"""Seconds that a child has for its orderly end once the tree is gone."""
_STDIN = 0


def _end_with_the_tree() -> None:
    while os.read(_STDIN, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GONE_WITHIN)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_tree, daemon=True).start()
    sys.argv[0] = "slawatch"
    cli.main()
