"""A backlog over several topics comes about in the order of its time; live input waits for a moment at most."""

from __future__ import annotations

from types import SimpleNamespace

from faust.types import TP

from agents.engine.alignment import HELD, LINGER, PATIENCE, SLACK, WITHIN, Alignment
from agents.engine.membership import Chunk
from agents.engine.transport import _portions

CREATED, REPLIED, CLOSED = TP("created", 0), TP("replied", 0), TP("closed", 0)


class Reading:
    """An alignment with a clock to move, and the places that have more to give. By itself it gathers nothing."""

    def __init__(self, gathered: int = 1) -> None:
        self.now = 100.0
        self.unread: set[TP] = set()
        self.pressed = True
        self.alignment = Alignment(
            ("created", "replied", "closed"),
            lambda tp: tp in self.unread,
            lambda: self.now,
            gathered,
            lambda partition: self.pressed,
        )
        for tp in (CREATED, REPLIED, CLOSED):
            self.alignment.sought(tp)

    def fetch(self, tp: TP, *timestamps: int, first: int = 0, seek: int = 1) -> None:
        records = [
            SimpleNamespace(topic=tp.topic, partition=tp.partition, offset=first + i, timestamp=at)
            for i, at in enumerate(timestamps)
        ]
        self.alignment.fetched(tp, timestamps[-1])
        self.alignment.hold(tp, Chunk(records, None, 1, seek))

    def given(self) -> list[tuple[str, int]]:
        parts = self.alignment.ready().get(0, [])
        return (
            [(record.topic, record.timestamp) for portion in _portions(parts, 100) for record in portion.records]
            if parts
            else []
        )


def test_records_of_several_topics_are_merged_by_time_and_wait_for_a_topic_that_is_behind() -> None:
    reading = Reading()
    reading.unread = {REPLIED}
    reading.fetch(CREATED, 1_000, 5_000, 90_000)
    reading.fetch(REPLIED, 2_000, 6_000)
    assert reading.given() == [("created", 1_000), ("replied", 2_000), ("created", 5_000), ("replied", 6_000)]
    assert not reading.alignment.may_read(CREATED)
    assert reading.alignment.may_read(REPLIED)
    reading.unread = set()
    assert reading.given() == [("created", 90_000)]
    assert not reading.alignment.holding


def test_a_topic_that_has_given_nothing_yet_is_waited_for() -> None:
    reading = Reading()
    reading.unread = {REPLIED}
    reading.fetch(CREATED, 1_000)
    assert reading.given() == []
    reading.fetch(REPLIED, 900)
    assert reading.given() == [("replied", 900), ("created", 1_000)]


def test_a_topic_that_gives_nothing_for_a_while_holds_up_nobody() -> None:
    reading = Reading()
    reading.unread = {REPLIED}
    reading.fetch(CREATED, 1_000)
    assert reading.given() == []
    reading.now += PATIENCE
    assert reading.given() == [("created", 1_000)]


def test_live_input_never_waits() -> None:
    reading = Reading()
    reading.unread = {REPLIED, CLOSED}
    reading.fetch(REPLIED, 10_000)
    reading.fetch(CLOSED, 10_000)
    reading.fetch(CREATED, 10_000 + SLACK)
    assert len(reading.given()) == 3


def test_a_topic_read_to_its_end_is_not_waited_for() -> None:
    reading = Reading()
    reading.fetch(CREATED, 1_000, 99_000)
    assert len(reading.given()) == 2


def test_the_order_of_offsets_stays_where_times_within_a_topic_go_back() -> None:
    reading = Reading()
    reading.fetch(CREATED, 5_000, 1_000, 7_000)
    reading.fetch(REPLIED, 2_000, 6_000)
    given = reading.given()
    assert [at for topic, at in given if topic == "created"] == [5_000, 1_000, 7_000]
    assert [at for topic, at in given if topic == "replied"] == [2_000, 6_000]


def test_portions_say_after_which_offset_each_topic_goes_on() -> None:
    reading = Reading()
    reading.fetch(CREATED, 1_000, 3_000, first=10)
    reading.fetch(REPLIED, 2_000, 4_000, first=20)
    parts = reading.alignment.ready()[0]
    portions = list(_portions(parts, 3))
    assert [len(portion.records) for portion in portions] == [3, 1]
    assert portions[1].previous == {"created": 12, "replied": 21}


def test_of_a_backlog_much_is_given_together_and_what_has_come_to_its_end_at_once() -> None:
    reading = Reading(gathered=100)
    reading.unread = {CREATED}
    reading.fetch(CREATED, *range(1_000, 1_010))
    assert reading.given() == []
    reading.fetch(CREATED, *range(1_010, 1_100), first=10)
    assert len(reading.given()) == 100
    reading.fetch(CREATED, 90_000, first=100)
    assert reading.given() == []
    reading.unread = set()
    assert reading.given() == [("created", 90_000)]


def test_nothing_is_gathered_for_long() -> None:
    reading = Reading(gathered=100)
    reading.unread = {CREATED}
    reading.fetch(CREATED, 1_000)
    reading.now += WITHIN / 2
    reading.fetch(CREATED, 2_000, first=1)
    assert reading.given() == []
    reading.now += WITHIN / 2
    assert len(reading.given()) == 2


def test_where_much_is_held_one_partition_is_read_on() -> None:
    reading = Reading()
    most = TP("created", 7)
    for partition in range(1, 4):
        reading.fetch(TP("created", partition), *range(HELD // 3))
    reading.fetch(most, *range(HELD // 3 + 1))
    assert reading.alignment.may_read(most)
    assert not any(reading.alignment.may_read(TP("created", partition)) for partition in range(4))


def test_what_is_held_while_its_place_is_sought_anew_gives_way_to_what_is_fetched_then() -> None:
    reading = Reading(gathered=100)
    reading.unread = {CREATED}
    reading.fetch(CREATED, 1_000, 2_000, first=5)
    reading.fetch(CREATED, 500, 1_000, 2_000, first=4, seek=2)
    reading.unread = set()
    assert reading.given() == [("created", 500), ("created", 1_000), ("created", 2_000)]


def test_what_comes_live_waits_a_moment_for_more_unless_an_alarm_waits_for_it() -> None:
    reading = Reading(gathered=100)
    reading.pressed = False
    reading.fetch(CREATED, 1_000)
    assert reading.given() == []
    reading.now += LINGER / 2
    reading.fetch(REPLIED, 1_050)
    assert reading.given() == []
    reading.now += LINGER / 2
    assert reading.given() == [("created", 1_000), ("replied", 1_050)]
    reading.fetch(REPLIED, 2_000, first=1)
    assert reading.given() == []
    reading.pressed = True
    assert reading.given() == [("replied", 2_000)]
