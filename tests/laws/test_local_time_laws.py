"""The clock on the wall in SQL is Python's, near a period and far from it, over every change of an offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.measures.local_time import local_time
from reports.store.database import connected
from streams.instants import DAY, SECOND, from_datetime

ZONES = ("Asia/Shanghai", "Europe/Rome", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")
START = from_datetime(datetime(2009, 6, 1, tzinfo=UTC))
APIA_LEAVES_OUT_A_DAY = from_datetime(datetime(2011, 12, 30, 10, tzinfo=UTC))
ROME_SPRINGS_FORWARD = from_datetime(datetime(2011, 3, 27, 1, tzinfo=UTC))

instants = st.integers(0, 5 * 365 * DAY // SECOND).map(lambda seconds: START + seconds * SECOND) | st.sampled_from(
    [edge + near for edge in (APIA_LEAVES_OUT_A_DAY, ROME_SPRINGS_FORWARD) for near in (-1, 0, 1)]
)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    since=instants,
    length=st.sampled_from((0, 1, 7 * DAY + 1, 92 * DAY, 5000 * DAY)),
    at=st.lists(instants, min_size=1, max_size=30),
)
def test_local_time_is_pythons(zone: str, since: int, length: int, at: list[int]) -> None:
    query = (
        f"SELECT {local_time('at_', zone, since, since + length)} FROM (SELECT make_timestamptz(unnest($at)) AS at_)"
    )
    with connected() as sql:
        found = [local for (local,) in sql.execute(query, {"at": at}).fetchall()]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert found == [
        (epoch + timedelta(microseconds=each)).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for each in at
    ]


@pytest.mark.parametrize(("zone", "parts"), [("Asia/Shanghai", 1), ("Europe/Rome", 4)])
def test_near_a_period_no_time_zone_is_asked(zone: str, parts: int) -> None:
    since = from_datetime(datetime(2026, 3, 1, tzinfo=UTC))
    assert local_time("x", zone, since, since + 31 * DAY).count("WHEN") == parts
