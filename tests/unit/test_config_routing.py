"""Routing files: which alert goes where, and that nothing wrong with them takes effect."""

from pathlib import Path

import pytest
from expected_problems import corpus, differences

from config.destinations import RateLimit, Slack, Webhook
from config.errors import ConfigError
from config.routing import Routing, load_routing
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
