"""The constants of the data path are literals, so that they compile: they are the places of what they name."""

from __future__ import annotations

import pytest

from streams import clocks, facts, windows
from streams.policies import STATUSES, TARGETS
from streams.windows import MEASURES


@pytest.mark.parametrize(("place", "target"), list(enumerate(TARGETS)))
def test_targets(place: int, target: str) -> None:
    assert getattr(clocks, target.upper()) == place


@pytest.mark.parametrize(("place", "status"), list(enumerate(STATUSES)))
def test_statuses(place: int, status: str) -> None:
    assert getattr(facts, {"waiting_on_customer": "WAITING"}.get(status, status.upper())) == place


def test_measures() -> None:
    assert [MEASURES[place] for place in (windows.ARRIVALS, windows.REPLIES, windows.GIVEN_UP)] == [
        "arrivals",
        "replies",
        "given_up",
    ]
    assert len(TARGETS) == windows.ARRIVALS
