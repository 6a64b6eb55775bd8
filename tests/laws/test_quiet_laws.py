"""Laws of quiet hours: what is held is held to their very end, once, and no longer than is allowed."""

from hypothesis import assume, given
from hypothesis import strategies as st

from config.hours import Hours, parse_hours
from config.quiet import LONGEST_HOLD, Quiet, held_until
from streams.calendar import Calendar
from streams.instants import HOUR, MINUTE, SECOND, parse_instant

START = parse_instant("2026-03-27T00:00:00Z")  # summer time begins in Europe two days later, ends in Australia in nine
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Shanghai")
CALM = {"level": "breach", "priority": "low"}

times = st.integers(0, 23 * 60 + 59).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
spans = st.builds(lambda a, b, zone: f"{a}-{b} {zone}", times, times, st.sampled_from(ZONES)).filter(
    lambda text: text[:5] != text[6:11]
)
instants = st.integers(0, 12 * 24 * 60).map(lambda minute: START + minute * MINUTE)


def quiet(*texts: str, name: str = "q") -> Quiet:
    return Quiet(
        name, tuple(parse_hours(text, {}) for text in texts), frozenset(), ({"priority": frozenset({"urgent"})},)
    )


@given(st.lists(spans, min_size=1, max_size=3), instants)
def test_a_message_is_held_through_every_minute_that_is_quiet_and_not_one_longer(texts: list[str], now: int) -> None:
    hours = [parse_hours(text, {}) for text in texts]
    until = now
    while until < now + LONGEST_HOLD and any(each.hold(until) for each in hours):
        until += MINUTE
    assert quiet(*texts).holds_until(CALM, now) == (until if until > now else None)


@given(spans, instants)
def test_what_was_held_is_let_go_at_the_end(text: str, now: int) -> None:
    until = quiet(text).holds_until(CALM, now)
    assume(until is not None and until < now + LONGEST_HOLD)
    assert until is not None
    assert quiet(text).holds_until(CALM, until) is None
    assert quiet(text).holds_until(CALM, until - SECOND) == until


@given(spans, instants)
def test_what_may_pass_is_never_held_nor_what_the_monitor_tells_of_itself(text: str, now: int) -> None:
    assert quiet(text).holds_until({**CALM, "priority": "urgent"}, now) is None
    assert quiet(text).holds_until({"level": "operations"}, now) is None


@given(st.lists(spans, max_size=3), instants)
def test_of_several_the_longest_holds(texts: list[str], now: int) -> None:
    quiets = [quiet(text, name=str(number)) for number, text in enumerate(texts)]
    found = held_until(quiets, CALM, now)
    each = [until for one in quiets if (until := one.holds_until(CALM, now)) is not None]
    assert (found and found[0]) == max(each, default=None)


def test_nothing_is_held_for_ever() -> None:
    holidays = Calendar("holidays", "UTC", {}, {})
    weeks = Calendar("weeks", "UTC", dict.fromkeys(range(7), ((0, 86400),)))
    assert Quiet("q", (Hours("weeks", weeks),), frozenset(), ()).holds_until(CALM, START) == START + LONGEST_HOLD
    assert Quiet("q", (Hours("holidays", holidays),), frozenset(), ()).holds_until(CALM, START) is None


def test_a_night_is_as_long_as_the_clocks_make_it() -> None:
    night = quiet("22:00-07:00 Europe/Berlin")
    for evening, hours in [("2026-03-27", 9), ("2026-03-28", 8), ("2026-03-29", 9), ("2026-10-24", 10)]:
        summer = evening in ("2026-03-29", "2026-10-24")
        since = parse_instant(f"{evening}T22:00:00+0{2 if summer else 1}:00")
        assert night.holds_until(CALM, since) == since + hours * HOUR
