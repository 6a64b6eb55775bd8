"""Routing files: which alert goes where, and that nothing wrong with them takes effect."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from expected_problems import corpus, differences

from agents.notifier.endpoints import endpoints
from agents.notifier.http import open_session
from agents.notifier.limits import Pace
from config.destination_types import Email, Look, RateLimit, Slack, Webhook
from config.destinations import KINDS
from config.errors import ConfigError
from config.rota import Feed
from config.routes import Routing
from config.routing import load_routing
from streams.instants import MINUTE, SECOND, parse_instant

DEFAULTS = Path(__file__).resolve().parents[2] / "config/defaults"
MONDAY_NOON = parse_instant("2026-01-05T12:00:00Z")
ALERT = {
    "alert_id": "1",
    "kind": "raised",
    "level": "breach",
    "target": "first_response",
    "policy": "urgent",
    "priority": "urgent",
    "team": "tech",
    "channel": None,
}


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Routing:
    path = tmp_path / "routing.yaml"
    path.write_text(text, encoding="utf-8")
    return load_routing(path, environ or {})


def routes(tmp_path: Path, text: str) -> Routing:
    head = """version: 1
calendars:
  office: {timezone: Asia/Shanghai, weekly: {mon: ["09:00-18:00"]}}
  late: {timezone: Asia/Shanghai, weekly: {mon: ["18:00-22:00"]}}
destinations:
  a: {kind: webhook, url: "http://127.0.0.1:1/a"}
  b: {kind: webhook, url: "http://127.0.0.1:1/b"}
routes:
"""
    return load(tmp_path, head + text)


@pytest.mark.parametrize("path", corpus("bad_routing"), ids=lambda path: path.stem)
def test_every_problem_is_listed_with_its_line_field_and_remedy(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_routing(path, {})
    assert differences(path, caught.value) == []


def test_destinations_have_their_kind_and_its_defaults(tmp_path: Path) -> None:
    text = """version: 1
destinations:
  hook: {kind: webhook, url: "https://a.example/x?y=z", headers: {X-Key: k}, rate_limit: 20/m, timeout: 2s}
  plain: {kind: webhook, url: "http://127.0.0.1:8080"}
  chat: {kind: slack, url: "https://hooks.example/T/B/x"}
