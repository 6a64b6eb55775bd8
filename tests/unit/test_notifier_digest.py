"""What a digest says of what it sums up, and when there is one: by numbers alone."""

from hypothesis import given
from hypothesis import strategies as st
from notices import START, message

from agents.notifier.digest import WORST, digest
from agents.notifier.message import Message
from agents.notifier.storm import Storm
from streams.instants import SECOND, format_instant

KINDS = st.sampled_from(["raised", "corrected", "recovered", "acknowledged"])
MESSAGES = st.lists(
    st.builds(
        lambda number, kind, level, team, priority, elapsed, ago: message(
            number,
            kind=kind,
            level=level,
            team=team,
            priority=priority,
            elapsed_seconds=elapsed,
            decided_at=format_instant(START - ago * SECOND),
        ),
        st.integers(0, 30),
        KINDS,
        st.sampled_from(["warning", "breach", "escalation"]),
        st.none() | st.sampled_from(["billing", "sales"]),
        st.none() | st.sampled_from(["urgent", "normal"]),
        st.none() | st.floats(0, 1e6),
        st.integers(0, 600),
    ),
    min_size=1,
    max_size=40,
)


@given(MESSAGES)
def test_every_message_is_counted_once_and_named(messages: list[Message]) -> None:
    made = digest("d" * 24, "desk", messages, START)
    record = made.alert.record
    assert sum(entry["count"] for entry in record["counts"]) == record["count"] == len(messages)
    assert record["alert_ids"] == [one.alert.alert_id for one in messages]
    groups = [(entry["team"], entry["priority"], entry["level"]) for entry in record["counts"]]
    assert len(set(groups)) == len(groups)
    assert record["since"] <= record["until"]
    assert made.key == f"{'d' * 24}|digest|desk"


@given(MESSAGES)
def test_the_worst_are_alerts_that_still_hold_and_nobody_left_out_is_worse(messages: list[Message]) -> None:
    record = digest("d" * 24, "desk", messages, START).alert.record
    over = {one.alert.alert_id for one in messages if one.alert.kind != "raised"}
    rank = {"escalation": 3, "breach": 2, "warning": 1}

    def badness(alert: dict[str, object]) -> tuple[int, float]:
        elapsed = alert["elapsed_seconds"]
        return rank[str(alert["level"])], elapsed - 900.0 if isinstance(elapsed, float) else 0.0

    left = sorted((badness(dict(o.alert.record)) for o in messages if o.alert.alert_id not in over), reverse=True)
    assert [badness(alert) for alert in record["worst"]] == left[:WORST]


@given(MESSAGES)
def test_a_digest_is_given_up_no_earlier_than_any_of_its_messages(messages: list[Message]) -> None:
    made = digest("d" * 24, "desk", messages, START)
    assert made.alert.decided_at == max(one.alert.decided_at for one in messages)


def test_cards_go_out_until_there_are_too_many_in_a_minute() -> None:
    storm = Storm(3, gather=5, every=30)
    for now in (0.0, 1.0, 2.0):
        assert storm.due(1, 0, now) is None
        storm.sent(now)
    assert storm.due(1, 0, 3.0) == 5
    assert storm.due(2, 0, 6.0) == 2
    assert storm.due(2, 0, 8.0) == 0
    storm.summed(8.0, 2)
    assert storm.due(1, 0, 9.0) == 29
    assert storm.due(1, 0, 70.0) is None


def test_many_at_once_are_a_storm_before_any_is_sent() -> None:
    storm = Storm(3, gather=5, every=30)
    assert storm.due(3, 0, 0.0) is None
    assert storm.due(4, 0, 0.0) == 5


def test_without_a_limit_there_is_no_storm_and_what_was_held_is_summed_up_all_the_same() -> None:
    storm = Storm(None, gather=5)
    storm.sent(0.0, 1000)
    assert storm.due(100_000, 0, 0.0) is None
    assert storm.due(100_000, 2, 0.0) == 5


def test_what_all_notifiers_together_have_sent_counts() -> None:
    storm = Storm(10, gather=5)
    storm.full(20.0)
    assert storm.due(1, 0, 10.0) == 5
    assert storm.due(1, 0, 20.0) is None
