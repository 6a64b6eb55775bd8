"""What a process logs: one line of a kind from clients that say the same over and over, all of ours."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from agents import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def say(name: str, text: str, *args: object, at: float) -> None:
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, text, args, None)
    record.created = at
    logging.getLogger().handle(record)


def test_a_client_that_repeats_itself_is_heard_once_in_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text")
    for tenth in range(1000):
        say("aiokafka.client", "Unable connect to node with id %s", tenth % 2, at=1e9 + tenth / 10)
        say("aiokafka.client", "Unable to update metadata", at=1e9 + tenth / 10)
    lines = capsys.readouterr().err.splitlines()
    assert sum("Unable connect" in line for line in lines) == 4
    assert sum("Unable to update" in line for line in lines) == 4
    assert lines[-1].endswith("Unable to update metadata (and 299 like it before)")


def test_our_own_lines_are_all_shown(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text")
    for second in range(5):
        say("slawatch.worker", "partition %d", 1, at=1e9 + second)
    assert len(capsys.readouterr().err.splitlines()) == 5
