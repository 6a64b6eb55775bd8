"""Settings: read from the environment alone, all problems at once, secrets never shown."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.errors import ConfigError
from config.settings import (
    SECRETS,
    Settings,
    describe_settings,
    load_settings,
    split_address,
    unknown_variables,
    variable,
)
from streams.instants import DAY, HOUR, MINUTE, SECOND


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return str(caught.value).splitlines()


def test_everything_has_a_default() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.kafka, settings.redis, settings.app, settings.topic_prefix) == (None, "", "slawatch", "")
    assert (settings.partitions, settings.replication) == (12, None)
    assert (settings.session_timeout, settings.grace, settings.input_stall) == (10 * SECOND, SECOND, MINUTE)
    assert (settings.retention, settings.max_ahead, settings.alert_max_age) == (30 * DAY, 10 * MINUTE, 24 * HOUR)
    assert settings.metrics_listen == "127.0.0.1:9464"
    assert settings.notifier_listen == "127.0.0.1:9465"
    assert settings.board_listen == "127.0.0.1:8080"
    assert (settings.kafka_security, settings.log_format) == ("PLAINTEXT", "text")


def test_the_environment_is_read_in_any_case_and_empty_is_unset() -> None:
    environ = {
        "SLAWATCH_KAFKA": "a:9092, b:9093",
        "slawatch_grace": "1h30m",
        "SLAWATCH_RETENTION": "8d",
        "SLAWATCH_MAX_AHEAD": "0",
        "SLAWATCH_PARTITIONS": "",
        "SLAWATCH_POLICIES": "/etc/policies.yaml",
        "SLAWATCH_REPLICATION": "2",
    }
    settings = load_settings(environ)
    assert settings.kafka == "a:9092,b:9093"
    assert (settings.grace, settings.retention, settings.max_ahead) == (90 * MINUTE, 8 * DAY, 0)
    assert (settings.partitions, settings.replication) == (12, 2)
    assert settings.policies == Path("/etc/policies.yaml")


def test_tests_may_build_settings_with_microseconds_or_texts() -> None:
    settings = Settings(kafka="localhost:9092", grace=0, session_timeout="6s")  # type: ignore[arg-type]  # read as text
    assert (settings.grace, settings.session_timeout) == (0, 6 * SECOND)
    with pytest.raises(ValidationError):
        Settings(no_such_setting=1)  # type: ignore[call-arg]  # the point


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("KAFKA", "localhost", "not host:port: 'localhost' (write 127.0.0.1:9464"),
        ("KAFKA", "kafka://a:9092", "not host:port"),
        ("KAFKA", "a:0", "port 0 is none"),
        ("KAFKA", ", ,", "names no server"),
        ("REDIS", "localhost:6379", "not a Redis URL (write redis://host:6379/0"),
        ("REDIS", "redis://", "not a Redis URL"),
        ("REDIS", "redis://redis:99999/0", "not a Redis URL"),
        ("REDIS", "http://redis:6379", "not a Redis URL"),
        ("ALERT_MAX_AGE", "4000d", "too long: write 3650d or less"),
        ("APP", "call centre", "not usable in topic names"),
        ("TOPIC_PREFIX", "a/b", "not usable in topic names"),
        ("PARTITIONS", "0", "greater than or equal to 1, not '0'"),
        ("PARTITIONS", "many", "valid integer"),
        ("GRACE", "soon", "not a duration: 'soon' (write 1h30m, 90s, 2d)"),
        ("GRACE", "9" * 400 + "h", "too long"),
        ("SESSION_TIMEOUT", "0s", "greater than 0"),
        ("RETENTION", "6d", "shorter than the longest window: write 7d or more"),
        ("METRICS_LISTEN", ":9464", "not host:port"),
        ("METRICS_LISTEN", "127.0.0.1:99999", "not host:port"),
        ("BOARD_LISTEN", "::1:8080", "[::1]:9464"),
        ("KAFKA_SECURITY", "TLS", "'PLAINTEXT', 'SSL' or 'SASL_SSL', not 'TLS'"),
        ("ACK_URL", "sla.example.com", "not a page's URL: 'sla.example.com' (write https://sla.example.com"),
        ("ACK_URL", "https://sla.example.com/?a=b", "not a page's URL"),
        ("BOARD_URL", "javascript:alert(1)", "not a page's URL"),
        ("ACK_SECRET", "short", "one secret of 32 characters or more"),
        ("ACK_SECRET", f"{'a' * 32} {'b' * 32} {'c' * 32}", "or two with a space or line between"),
        ("ACK_USER_HEADER", "X Forwarded", "not a header's name: 'X Forwarded' (write X-Forwarded-User)"),
        ("LOG_FORMAT", "xml", "'text' or 'json', not 'xml'"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_remedy(name: str, value: str, part: str) -> None:
    (problem,) = problems({f"SLAWATCH_{name}": value})
    assert problem.startswith(f"environment: SLAWATCH_{name}: ")
    assert part in problem


def test_a_secret_that_is_refused_is_not_repeated() -> None:
    (problem,) = problems({"SLAWATCH_ACK_SECRET": "sh0rt"})
    assert "sh0rt" not in problem


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems({"SLAWATCH_GRACE": "x", "SLAWATCH_PARTITIONS": "x", "SLAWATCH_REDIS_FILE": "/no/such/file"})
    assert [line.split(": ")[1] for line in found] == ["SLAWATCH_REDIS_FILE", "SLAWATCH_PARTITIONS", "SLAWATCH_GRACE"]


@pytest.mark.parametrize(
    ("environ", "part"),
    [
        ({"KAFKA_SECURITY": "SASL_SSL", "KAFKA_USERNAME": "u"}, "SLAWATCH_KAFKA_PASSWORD: missing: SASL_SSL needs"),
        ({"ACK_URL": "https://sla.example.com"}, "SLAWATCH_ACK_SECRET: missing: SLAWATCH_ACK_URL is set"),
        ({"ACK_SECRET": "s" * 32}, "SLAWATCH_ACK_URL: missing: SLAWATCH_ACK_SECRET is set"),
        ({"KAFKA_USERNAME": "u"}, "SLAWATCH_KAFKA_USERNAME: would not be used: set SLAWATCH_KAFKA_SECURITY=SASL_SSL"),
        ({"KAFKA_CA_FILE": "/etc/ca.pem"}, "SLAWATCH_KAFKA_CA_FILE: would not be used"),
        ({"KAFKA_SECURITY": "SSL", "KAFKA_CA_FILE": "/no/such/file"}, "there is no file '/no/such/file'"),
        ({"KAFKA_SECURITY": "SSL", "KAFKA_CERT_FILE": __file__}, "SLAWATCH_KAFKA_KEY_FILE: missing"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(environ: dict[str, str], part: str) -> None:
    (problem,) = problems({f"SLAWATCH_{name}": value for name, value in environ.items()})
    assert part in problem


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    forms = {"heartbeat_url": "https://ping/s3cret", "board_tokens": f"viewer:wall:{'s3cret' * 6}"}
    secret = forms.get(name, "redis://:s3cret-s3cret@redis:6379/0")
    file.write_text(f"{secret}\n")
    sasl = {"SLAWATCH_KAFKA_SECURITY": "SASL_SSL", "SLAWATCH_KAFKA_USERNAME": "u", "SLAWATCH_KAFKA_PASSWORD": "p"}
    environ = {**sasl, f"{variable(name)}_FILE": str(file)}
    if name == "kafka_password":
        del environ["SLAWATCH_KAFKA_PASSWORD"]
    if name == "ack_secret":
        environ["SLAWATCH_ACK_URL"] = "https://sla.example.com"
    value = getattr(load_settings(environ), name)
    assert (value if isinstance(value, str) else value.get_secret_value()) == secret


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_given_both_ways_is_refused(tmp_path: Path, name: str) -> None:
    environ = {variable(name): "redis://a", f"{variable(name)}_FILE": str(tmp_path)}
    assert any(f"{variable(name)}_FILE are both set (unset one of the two)" in line for line in problems(environ))


def test_no_secret_is_shown() -> None:
    environ = {
        "SLAWATCH_REDIS": "redis://user:s3cret@redis:6379/0",
        "SLAWATCH_KAFKA_SECURITY": "SASL_SSL",
        "SLAWATCH_KAFKA_USERNAME": "u",
        "SLAWATCH_KAFKA_PASSWORD": "s3cret",
        "SLAWATCH_HEARTBEAT_URL": "https://ping/s3cret",
    }
    assert "s3cret" not in repr(load_settings(environ))
    assert "s3cret" not in str(describe_settings(environ))
    assert "s3cret" not in "".join(problems({"SLAWATCH_REDIS": "http://:s3cret@redis"}))
    assert "s3cret" not in "".join(problems({"SLAWATCH_HEARTBEAT_URL": "ftp://ping/s3cret"}))
    by_name = {line.name: line.value for line in describe_settings(environ)}
    assert by_name["redis"] == "redis://***@redis:6379/0"
    assert by_name["kafka_password"] == by_name["heartbeat_url"] == "***"


def test_every_setting_tells_its_meaning_value_and_origin(tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("redis://a")
    environ = {
        "SLAWATCH_GRACE": "2s",
        "SLAWATCH_REDIS_FILE": str(tmp_path / "redis"),
        "XDG_STATE_HOME": "/state",
    }
    lines = {line.name: line for line in describe_settings(environ)}
    assert list(lines) == list(Settings.model_fields)
    assert all(line.meaning and line.variable == variable(line.name) for line in lines.values())
    assert (lines["grace"].value, lines["grace"].origin) == ("2s", "SLAWATCH_GRACE")
    assert (lines["max_ahead"].value, lines["max_ahead"].origin) == ("10m", "default")
    assert lines["redis"].origin == "SLAWATCH_REDIS_FILE"
    assert (lines["data_dir"].value, lines["data_dir"].origin) == ("/state/slawatch", "XDG_STATE_HOME")


def test_what_is_shown_can_be_set() -> None:
    shown = {line.variable: line.value for line in describe_settings({})}
    assert load_settings(shown) == load_settings({})


def test_variables_that_are_no_settings_are_named_with_their_near_miss() -> None:
    environ = {"SLAWATCH_KAKFA": "", "SLAWATCH_REDIS_FILE": "", "SLAWATCH_XYZZY": "1", "PATH": ""}
    assert unknown_variables(environ) == ["SLAWATCH_KAKFA, did you mean 'KAFKA'?", "SLAWATCH_XYZZY"]


def test_addresses_are_split() -> None:
    assert split_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert split_address("[::1]:9464") == ("::1", 9464)
    assert split_address("a.example:65535") == ("a.example", 65535)
