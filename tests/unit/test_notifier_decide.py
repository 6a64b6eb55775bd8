"""Whether a message is sent, and why: the whole table."""

import random

import pytest

from agents.notifier.backoff import Backoff, Pace
from agents.notifier.claims import Claim, Held
from agents.notifier.decide import Action, decide
from agents.notifier.message import BadAlert, read_alert
from streams.instants import HOUR


@pytest.mark.parametrize(
    ("claim", "unknown", "age", "action", "reason"),
    [
        (Claim(Held.OURS), False, 0, Action.SEND, "claimed"),
        (Claim(Held.OURS), False, HOUR, Action.SEND, "claimed"),
        (Claim(Held.OURS), False, HOUR + 1, Action.EXPIRE, "too_old"),
        (Claim(Held.OURS), True, 0, Action.REPEAT, "result_unknown"),
        (Claim(Held.LEFT_BEHIND), False, 0, Action.REPEAT, "left_behind"),
        (Claim(Held.LEFT_BEHIND), False, HOUR + 1, Action.EXPIRE, "too_old"),
        (Claim(Held.ELSEWHERE, wait=5), False, HOUR + 1, Action.WAIT, "claimed_elsewhere"),
        (Claim(Held.DONE, state="sent"), True, HOUR + 1, Action.SKIP, "already_sent"),
        (Claim(Held.DONE, state="expired"), False, 0, Action.SKIP, "already_expired"),
        (Claim(Held.FLUSHED), True, HOUR + 1, Action.REFILL, "claims_flushed"),
        (Claim(Held.UNREADABLE), True, HOUR + 1, Action.REFILL, "claims_unreadable"),
    ],
)
def test_what_is_done_with_a_message(claim: Claim, unknown: bool, age: int, action: Action, reason: str) -> None:
    assert decide(claim, unknown=unknown, age=age, max_age=HOUR) == (action, reason)


def test_failures_double_the_wait_up_to_a_cap_that_is_longer_where_the_result_is_unknown(seed: int) -> None:
    rng = random.Random(seed)
    backoff = Backoff()
    for failures, longest in ((1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (50, 30), (5000, 30)):
        assert longest / 2 <= backoff.delay(failures, unknown=False, rng=rng) <= longest
    assert 150 <= backoff.delay(5000, unknown=True, rng=rng) <= 300


def test_no_window_of_its_length_holds_more_sends_than_the_limit(seed: int) -> None:
    rng = random.Random(seed)
    pace, now, sends = Pace(5, 60.0), 0.0, []
    for _ in range(200):
        now += rng.expovariate(1.0)
        wait = pace.wait(now)
        if wait == 0:
            pace.sent(now)
            sends.append(now)
        else:
            assert pace.wait(now + wait) == pytest.approx(0, abs=1e-9)
    assert all(later - earlier >= 60 - 1e-6 for earlier, later in zip(sends, sends[5:], strict=False))
    assert len(sends) > 5


def test_without_a_limit_nothing_waits() -> None:
    pace = Pace(None)
    for _ in range(10):
        assert pace.wait(0.0) == 0
        pace.sent(0.0)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"NaN",
        b"[" * 10_000,
        b'{"alert_id": 1}',
        b'{"alert_id": "a", "kind": "raised", "level": "breach", "decided_at": "yesterday"}',
    ],
)
def test_what_is_no_alert_is_told_so(value: bytes | None) -> None:
    with pytest.raises(BadAlert):
        read_alert(value)
