"""What the monitor tells of itself: workers missing, destinations failing, what runs out; the dead man's heartbeat."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import msgspec
import pytest
from fake_chat import Answer, FakeChat, answers, drops, redirects
from notices import Clock

from agents.endings import STAGES, Ending, Reminders, endings_of_policies, endings_of_routing
from agents.notifier.deadman import EVERY, DeadMan, caller
from agents.notifier.http import Outcome, Result, open_session
from agents.notifier.monitor import Monitor, of_the_house
from agents.notifier.signs import FRESH, Signs
from agents.notifier.watch import LASTS, ROUTING, Health, Trouble, Watch
from config.hours import Hours
from config.people import Person
from config.policies import read_policy_file
from config.quiet import Quiet
from config.rota import Feed, Rota, Turn
from config.routes import Route, Routing
from streams.alert_record import Alert, operations
from streams.calendar import Calendar
from streams.instants import DAY, HOUR, MINUTE, SECOND, parse_instant

SENT, FAILED = Result(Outcome.SENT), Result(Outcome.FAILED, "HTTP 503")


def told(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.target, alert.kind) for alert in alerts]


# Trouble


def test_trouble_is_told_once_when_it_has_lasted_and_once_when_it_is_over() -> None:
    watch = Watch({"delivery": LASTS})
    trouble = Trouble("delivery", "desk", 0, "the destination desk takes no messages: HTTP 503")
    assert watch.look([trouble], LASTS - 1) == []
    (raised,) = watch.look([trouble], LASTS)
    assert (raised.level, raised.target, raised.kind, raised.destination) == (
        "operations",
        "delivery",
        "raised",
        "desk",
    )
    assert watch.look([trouble], LASTS + HOUR) == []
    (over,) = watch.look([], LASTS + HOUR)
    assert (over.kind, over.alert_id) == ("recovered", raised.alert_id)
    assert watch.look([], LASTS + 2 * HOUR) == []
    assert told(watch.look([trouble._replace(since=3 * HOUR)], 4 * HOUR)) == [("delivery", "raised")]


def test_trouble_that_passes_soon_is_told_to_nobody() -> None:
    watch = Watch({"delivery": LASTS})
    assert watch.look([Trouble("delivery", "desk", 0, "x")], LASTS - 1) == []
    assert watch.look([], LASTS) == []


def test_each_trouble_has_an_id_of_its_own_that_all_notifiers_give_it() -> None:
    troubles = [
        Trouble("delivery", "a", 0, "x"),
        Trouble("delivery", "b", 0, "x"),
        Trouble("workers", "", 0, "x"),
        Trouble("config", "", 0, "x"),
        Trouble("config", "", MINUTE, "x"),
    ]
    ids = [Watch({}).look([trouble], HOUR)[0].alert_id for trouble in troubles]
    assert len(set(ids)) == len(ids)
    assert ids == [Watch({}).look([trouble._replace(message="y")], 2 * HOUR)[0].alert_id for trouble in troubles]


def test_a_destination_fails_from_its_first_failed_attempt_until_one_is_taken() -> None:
    clock = Clock(0)
    health = Health(clock)
    health.attempted("desk", SENT)
    assert health.failing() == []
    for outcome in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.REFUSED):
        health.attempted("desk", Result(outcome, outcome.name))
        clock.now += MINUTE
    health.attempted("pager", FAILED)
    assert health.failing() == [
        Trouble("delivery", "desk", 0, "the destination desk takes no messages: REFUSED"),
        Trouble("delivery", "pager", 3 * MINUTE, "the destination pager takes no messages: HTTP 503"),
    ]
    assert [trouble.name for trouble in health.failing(3 * MINUTE)] == ["desk"]
    health.attempted("desk", SENT)
    assert [trouble.name for trouble in health.failing()] == ["pager"]


# A restart


DESK = Trouble("delivery", "desk", 7 * SECOND, "the destination desk takes no messages: HTTP 503")
MISSING = Trouble("workers", "", 3 * MINUTE, "no worker is at work: their tickets' deadlines pass unseen")
REFUSED = Trouble("config", ROUTING, 5 * MINUTE + 1, "the changed routing file is refused")


def restarted(alerts: Iterable[Alert]) -> tuple[Watch, list[Trouble]]:
    """A watch that has read what is on the topic, with nonsense and other processes' alerts between."""
    other = operations("input", "the input is stalled", 0, HOUR)
    policies = operations("config", "the changed policies are refused", REFUSED.since, HOUR, about="policies.yaml")
    values = [msgspec.json.encode(alert) for alert in (other, policies, *alerts)]
    watch = Watch()
    return watch, watch.recall(of_the_house([None, b"{}", *values, msgspec.json.encode({"level": "operations"})]))


