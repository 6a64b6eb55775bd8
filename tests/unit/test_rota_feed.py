"""Rotas from a calendar feed: whose shift an event is, and what is kept when the feed cannot be had."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fake_chat import Answer, FakeChat, answers, drops, redirects
from notices import Clock

from agents.notifier.http import open_session
from agents.notifier.metrics import NotifierMetrics
from agents.notifier.rota_feeds import LARGEST, RotaFeeds, Unfetched, fetcher
from config.ical import BadFeed, read_shifts
from config.people import Person
from config.rota import Feed, Rota, on_call
from streams.instants import DAY, HOUR, MINUTE, parse_instant

NOW = parse_instant("2026-03-27T12:00:00Z")
ANN, BO = Person("Ann Lee", {"email": "ann@example.com"}), Person("Bo", {})
PEOPLE = {"ann": ANN, "bo": BO}


def calendar(*events: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", "DTSTAMP:20260101T000000Z", *event.split("|"), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def shifts(*events: str, zone: str = "Europe/Berlin", at: int = 9 * 3600) -> list[tuple[str, str, Person]]:
    found = read_shifts(calendar(*events), PEOPLE, zone, at, NOW - 8 * DAY, NOW + 30 * DAY)
    return [(local(turn.since), local(turn.until), turn.person) for turn in found]


def local(instant: int) -> str:
    return str((instant - NOW) / HOUR)


def hours(instant: str) -> str:
    return local(parse_instant(instant))


DAILY = "DTSTART:20260327T080000Z|DTEND:20260327T200000Z"


@pytest.mark.parametrize(
    ("lines", "person"),
    [
        ("SUMMARY:Ann Lee", ANN),
        ("SUMMARY:ANN", ANN),
        ("SUMMARY:On call - Bo - Support", BO),
        ("SUMMARY:Bob on call", Person("Bob on call", {})),
        ("SUMMARY:duty|ATTENDEE;CN=Ann:mailto:ANN@example.com", ANN),
        ("SUMMARY:Bo|ATTENDEE:mailto:x@example.com|ATTENDEE:MAILTO:ann@example.com", ANN),
        ("SUMMARY:Bo and Ann Lee", ANN),
        ("SUMMARY:x\\n<!channel>\\,y", Person("x <!channel>,y", {})),
    ],
)
def test_an_event_is_the_shift_of_whom_it_names(lines: str, person: Person) -> None:
    assert shifts(f"{DAILY}|{lines}") == [("-4.0", "8.0", person)]


@pytest.mark.parametrize("lines", ["SUMMARY:Ann Lee|STATUS:CANCELLED", "SUMMARY:", "DESCRIPTION:Ann Lee"])
def test_an_event_of_nobody_is_no_shift(lines: str) -> None:
    assert shifts(f"{DAILY}|{lines}") == []


def test_times_are_those_of_their_zone_and_whole_days_begin_at_the_hand_over() -> None:
    assert shifts(
        "DTSTART;TZID=Asia/Shanghai:20260327T200000|DURATION:PT12H|SUMMARY:Bo",
        "DTSTART:20260328T120000|DTEND:20260328T130000|SUMMARY:Bo",
        "DTSTART;VALUE=DATE:20260328|DTEND;VALUE=DATE:20260330|SUMMARY:Ann Lee",
    ) == [
        (hours("2026-03-27T20:00:00+08:00"), hours("2026-03-28T08:00:00+08:00"), BO),
        (hours("2026-03-28T09:00:00+01:00"), hours("2026-03-30T09:00:00+02:00"), ANN),
        (hours("2026-03-28T12:00:00+01:00"), hours("2026-03-28T13:00:00+01:00"), BO),
    ]


def test_a_weekly_shift_stays_at_its_hour_when_the_clocks_change() -> None:
    weekly = "DTSTART;TZID=Europe/Berlin:20260323T090000|DURATION:P7D|RRULE:FREQ=WEEKLY;INTERVAL=2|SUMMARY:Bo"
    other = weekly.replace("20260323", "20260330").replace("Bo", "Ann Lee")
    found = shifts(weekly, other)
    assert [start for start, _, _ in found] == [
        hours(f"2026-{day}T09:00:00+0{offset}:00")
        for day, offset in [("03-23", 1), ("03-30", 2), ("04-06", 2), ("04-13", 2), ("04-20", 2)]
    ]
    assert [person for _, _, person in found] == [BO, ANN, BO, ANN, BO]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
        calendar("DTSTART:yesterday|SUMMARY:Bo"),
        calendar(f"{DAILY}|SUMMARY:Bo|RRULE:FREQ=SECONDLY"),
        calendar(f"{DAILY}|SUMMARY:Bo|RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5"),
        calendar(*[f"{DAILY}|SUMMARY:Bo"] * 5001),
    ],
    ids=["empty", "html", "binary", "cut", "no date", "secondly", "too often", "too many"],
)
def test_what_is_no_rota_is_refused(content: bytes) -> None:
    with pytest.raises(BadFeed):
        read_shifts(content, PEOPLE, "UTC", 0, NOW, NOW + DAY)


# Fetching


def feeds(
    fetch: Callable[[str], Awaitable[bytes]], clock: Clock, folder: Path | None = None
) -> tuple[RotaFeeds, NotifierMetrics]:
    metrics = NotifierMetrics()
    rotas = {"duty": Rota("duty", Feed("UTC", 0, "https://calendar.example/s3cret.ics"))}
    return RotaFeeds(rotas, PEOPLE, fetch, clock, metrics, folder), metrics


class Script:
    """Answers in turn, the last for ever."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)

    async def __call__(self, url: str) -> bytes:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_the_last_good_one_holds_while_the_feed_cannot_be_had(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(NOW)
    house, metrics = feeds(Script(calendar(f"{DAILY}|SUMMARY:Bo"), Unfetched("HTTP 503"), b"<html>"), clock)
    assert on_call(house.rotas["duty"], NOW) is None
    await house.refresh()
    assert on_call(house.rotas["duty"], NOW) == BO
    for _ in range(2):
        clock.now += 10 * MINUTE
        await house.refresh()
        assert on_call(house.rotas["duty"], NOW) == BO
    assert metrics.registry.get_sample_value("sla_notifier_rota_age_seconds", {"rota": "duty"}) == 20 * 60
    assert metrics.registry.get_sample_value("sla_notifier_rota_failures_total", {"rota": "duty"}) == 2
    assert "cannot be had: HTTP 503; that of 2026-03-27T12:00:00Z holds" in caplog.text
    assert "s3cret" not in caplog.text


async def test_what_lay_far_ahead_is_at_hand_later_though_nothing_was_fetched_since() -> None:
    clock = Clock(NOW)
    weekly = "DTSTART:20260302T000000Z|DURATION:P7D|RRULE:FREQ=WEEKLY|SUMMARY:Bo"
    house, _ = feeds(Script(calendar(weekly), Unfetched("gone")), clock)
    await house.refresh()
    clock.now += 300 * DAY
    await house.refresh()
    assert on_call(house.rotas["duty"], clock.now) == BO


async def test_a_restart_keeps_the_last_good_one(tmp_path: Path) -> None:
    house, _ = feeds(Script(calendar(f"{DAILY}|SUMMARY:Bo")), Clock(NOW), tmp_path / "kept")
    await house.refresh()
    again, _ = feeds(Script(Unfetched("gone")), Clock(NOW), tmp_path / "kept")
    assert on_call(again.rotas["duty"], NOW) == BO
    await again.refresh()
    assert on_call(again.rotas["duty"], NOW) == BO
    (file,) = (tmp_path / "kept").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in file.name
    file.write_bytes(b"nonsense")
    damaged, _ = feeds(Script(Unfetched("gone")), Clock(NOW), tmp_path / "kept")
    assert on_call(damaged.rotas["duty"], NOW) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answers(404, "s3cret"), "HTTP 404"),
        (redirects("http://127.0.0.1:1/"), "HTTP 302"),
        (drops, "ServerDisconnectedError"),
        (answers(200, "x" * (LARGEST + 1)), "over 1 MB"),
    ],
    ids=["404", "redirect", "dropped", "too large"],
)
async def test_a_fetch_that_fails_says_why_and_where_not(answer: Answer, reason: str) -> None:
    async with FakeChat() as chat, open_session() as session:
        chat.always("/s3cret.ics", answer)
        with pytest.raises(Unfetched) as caught:
            await fetcher(session)(chat.url("/s3cret.ics"))
        assert str(caught.value) == reason
        await chat.refuse()
        with pytest.raises(Unfetched, match="no connection"):
            await fetcher(session)(chat.url("/s3cret.ics"))


async def test_a_fetch_gives_what_is_there() -> None:
    async with FakeChat() as chat, open_session() as session:
        chat.always("/r.ics", answers(200, "BEGIN:VCALENDAR"))
        assert await fetcher(session)(chat.url("/r.ics")) == b"BEGIN:VCALENDAR"