routes: [{to: [hook, plain, chat]}]
"""
    assert load(tmp_path, text).destinations == {
        "hook": Webhook(
            "hook", RateLimit(20, MINUTE), 2 * SECOND, url="https://a.example/x?y=z", headers={"X-Key": "k"}, cards=18
        ),
        "plain": Webhook("plain", None, 10 * SECOND, url="http://127.0.0.1:8080", headers={}),
        "chat": Slack("chat", RateLimit(1, SECOND), 10 * SECOND, url="https://hooks.example/T/B/x", cards=54),
    }


EVERY_KIND = """version: 1
destinations:
  hook: {kind: webhook, url: https://a.example/, secret: "${SECRET}"}
  slack: {kind: slack, url: https://a.example/}
  bot: {kind: slack-bot, token: "${TOKEN}", channel: C0123456789}
  teams: {kind: teams, url: https://a.example/}
  ding: {kind: dingtalk, url: "https://a.example/?access_token=1", secret: "${SECRET}"}
  wecom: {kind: wecom, url: "https://a.example/?key=1"}
  feishu: {kind: feishu, url: https://a.example/, secret: "${SECRET}"}
  mail:
    kind: email
    host: smtp.example.com
    username: monitor
    password: "${SECRET}"
    from: sla@example.com
    to: [desk@example.com, desk@example.com, lead@example.com]
  pushed: {kind: apprise, url: "json://a.example/${SECRET}"}
routes: [{to: hook}]
"""
SECRETS = {"SECRET": "s3cret-0123456789", "TOKEN": "xoxb-s3cret"}


def test_every_kind_has_its_services_limits_and_shows_no_secret(tmp_path: Path) -> None:
    found = load(tmp_path, EVERY_KIND, SECRETS).destinations
    limits = {name: (each.rate_limit, each.burst_limit) for name, each in found.items()}
    assert limits == {
        "hook": (None, None),
        "slack": (RateLimit(1, SECOND), None),
        "bot": (RateLimit(1, SECOND), None),
        "teams": (RateLimit(4, SECOND), None),
        "ding": (RateLimit(20, MINUTE), None),
        "wecom": (RateLimit(20, MINUTE), None),
        "feishu": (RateLimit(100, MINUTE), RateLimit(5, SECOND)),
        "mail": (RateLimit(60, MINUTE), None),
        "pushed": (RateLimit(20, MINUTE), None),
    }
    mail = found["mail"]
    assert isinstance(mail, Email)
    assert (mail.port, mail.security, mail.to) == (587, "starttls", ("desk@example.com", "lead@example.com"))
    assert "s3cret" not in repr(found)


def test_a_given_rate_is_the_only_one(tmp_path: Path) -> None:
    text = EVERY_KIND.replace("feishu, url", "feishu, rate_limit: 30/m, url")
    feishu = load(tmp_path, text, SECRETS).destinations["feishu"]
    assert (feishu.rate_limit, feishu.burst_limit) == (RateLimit(30, MINUTE), None)


async def test_every_kind_has_a_sender(tmp_path: Path) -> None:
    async with open_session() as session:
        made = endpoints(load(tmp_path, EVERY_KIND, SECRETS), session, lambda: MONDAY_NOON)
    assert len({type(endpoint.sender) for endpoint in made}) == len(KINDS) == len(made)
    assert "s3cret" not in "".join(repr(each.sender) for each in made if each.name in ("hook", "bot", "ding", "feishu"))
    feishu = next(endpoint.pace for endpoint in made if endpoint.name == "feishu")
    assert feishu == Pace(RateLimit(100, MINUTE), 90, RateLimit(5, SECOND))


def test_a_destination_says_how_its_cards_look(tmp_path: Path) -> None:
    text = """version: 1
destinations:
  a: {kind: slack, url: https://a.example/}
  b:
    kind: slack
    url: https://a.example/
    language: zh
    timezone: Asia/Shanghai
    team_timezones: {paris: Europe/Paris}
    ticket_url: https://desk.example.com/t/{ticket_id}
    show: agent
routes: [{to: [a, b]}]
"""
    found = load(tmp_path, text).destinations
    assert found["a"].look == Look()
    assert found["b"].look == Look(
        language="zh",
        timezone=ZoneInfo("Asia/Shanghai"),
        team_timezones={"paris": ZoneInfo("Europe/Paris")},
        ticket_url="https://desk.example.com/t/{ticket_id}",
        show=frozenset({"agent"}),
    )


@pytest.mark.parametrize(
    ("keys", "cards"),
    [
        ("cards: 20", 20),
        ("cards: all", None),
        ("cards: 20, rate_limit: 5/m", 20),
        ("rate_limit: 5/m", 4),
        ("rate_limit: 1/m", 1),
        ("rate_limit: 100/h", 1),
        ("rate_limit: 1000/s", 54_000),
    ],
)
def test_how_many_cards_a_destination_gets_in_a_minute_follows_from_its_limit_unless_told(
    tmp_path: Path, keys: str, cards: int | None
) -> None:
    text = f"""version: 1
destinations: {{hook: {{kind: webhook, url: "https://a.example/", {keys}}}}}
routes: [{{to: [hook]}}]
"""
    assert load(tmp_path, text).destinations["hook"].cards == cards


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    text = """version: 1
destinations:
  a: {kind: webhook, url: "${URL}", headers: {Authorization: "Bearer ${TOKEN}"}}
routes: [{to: a}]
"""
    environ = {"URL": "https://a.example/s3cret", "TOKEN_FILE": str(tmp_path / "token")}
    destination = load(tmp_path, text, environ).destinations["a"]
    assert isinstance(destination, Webhook)
    assert destination.url == "https://a.example/s3cret"
    assert destination.headers == {"Authorization": "Bearer t0ken"}
    assert "s3cret" not in repr(destination)
    assert "t0ken" not in repr(destination)


def test_no_problem_repeats_a_secret(tmp_path: Path) -> None:
    text = """version: 1
destinations:
  a: {kind: webhook, url: "${URL}", headers: {Authorization: "Bearer ${TOKEN}"}}
routes: [{to: a}]
"""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, {"URL": "ftp://s3cret", "TOKEN": "s3cret\n"})
    assert [problem.field for problem in caught.value.problems] == [
        "destinations.a.url",
        "destinations.a.headers.Authorization",
    ]
    assert "s3cret" not in str(caught.value)


def test_the_first_route_that_matches_is_taken(tmp_path: Path) -> None:
    text = """
  - {when: {priority: [low, urgent], level: breach}, to: [a, b]}
  - {when: {priority: urgent}, to: b}
  - {when: {level: warning}, to: []}
  - {to: a}
"""
    routing = routes(tmp_path, text)
    assert routing.route(ALERT, MONDAY_NOON) == ["a", "b"]
    assert routing.route({**ALERT, "level": "escalation"}, MONDAY_NOON) == ["b"]
    assert routing.route({**ALERT, "priority": "high", "level": "warning"}, MONDAY_NOON) == []
    assert routing.route({**ALERT, "priority": None}, MONDAY_NOON) == ["a"]


@pytest.mark.parametrize("key", ["level", "target", "kind", "policy", "priority", "team"])
def test_every_field_can_be_asked_for(tmp_path: Path, key: str) -> None:
    routing = routes(tmp_path, f"  - {{when: {{{key}: {ALERT[key]}}}, to: b}}\n  - {{to: a}}\n")
    assert routing.route(ALERT, MONDAY_NOON) == ["b"]
    assert routing.route({**ALERT, key: "other"}, MONDAY_NOON) == ["a"]
    assert routing.route({name: value for name, value in ALERT.items() if name != key}, MONDAY_NOON) == ["a"]


def test_a_route_may_ask_for_the_hours_of_calendars(tmp_path: Path) -> None:
    text = "  - {when: {hours: [office, late], team: tech}, to: b}\n  - {to: a}\n"
    routing = routes(tmp_path, text)
    for local, to in [("08:59", "a"), ("09:00", "b"), ("17:59", "b"), ("18:00", "b"), ("21:59", "b"), ("22:00", "a")]:
        assert routing.route(ALERT, parse_instant(f"2026-01-05T{local}:00+08:00")) == [to], local
    assert routing.route(ALERT, parse_instant("2026-01-06T12:00:00+08:00")) == ["a"]


def test_a_destination_named_twice_gets_one_message(tmp_path: Path) -> None:
    assert routes(tmp_path, "  - {to: [a, b, a]}\n").route(ALERT, MONDAY_NOON) == ["a", "b"]


def test_the_shipped_example_loads() -> None:
    environ = {
        "SLACK_SUPPORT_URL": "https://a.example/1",
        "SLACK_SUPERVISORS_URL": "https://a.example/2",
        "PAGER_TOKEN": "t",
    }
    routing = load_routing(DEFAULTS / "routing.yaml", environ)
    assert routing.route(ALERT, parse_instant("2026-01-05T12:00:00+08:00")) == ["support-chat", "supervisors"]
    assert routing.route(ALERT, parse_instant("2026-01-05T20:00:00+08:00")) == ["support-chat", "pager"]
    assert routing.route({**ALERT, "level": "warning"}, MONDAY_NOON) == ["support-chat"]


ON_CALL = """version: 1
people:
  ann: {name: Ann Lee, slack: U024BE7LH, email: ann@example.com}
  bo: {}
  cy: {name: Cy}
rotas:
  duty: {timezone: Asia/Shanghai, hand_over: mon 09:00, starts: 2026-01-05, weekly: [ann, bo],
         overrides: [{from: 2026-01-07, until: "2026-01-07 12:00", person: cy}]}
  deputy: {timezone: Asia/Shanghai, hand_over: mon 09:00, starts: 2026-01-05, weekly: [bo, cy]}
  feed: {timezone: Asia/Shanghai, hand_over: "09:00", calendar: "webcal://${HOST}/rota.ics"}
destinations:
  a: {kind: webhook, url: "http://127.0.0.1:1/a"}
  b: {kind: webhook, url: "http://127.0.0.1:1/b"}
quiet:
  night: {hours: "22:00-07:00 Asia/Shanghai", pass: [{priority: urgent}, {level: escalation}]}
  desk: {hours: "12:00-13:00 Asia/Shanghai", to: b}
routes:
  - {when: {level: escalation, step: [2, 3]}, to: b, on_call: [duty, deputy]}
  - {when: {level: escalation}, to: a, on_call: [duty, deputy]}
  - {when: {team: tech}, to: [a, b], on_call: duty, quiet: night}
  - {when: {hours: "18:00-06:00 Europe/Berlin"}, to: a}
  - {to: b}
"""


def on_call_routing(tmp_path: Path) -> Routing:
    return load(tmp_path, ON_CALL, {"HOST": "calendar.example"})


def test_an_escalation_names_the_next_of_those_on_call(tmp_path: Path) -> None:
    routing = on_call_routing(tmp_path)
    now = parse_instant("2026-01-06T12:00:00+08:00")
    steps = {step: {**ALERT, "level": "escalation", "step": step} for step in (1, 2, 3, 4)}
    assert [routing.route(steps[step], now) for step in steps] == [["a"], ["b"], ["b"], ["a"]]
    named = [routing.on_call(alert, now) for alert in (ALERT, *steps.values())]
    assert [person and person.name for person in named] == ["Ann Lee", "bo", "bo", "bo", "bo"]
    assert routing.on_call({**ALERT, "team": None}, now) is None
    assert routing.people["ann"].ids == {"slack": "U024BE7LH", "email": "ann@example.com"}


def test_whoever_is_on_call_when_it_is_sent_is_named(tmp_path: Path) -> None:
    routing = on_call_routing(tmp_path)
    decided = parse_instant("2026-01-06T23:59:00+08:00")
    for at, name in [
        ("2026-01-06T23:59:59+08:00", "Ann Lee"),
        ("2026-01-07T00:00:00+08:00", "Cy"),
        ("2026-01-07T12:00:00+08:00", "Ann Lee"),
        ("2026-01-12T08:59:59+08:00", "Ann Lee"),
        ("2026-01-12T09:00:00+08:00", "bo"),
    ]:
        person = routing.on_call(ALERT, decided, parse_instant(at))
        assert person is not None
        assert person.name == name, at


def test_hours_of_the_day_may_be_written_with_their_zone(tmp_path: Path) -> None:
    routing = on_call_routing(tmp_path)
    other = {**ALERT, "team": "x"}
    for local, to in [("17:59", "b"), ("18:00", "a"), ("23:59", "a"), ("00:00", "a"), ("05:59", "a"), ("06:00", "b")]:
        assert routing.route(other, parse_instant(f"2026-03-29T{local}:00+0{1 if local < '02' else 2}:00")) == [to], (
            local
        )


def test_quiet_hours_hold_by_route_and_by_destination(tmp_path: Path) -> None:
    routing = on_call_routing(tmp_path)
    calm = {**ALERT, "priority": "low"}
    night, noon = parse_instant("2026-01-06T23:00:00+08:00"), parse_instant("2026-01-06T12:30:00+08:00")
    morning, one = parse_instant("2026-01-07T07:00:00+08:00"), parse_instant("2026-01-06T13:00:00+08:00")
    assert routing.stops(calm, night) == [("a", morning, "night"), ("b", morning, "night")]
    assert routing.stops(ALERT, night) == [("a", None, None), ("b", None, None)]
    assert routing.stops(ALERT, noon) == [("a", None, None), ("b", one, "desk")]
    assert routing.stops({**calm, "level": "operations"}, noon) == [("a", None, None), ("b", None, None)]
    assert routing.stops(calm, morning) == [("a", None, None), ("b", None, None)]


def test_what_became_of_an_alert_is_a_message_only_where_its_route_asks_for_that_kind(tmp_path: Path) -> None:
    routing = routes(tmp_path, "  - {when: {kind: [recovered], team: [billing]}, to: a}\n  - {to: b}")
    for kind in ("recovered", "acknowledged"):
        assert routing.route({**ALERT, "kind": kind, "team": "other"}, 0) == []
        assert routing.route({**ALERT, "kind": kind, "level": "operations", "team": None}, 0) == ["b"]
    assert routing.route({**ALERT, "kind": "recovered", "team": "billing"}, 0) == ["a"]
    assert routing.route({**ALERT, "kind": "acknowledged", "team": "billing"}, 0) == []
    assert routing.route({**ALERT, "kind": "corrected", "team": "billing"}, 0) == ["b"]


def test_a_failing_destination_is_told_of_elsewhere(tmp_path: Path) -> None:
    routing = on_call_routing(tmp_path)
    alert = {"level": "operations", "target": "delivery", "destination": "b"}
    assert routing.route(alert, MONDAY_NOON) == ["a"]
    assert routing.route({**alert, "team": "tech"}, MONDAY_NOON) == ["a"]
    assert routing.route({**alert, "destination": "a"}, MONDAY_NOON) == ["b"]


def test_a_feeds_address_is_read_with_its_secrets_and_shown_nowhere(tmp_path: Path) -> None:
    feed = on_call_routing(tmp_path).rotas["feed"].turns
    assert isinstance(feed, Feed)
    assert (feed.url, feed.zone, feed.at) == ("https://calendar.example/rota.ics", "Asia/Shanghai", 9 * 3600)
    assert "calendar.example" not in repr(feed)


def test_each_route_that_was_tried_says_what_failed(tmp_path: Path) -> None:
    tried = on_call_routing(tmp_path).tried({**ALERT, "team": "x", "level": "warning"}, MONDAY_NOON)
    assert [(each.number, each.failed) for each in tried] == [
        (1, ["level", "step"]),
        (2, ["level"]),
        (3, ["team"]),
        (4, ["hours"]),
        (5, []),
    ]