@pytest.mark.parametrize("killed", range(4))
def test_a_restart_tells_no_trouble_twice_and_that_it_is_over_once(killed: int) -> None:
    """Whichever look it falls after; the next process dates the troubles anew, and hears of them anew."""
    looks = [[DESK, MISSING, REFUSED], [DESK, MISSING, REFUSED], [DESK], []]
    watch, written = Watch(), list[Alert]()
    for number, troubles in enumerate(looks):
        written += watch.look([each._replace(message="another word") for each in troubles], (number + 1) * HOUR)
        if number == killed:
            watch, left = restarted(written)
            assert {each[:2] for each in left} == {each[:2] for each in troubles}
            later = [[each._replace(since=each.since + HOUR) for each in look] for look in looks]
            looks[number + 1 :] = later[number + 1 :]
    assert Counter(told(written)) == Counter(
        (subject, kind) for subject in ("delivery", "workers", "config") for kind in ("raised", "recovered")
    )
    ids = {(alert.target, alert.alert_id) for alert in written}
    assert len(ids) == 3, "what is over has the id of what was told"


def test_of_what_cannot_be_known_it_is_not_said_that_it_is_over() -> None:
    watch = Watch({})
    (raised,) = watch.look([MISSING], HOUR)
    assert watch.look([], 2 * HOUR, unknown=["workers"]) == []
    (over,) = watch.look([], 3 * HOUR)
    assert (over.kind, over.alert_id) == ("recovered", raised.alert_id)


def test_two_notifiers_that_told_the_same_trouble_both_have_it_ended_by_who_is_left() -> None:
    written = [alert for since in (0, MINUTE) for alert in Watch({}).look([DESK._replace(since=since)], HOUR)]
    watch, _ = restarted(written)
    assert watch.look([DESK], 2 * HOUR) == []
    over = watch.look([], 3 * HOUR)
    assert {alert.alert_id for alert in over} == {alert.alert_id for alert in written}


def test_a_destination_that_failed_before_a_restart_fails_until_it_takes_something() -> None:
    health = Health(Clock(HOUR))
    health.attempted("chat", SENT)
    others = [DESK._replace(name=name) for name in ("chat", "gone")]
    health.recall([DESK, MISSING, *others], ["desk", "chat", "mail"])
    assert health.failing() == [DESK], "the chat has taken something since, and one is not in the file any more"
    health.attempted("desk", SENT)
    assert health.failing() == []


def test_a_destination_that_was_taken_out_of_the_file_is_no_trouble_any_more() -> None:
    health = Health(Clock(HOUR))
    health.attempted("desk", FAILED)
    health.recall([], ["chat"])
    assert health.failing() == []


# Workers


def sign(*partitions: int, worker: int = 1) -> bytes:
    return json.dumps({"worker": worker, "at": 0, "partitions": partitions}).encode()


