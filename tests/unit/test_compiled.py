"""Which of the two forms of the data path the tests run on."""

from __future__ import annotations

import os

from agents import intake, judging, partition, wakeups, work
from agents.engine import replay, store
from streams import alerts, calendar, clocks, fold, instants, ledger, policies, queue, sketch, ticket, windows

MODULES = (
    *(intake, judging, partition, wakeups, work, replay, store),
    *(alerts, calendar, clocks, fold, instants, ledger, policies, queue, sketch, ticket, windows),
)


def test_it_is_compiled_where_it_is_said_to_be() -> None:
    plain = [module.__name__ for module in MODULES if (module.__file__ or "").endswith(".py")]
    assert len(plain) == (0 if os.environ.get("SLAWATCH_COMPILED") else len(MODULES)), plain


def test_the_shortcut_is_there_where_the_data_path_is_compiled() -> None:
    assert (partition.Shortcut is not None) == bool(os.environ.get("SLAWATCH_COMPILED"))
