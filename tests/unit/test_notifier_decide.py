"""Whether a message is sent, and why: the whole table."""

import random

import pytest

from agents.notifier.backoff import Backoff, Pressure
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
        (Claim(Held.IN_DIGEST, holder="digest-a"), True, HOUR + 1, Action.RESOLVE, "in_digest"),
        (Claim(Held.FLUSHED), True, HOUR + 1, Action.REFILL, "claims_flushed"),
        (Claim(Held.UNREADABLE), True, HOUR + 1, Action.REFILL, "claims_unreadable"),
    ],
)
def test_what_is_done_with_a_message(claim: Claim, unknown: bool, age: int, action: Action, reason: str) -> None:
    assert decide(claim, unknown=unknown, age=age, max_age=HOUR) == (action, reason)


def test_what_is_silenced_is_told_to_nobody_unless_it_was_told_already() -> None:
    for claim in (Claim(Held.OURS), Claim(Held.LEFT_BEHIND)):
        assert decide(claim, unknown=False, age=2 * HOUR, max_age=HOUR, silenced=True).action is Action.SILENCE
    done = Claim(Held.DONE, state="sent")
    assert decide(done, unknown=False, age=0, max_age=HOUR, silenced=True).action is Action.SKIP


def test_failures_double_the_wait_up_to_a_cap_that_is_longer_where_the_result_is_unknown(seed: int) -> None:
    rng = random.Random(seed)
    backoff = Backoff()
    for failures, longest in ((1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (50, 30), (5000, 30)):
        assert longest / 2 <= backoff.delay(failures, unknown=False, rng=rng) <= longest
    assert 150 <= backoff.delay(5000, unknown=True, rng=rng) <= 300


def test_a_destination_gets_one_more_at_a_time_with_each_success_and_one_after_a_failure(seed: int) -> None:
    pressure = Pressure(Backoff(), 5, random.Random(seed))
    for expected in (2, 3, 4, 5, 5):
        pressure.succeeded()
        assert pressure.at_a_time == expected
    pressure.failed(0.0, 1.0, unknown=False, asked=None)
    assert pressure.at_a_time == 1
    assert 1.5 <= 1.0 + pressure.wait(1.0) <= 2.0


def test_what_fails_at_the_same_time_is_one_failure(seed: int) -> None:
    pressure = Pressure(Backoff(), 10, random.Random(seed))
    for now in (1.0, 1.1, 1.2, 1.3):
        assert pressure.failed(0.5, now, unknown=False, asked=None) <= 1.0
    assert pressure.failed(3.0, 4.0, unknown=False, asked=None) > 0.9  # the second in a row


def test_the_longest_patience_asked_for_holds(seed: int) -> None:
    pressure = Pressure(Backoff(), 10, random.Random(seed))
    pressure.failed(0.0, 1.0, unknown=False, asked=30.0)
    pressure.failed(0.0, 1.1, unknown=False, asked=None)
    assert pressure.wait(1.1) == pytest.approx(29.9)


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