def test_a_partition_without_a_fresh_sign_is_missing() -> None:
    clock = Clock(HOUR)
    signs = Signs(clock)
    signs.partitions = 3
    assert signs.missing() == [], "not known before the topic is read"
    signs.up_to_date = True
    (trouble,) = signs.missing()
    assert (trouble.since, trouble.message.split(":")[0]) == (HOUR, "no worker is at work")
    signs.take(sign(0, 1), HOUR + SECOND)
    signs.take(sign(2, worker=2), HOUR + 2 * SECOND)
    signs.take(b'{"notifier": 7, "at": 0}', HOUR + 3 * SECOND)
    for nonsense in (None, b"", b"[]", b'{"worker": 1}', b'{"worker": "x", "partitions": [2]}'):
        signs.take(nonsense, HOUR + HOUR)
    clock.now += 5 * SECOND
    assert signs.at_work() == {0, 1, 2}
    assert signs.missing() == []
    clock.now = HOUR + FRESH + SECOND
    assert signs.missing() == []
    clock.now += 1
    (trouble,) = signs.missing()
    assert (trouble.since, trouble.message.split(":")[0]) == (HOUR + SECOND, "2 of 3 partitions have no worker")
    signs.up_to_date = False
    assert signs.missing() == []


def test_all_notifiers_date_the_same_silence_alike() -> None:
    """By the brokers' time of the last sign, so that the alert has one id."""
    found = []
    for begun in (0, HOUR):
        clock = Clock(begun)
        signs = Signs(clock)
        signs.up_to_date, signs.partitions = True, 1
        signs.take(sign(0), 2 * HOUR)
        clock.now = 3 * HOUR
        found.append(Watch().look(signs.missing(), clock.now))
    assert told(found[0]) == [("workers", "raised")]
    assert found[0][0].alert_id == found[1][0].alert_id


# What runs out


def test_what_runs_out_is_told_at_each_stage_and_no_more() -> None:
    reminders, end = Reminders(), 1000 * DAY
    ending = Ending(end, "it ends")
    days = [day for day in range(40, -3, -1) for alert in reminders.due([ending], end - day * DAY)]
    assert days == [30, 14, 7, 3, 1, 0]
    assert STAGES[0] == 30 * DAY
    late = Reminders()
    assert [alert.alert_id for alert in late.due([ending], end - 5 * DAY)] == [
        alert.alert_id for alert in Reminders().due([ending], end - 6 * DAY)
    ], "one stage, one id, whoever tells it"
    assert late.due([ending], end - 4 * DAY) == []


NO_ROUTES = Routing({}, ())
POLICIES = """version: 1
calendars:
  office: {timezone: Asia/Shanghai, weekly: {mon: ["09:00-18:00"]}, holidays: {country: CN}}
policies:
  - {name: old, when: {team: a}, effective: {until: "2026-09-01T00:00:00Z"}, targets: {resolution: {limit: 1h}}}
  - {name: new, when: {team: a}, effective: {from: "2026-09-01T00:00:00Z", until: "2026-10-01T00:00:00Z"},
     targets: {resolution: {limit: 1h, calendar: office}}}
  - {name: rest, targets: {resolution: {limit: 1h}}}
"""


