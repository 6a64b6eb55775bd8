"""With SLAWATCH_COMPILE=1 the data path is compiled by mypyc, from the same source: `make compiled`, deploy/Dockerfile.

It needs a C compiler, mypy, and all that `pip install .` brings: mypyc checks types before it compiles.
"""

import os

from setuptools import setup

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
]

if os.environ.get("SLAWATCH_COMPILE") == "1":
    from mypyc.build import mypycify

    setup(ext_modules=mypycify(COMPILED, opt_level="3", debug_level="0"))
else:
    setup()
