"""With SLAWATCH_COMPILE=1 the data path is compiled by mypyc, from the same source: `make compiled`, deploy/Dockerfile.
So is the shortcut of it, which is there only then, by Cython.

It needs a C compiler, mypy, Cython, and all that `pip install .` brings: mypyc checks types before it compiles.
"""

import os

from setuptools import setup

# What threads beside the loop do (agents/seen.py, agents/gauge_rows.py) is not among them: compiled code keeps the
# interpreter's lock from its beginning to its end, and the stream stood still for up to 76 ms.
COMPILED = [
    "streams/instants.py",
    "streams/calendar.py",
    "streams/policies.py",
    "streams/clocks.py",
    "streams/fold.py",
    "streams/ticket.py",
    "streams/alerts.py",
    "streams/ledger.py",
    "streams/sketch.py",
    "streams/windows.py",
    "streams/queue.py",
    "agents/wakeups.py",
    "agents/work.py",
    "agents/intake.py",
    "agents/judging.py",
    "agents/partition.py",
    "agents/engine/store.py",
    "agents/engine/replay.py",
]

if os.environ.get("SLAWATCH_COMPILE") == "1":
    from Cython.Build import cythonize
    from mypyc.build import mypycify

    setup(
        ext_modules=mypycify(COMPILED, opt_level="3", debug_level="0") + cythonize("streams/shortcut.pyx", quiet=True)
    )
else:
    setup()