def test_holidays_and_periods_that_end_are_found(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text(POLICIES)
    file = read_policy_file(path)
    known_until = file.calendars["office"].calendar.known_until
    assert known_until is not None
    holidays, period = endings_of_policies(file.policies)
    assert holidays.until == parse_instant(f"{known_until.year + 1}-01-01T00:00:00+08:00")
    assert f"the calendar office are known until {known_until}" in holidays.message
    assert period.until == parse_instant("2026-10-01T00:00:00Z")
    assert period.message.startswith("the policy new ends at 2026-10-01T00:00:00Z, and none for the same tickets")


def test_holidays_of_the_hours_that_routes_and_quiet_hours_ask_for_end_too() -> None:
    office, night = (
        Calendar(name, "UTC", {0: [(0, 3600)]}, known_until=date(2026, month, 28))
        for name, month in (("office", 2), ("night", 3))
    )
    quiet = Quiet("q", (Hours("night", night), Hours("office", office)), frozenset(), ())
    routing = Routing({}, (Route({}, (Hours("office", office),), ()),), quiets={"q": quiet})
    assert [(ending.until, ending.message.split(" are ")[0]) for ending in endings_of_routing(routing, (), 0)] == [
        (parse_instant("2026-03-29T00:00:00Z"), "public holidays of the calendar night"),
        (parse_instant("2026-03-01T00:00:00Z"), "public holidays of the calendar office"),
    ]


def test_a_rota_that_has_nobody_soon_is_found_but_not_told_again_and_again_while_it_lasts() -> None:
    shift = Turn(0, 10 * DAY, Person("ann", {}))
    rota = Rota("duty", Feed("UTC", 0, "", (shift,)))
    (ending,) = endings_of_routing(NO_ROUTES, [rota], DAY)
    assert ending == Ending(10 * DAY, "the rota duty has nobody on call from 1970-01-11T00:00:00Z on")
    assert endings_of_routing(NO_ROUTES, [rota], 10 * DAY) == []
    assert endings_of_routing(NO_ROUTES, [Rota("d", Feed("UTC", 0, "", (shift._replace(until=50 * DAY),)))], DAY) == []


async def test_the_monitor_tells_all_of_it_in_order() -> None:
    clock, written = Clock(10 * DAY), []
    troubles = [Trouble("config", "", 10 * DAY, "the changed routing is refused")]

    async def tell(alert: Alert) -> None:
        written.append(alert)

    monitor = Monitor(Watch(), lambda: troubles, lambda: [Ending(11 * DAY, "it ends")], tell, clock)
    for _ in range(3):
        await monitor.look()
    troubles.clear()
    await monitor.look()
    assert told(written) == [("config", "raised"), ("calendar", "raised"), ("config", "recovered")]


async def test_what_was_told_is_recalled_before_the_first_look() -> None:
    watch, written = Watch({}), list[Alert]()
    before = watch.look([DESK], HOUR)

    async def recall() -> None:
        watch.recall(before)

    async def tell(alert: Alert) -> None:
        written.append(alert)
        running.cancel()

    watch = Watch({})
    monitor = Monitor(watch, lambda: [MISSING], list, tell, Clock(HOUR), lambda: ["delivery"], recall)
    running = asyncio.create_task(monitor.run())
    await asyncio.wait([running], timeout=5)
    assert told(written) == [("workers", "raised")]


# The dead man


async def test_the_heartbeat_goes_every_minute_while_all_is_well_and_is_silent_otherwise() -> None:
    clock = Clock()
    calls: list[int] = []
    wrong: list[str] = []

    async def call() -> None:
        calls.append(clock.now)

    man = DeadMan(call, lambda: wrong, clock)
    begun = clock.now
    for second in range(181):
        clock.now = begun + second * SECOND
        await man.look()
    assert [at - begun for at in calls] == [0, EVERY, 2 * EVERY, 3 * EVERY]
    calls.clear()
    wrong.append("Kafka does not answer")
    for second in range(181, 600):
        clock.now = begun + second * SECOND
        await man.look()
    assert calls == []
    wrong.clear()
    await man.look()
    assert calls == [clock.now], "at once when all is well again"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answers(200, "OK"), None),
        (answers(204), None),
        (answers(500), "HTTP 500"),
        (redirects("http://127.0.0.1:1/"), "HTTP 302"),
        (drops, "ServerDisconnectedError"),
    ],
    ids=["200", "204", "500", "redirect", "dropped"],
)
async def test_the_heartbeat_is_a_get_whose_failure_names_no_address(answer: Answer, said: str | None) -> None:
    async with FakeChat() as receiver, open_session() as session:
        receiver.always("/ping/s3cret", answer)
        call = caller(session, receiver.url("/ping/s3cret"))
        assert await call() == said
        assert {post.raw for post in receiver.to("/ping/s3cret")} == {b""}
        await receiver.refuse()
        assert await call() == "ClientConnectorError"


async def test_a_heartbeat_that_is_not_taken_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()

    async def call() -> str:
        return "HTTP 500"

    man = DeadMan(call, list, clock)
    for _ in range(5):
        clock.now += MINUTE
        await man.look()
    assert caplog.text.count("was not taken: HTTP 500") == 1
