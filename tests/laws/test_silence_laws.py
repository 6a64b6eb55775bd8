"""Laws of silences: in force from beginning to end, by the newest word on each, and never without an end."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.notifier.silences import ASKED, BadSilence, Silence, checked, encode, known, read_silence, silencing
from streams.instants import DAY, HOUR, MINUTE, format_instant, parse_instant

NOW = parse_instant("2026-03-02T10:00:00Z")
LONGEST = 7 * DAY
WORDS = ("a", "b", "c")

whens = st.dictionaries(st.sampled_from(("team", "priority", "policy")), st.lists(st.sampled_from(WORDS), min_size=1))
alerts = st.fixed_dictionaries(
    {name: st.sampled_from((*WORDS, None)) for name in ("team", "priority", "policy")}
    | {"level": st.sampled_from(("warning", "breach", "escalation"))}
)
minutes = st.integers(0, 600)


def silence(number: int = 0, since: int = 0, length: int = 60, when: Any = None, **fields: Any) -> Silence:
    """From a minute on, for so many."""
    begin = NOW + since * MINUTE
    return Silence(
        id=f"s{number}",
        when=when or {},
        since=format_instant(begin),
        until=format_instant(begin + length * MINUTE),
        reason="maintenance",
        by="me@here",
        at=format_instant(NOW),
        **fields,
    )


ends = st.none() | minutes.map(lambda minute: format_instant(NOW + minute * MINUTE))
silences = st.builds(silence, st.integers(0, 3), minutes, st.integers(1, 300), whens, ended_at=ends)


@given(silences, alerts, minutes)
def test_an_alert_is_silenced_if_all_fits_and_it_was_decided_in_time(
    one: Silence, alert: dict[str, Any], minute: int
) -> None:
    now = NOW + minute * MINUTE
    ended = one.ended_at is not None and parse_instant(one.ended_at) <= now
    in_time = parse_instant(one.since) <= now < parse_instant(one.until) and not ended
    fits = all(alert[name] in values for name, values in one.when.items())
    assert (silencing([one], alert, now) == one) is (in_time and fits)


def test_its_beginning_is_silent_and_its_end_is_not() -> None:
    one = silence(length=60)
    ended = silence(length=60, ended_at=format_instant(NOW + 30 * MINUTE))
    for minute, whole, shorter in [(-1, False, False), (0, True, True), (30, True, False), (60, False, False)]:
        now = NOW + minute * MINUTE
        assert [one.holds(now), ended.holds(now)] == [whole, shorter], minute
    assert one.holds(NOW + 60 * MINUTE - 1)
    assert ended.holds(NOW + 30 * MINUTE - 1)


@given(st.lists(silences, max_size=12), alerts, minutes)
def test_the_newest_record_of_each_is_all_that_counts(
    written: list[Silence], alert: dict[str, Any], minute: int
) -> None:
    """So a topic that was compacted says the same, and so does one of which records are read twice."""
    values = [encode(one) for one in written]
    newest = {one.id: encode(one) for one in written}
    now = NOW + minute * MINUTE
    whole, refused = known(values, LONGEST)
    assert refused == []
    for others in (newest.values(), [*values, *values], [*values[: len(values) // 2], *values]):
        again, _ = known(others, LONGEST)
        assert again == whole
        assert silencing(again.values(), alert, now) == silencing(whole.values(), alert, now)


@given(st.lists(silences, max_size=6), minutes)
def test_what_the_monitor_tells_of_itself_is_silenced_by_its_level_alone(written: list[Silence], minute: int) -> None:
    now = NOW + minute * MINUTE
    alert = {"level": "operations", "target": "input", "team": None, "priority": None, "policy": None}
    assert silencing(written, alert, now) is None
    asking = silence(9, 0, 601, {"level": ["operations", "breach"]})
    assert silencing([*written, asking], alert, now) == asking


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"until": ""}, "RFC 3339"),
        ({"until": format_instant(NOW)}, "ends before it begins"),
        ({"until": format_instant(NOW + LONGEST + 1)}, "lasts longer than 168h"),
        ({"until": "9999-12-31T23:59:59Z"}, "lasts longer than"),
        ({"ended_at": "now"}, "RFC 3339"),
        ({"when": {"ticket_id": ["T-1"]}}, "asks for ticket_id, which no alert has"),
        ({"when": {"team": []}}, "asks for no value of team"),
    ],
)
def test_one_without_an_end_or_too_long_is_refused(wrong: dict[str, Any], part: str) -> None:
    good = silence(length=7 * 24 * 60)
    assert checked(good, LONGEST) == good
    bad = msgspec.structs.replace(good, **wrong)
    with pytest.raises(BadSilence, match=part):
        read_silence(encode(bad), LONGEST)


def test_what_is_no_silence_is_refused_and_hides_no_other(seed: int) -> None:
    rng = random.Random(seed)
    good = [encode(silence(number)) for number in range(20)]
    missing = msgspec.json.decode(good[0])
    del missing["until"]
    bad = [None, b"", b"{", b"[]", b'{"id": 1}', msgspec.json.encode(missing), *(value[:-1] for value in good)]
    mixed = [*good, *bad]
    rng.shuffle(mixed)
    found, refused = known(mixed, LONGEST)
    assert sorted(found) == sorted(f"s{number}" for number in range(20))
    assert len(refused) == len(bad)


def test_of_several_the_one_that_ends_last_is_named() -> None:
    short, long = silence(1, 0, 60), silence(2, 0, 120)
    assert silencing([long, short], {"level": "breach"}, NOW) == long
    assert silencing([long, short], {"level": "breach"}, NOW + HOUR) == long


def test_every_field_that_may_be_asked_for_is_asked() -> None:
    for name in ASKED:
        one = silence(when={name: ["x"]})
        assert silencing([one], {"level": "breach"} | {name: "x"}, NOW) == one
        assert silencing([one], {"level": "breach"} | {name: "y"}, NOW) is None
