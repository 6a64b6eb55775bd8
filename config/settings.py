"""How this installation runs: every setting, read from environment variables named `SLAWATCH_*`.

Durations are integer microseconds in the program and texts such as `10s`, `1h30m`, `30d` in the environment.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from config.board_access import read_proxies, read_roles, read_tokens
from config.errors import ConfigError, Problem, near_miss, shown
from config.secret import read_secret
from config.tls import client_context
from config.urls import on_the_web
from streams.instants import DAY, HOUR, MINUTE, SECOND, format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "SLAWATCH_"
SECRETS = ("redis", "kafka_password", "heartbeat_url", "ack_secret", "board_tokens")
"""Settings that may also be given as `SLAWATCH_NAME_FILE`, a file that holds the value; never shown."""

LONGEST_WINDOW = 7 * DAY
"""The longest rolling window: what is kept of a ticket must outlast it."""

SHORTEST_SECRET = 32
"""Characters of a secret that links are signed with."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where what listens everywhere is near
_LONGEST = 3650 * DAY
_TOO_LONG = "too long: write 3650d or less"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")
_PORT = re.compile(r"[0-9]{1,5}")
_OPTIONS = re.compile(r"(db=[0-9]{1,5})?")


def split_address(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9464` or `[::1]:9464`; raises ValueError with the remedy."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or not _PORT.fullmatch(port) or int(port) > 65535 or (":" in host) != bracketed:
        raise ValueError(f"not host:port: {shown(text)} (write 127.0.0.1:9464, 0.0.0.0:9464 or [::1]:9464)")
    if re.search(r"[\s/@,]", host):
        raise ValueError(f"not a host: {shown(host)} (a name or an address, with neither scheme nor path)")
    return host.strip("[]"), int(port)


def near(listens: str) -> str:
    """The URL at which a process on this machine reaches what listens on an address."""
    host, port = split_address(listens)
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return 0 if value == "0" else parse_duration(value, days=True)
    except OverflowError:
        raise ValueError(_TOO_LONG) from None


def _bounded(duration: int) -> int:
    if duration > _LONGEST:
        raise ValueError(_TOO_LONG)
    return duration


def _address(text: str) -> str:
    split_address(text)
    return text


def _bootstrap(text: str) -> str:
    servers = [server.strip() for server in text.split(",") if server.strip()]
    if not servers:
        raise ValueError("names no server (write host:port, several separated by commas)")
    for server in servers:
        if split_address(server)[1] == 0:
            raise ValueError(f"port 0 is none: {shown(server)} (Kafka's usual port is 9092)")
    return ",".join(servers)


def _redis_url(text: str) -> str:
    if not text:
        return text
    remedy = "write redis://host:6379/0, rediss://... for TLS, or unix:///path; a password's /, ?, # and @ as %XX"
    try:
        parts = urlsplit(text)
        scheme, host = parts.scheme, parts.hostname
        usable = parts.port != 0 and (scheme == "unix" or (scheme in ("redis", "rediss") and host))
        usable = usable and text.startswith(f"{scheme}://")
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"not a Redis URL ({remedy})")
    if not _OPTIONS.fullmatch(parts.query):
        raise ValueError("takes no option but ?db=N (certificates: SLAWATCH_REDIS_CA_FILE and the two beside it)")
    return text


def _called_url(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not on_the_web(text) or not text.isprintable():
        raise ValueError("not an http or https URL (write https://host/path)")
    return secret


def _name(text: str) -> str:
    if text and not _NAME.fullmatch(text):
        raise ValueError(f"not usable in topic names: {shown(text)} (letters, digits, '.', '_', '-'; at most 80)")
    return text


def _retention(duration: int) -> int:
    if duration < LONGEST_WINDOW:
        raise ValueError("shorter than the longest window: write 7d or more")
    return duration


def _page_url(text: str) -> str:
    parts = urlsplit(text) if on_the_web(text) else None
    if parts is None or parts.query or parts.fragment or parts.username:
        raise ValueError(f"not a page's URL: {shown(text)} (write https://sla.example.com, or with a path after it)")
    return text.rstrip("/")


def _signing(secret: SecretStr) -> SecretStr:
    parts = secret.get_secret_value().split()
    if not 1 <= len(parts) <= 2 or any(len(part) < SHORTEST_SECRET for part in parts):
        raise ValueError(f"one secret of {SHORTEST_SECRET} characters or more, or two with a space or line between")
    return secret


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,60}", text):
        raise ValueError(f"not a header's name: {shown(text)} (write X-Forwarded-User)")
    return text


def _tokens(secret: SecretStr) -> SecretStr:
    read_tokens(secret.get_secret_value())
    return secret


def _roles(text: str) -> str:
    read_roles(text)
    return text


def _proxies(text: str) -> str:
    read_proxies(text)
    return text


Duration = Annotated[int, BeforeValidator(_duration), Field(ge=0), AfterValidator(_bounded)]
LongerThanZero = Annotated[int, BeforeValidator(_duration), Field(gt=0), AfterValidator(_bounded)]
Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, AfterValidator(_name)]


class Settings(BaseSettings):
    """All settings. Build it with `load_settings`; tests may call it, durations as microseconds or texts."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    kafka: Annotated[str, AfterValidator(_bootstrap)] | None = Field(
        default=None, description="Kafka's bootstrap servers, host:port, several separated by commas"
    )
    redis: Annotated[str, AfterValidator(_redis_url)] = Field(
        default="", description="Redis URL; empty: claims are kept in the process, with one notifier only", repr=False
    )
    redis_ca_file: Path | None = Field(
        default=None, description="certificates that Redis' own is checked with (PEM); none: the system's"
    )
    redis_cert_file: Path | None = Field(default=None, description="client certificate shown to Redis (PEM)")
    redis_key_file: Path | None = Field(default=None, description="key of the client certificate (PEM)")
    policies: Path | None = Field(default=None, description="policy file; none: the shipped defaults")
    routing: Path | None = Field(default=None, description="routing file of the notifier: which alert goes where")
    staffing: Path | None = Field(
        default=None,
        description="staffing file: goals of promises, live channels, handling times; none: the shipped one",
    )
    quality: Path | None = Field(
        default=None, description="quality file: criteria, thresholds, shifts; none: the shipped one"
    )
    goals: Path | None = Field(default=None, description="goals file: who is to reach what by when")
    app: Annotated[Name, Field(min_length=1)] = Field(
        default="slawatch",
        description="consumer group, and prefix of the tables, their changelogs and the Redis keys",
    )
    topic_prefix: Name = Field(default="", description="prefix of every topic's name")
    partitions: int = Field(default=12, ge=1, le=10_000, description="partitions of every topic")
    replication: int | None = Field(
        default=None, ge=1, le=100, description="replicas of every topic; none: 1 for a single broker, else 3"
    )
    data_dir: Path = Field(
        default_factory=lambda: Path.home() / ".local/state/slawatch",
        description="where the worker keeps its RocksDB state",
    )
    ledger: Path | None = Field(
        default=None, description="folder of the ledger's files, for reports; none: `ledger` in SLAWATCH_DATA_DIR"
    )
    ledger_retention: Duration = Field(
        default=0, description="how long a done ticket is kept in the ledger; 0: for ever"
    )
    session_timeout: LongerThanZero = Field(
        default=10 * SECOND, description="silence after which Kafka gives a process's partitions to another"
    )
    grace: Duration = Field(
        default=1 * SECOND, description="how long after a deadline its alarm still waits for an answer under way"
    )
    retention: Annotated[Duration, AfterValidator(_retention)] = Field(
        default=30 * DAY, description="how long a done ticket is kept in the worker; at least 7d, the longest window"
    )
    max_ahead: Duration = Field(
        default=10 * MINUTE, description="how far ahead of the clock an event's instant may be; 0: no limit"
    )
    alert_max_age: Duration = Field(
        default=24 * HOUR, description="a breach whose deadline is older than this is recorded and not announced"
    )
    input_stall: LongerThanZero = Field(
        default=60 * SECOND,
        description="how long the input may stall before operations are told that the monitor is blind",
    )
    heartbeat_url: Annotated[SecretStr, AfterValidator(_called_url)] | None = Field(
        default=None, description="URL that the notifier calls every minute while all is well; none: nobody is called"
    )
    silence_limit: LongerThanZero = Field(
        default=7 * DAY, description="the longest time for which alerts may be silenced at once"
    )
    metrics_listen: Address = Field(default="127.0.0.1:9464", description="where the worker serves /metrics and health")
    notifier_listen: Address = Field(
        default="127.0.0.1:9465", description="where the notifier serves /metrics and health"
    )
    run_listen: Address = Field(
        default="127.0.0.1:9468", description="where `slawatch run` serves /metrics and health of the whole"
    )
    board_listen: Address = Field(default="127.0.0.1:8080", description="where the board serves people")
    board_url: Annotated[str, AfterValidator(_page_url)] | None = Field(
        default=None, description="where people reach the board, https://sla.example.com; none: cards do not lead there"
    )
    board_metrics_listen: Address = Field(
        default="127.0.0.1:9467", description="where the board serves /metrics and health"
    )
    board_tokens: Annotated[SecretStr, AfterValidator(_tokens)] | None = Field(
        default=None,
        description="who may see the board by a token: ROLE:NAME:TOKEN, several separated by spaces or lines",
    )
    board_user_header: Annotated[str, AfterValidator(_header)] | None = Field(
        default=None, description="header in which a proxy before the board says who is signed in"
    )
    board_groups_header: Annotated[str, AfterValidator(_header)] | None = Field(
        default=None, description="header in which it says the person's groups, separated by commas"
    )
    board_proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        default="", description="addresses of the proxies whose headers are believed, 10.0.0.5 or 10.0.0.0/24"
    )
    board_roles: Annotated[str, AfterValidator(_roles)] = Field(
        default="",
        description="roles of those whom the proxy names: supervisor=a17,@leads admin=a3 (@ a group); others: viewer",
    )
    ack_listen: Address = Field(
        default="127.0.0.1:9466", description="where the notifier serves the page on which alerts are acknowledged"
    )
    ack_url: Annotated[str, AfterValidator(_page_url)] | None = Field(
        default=None, description="where people reach that page, https://sla.example.com; none: cards have no such link"
    )
    ack_secret: Annotated[SecretStr, AfterValidator(_signing)] | None = Field(
        default=None,
        description="what its links are signed with, 32 characters or more; a second one, after a space, holds as well",
    )
    ack_user_header: Annotated[str, AfterValidator(_header)] | None = Field(
        default=None, description="header in which a proxy before that page says who is signed in; none: people type it"
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="how to speak to Kafka: PLAINTEXT, SSL or SASL_SSL"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="for SASL_SSL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_username: str | None = Field(default=None, description="for SASL_SSL: user name")
    kafka_password: SecretStr | None = Field(default=None, description="for SASL_SSL: password")
    kafka_ca_file: Path | None = Field(
        default=None, description="certificates that Kafka's own is checked with (PEM); none: the system's"
    )
    kafka_cert_file: Path | None = Field(default=None, description="client certificate shown to Kafka (PEM)")
    kafka_key_file: Path | None = Field(default=None, description="key of the client certificate (PEM)")
    log_format: Literal["text", "json"] = Field(
        default="text", description="log lines for people (text) or machines (json)"
    )

    @property
    def ledger_folder(self) -> Path:
        """Where the ledger's files lie."""
        return self.ledger if self.ledger is not None else self.data_dir / "ledger"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The constructor's arguments alone: `load_settings` is given the environment."""
        return (init_settings,)


class SettingLine(NamedTuple):
    """One setting as it is shown to people; `value` is masked where it is a secret."""

    name: str
    variable: str
    meaning: str
    value: str
    origin: str


class _Environment(EnvSettingsSource):
    """Reads the mapping it is given instead of the process's environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name.lower(): value for name, value in environ.items() if value}


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in these environment variables; raises ConfigError naming every variable that is wrong."""
    values, origins, problems = _gather(environ)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += [_problem(detail, origins) for detail in error.errors()]
        raise ConfigError(problems) from None
    problems += _contradictions(settings)
    if problems:
        raise ConfigError(problems)
    return settings


def describe_settings(environ: Mapping[str, str] = os.environ) -> list[SettingLine]:
    """Every setting with its meaning, the value in force and where it comes from; raises ConfigError."""
    settings = load_settings(environ)
    origins = _gather(environ)[1]
    return [
        SettingLine(
            name=name,
            variable=variable(name),
            meaning=field.description or "",
            value=_written(name, getattr(settings, name)),
            origin=origins.get(name, "default"),
        )
        for name, field in Settings.model_fields.items()
    ]


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables named like a setting that are none, each with its near miss if it has one."""
    names = [*Settings.model_fields, *(f"{name}_file" for name in SECRETS)]
    known = [name.upper() for name in names]
    given = sorted(name.upper().removeprefix(PREFIX) for name in environ if name.upper().startswith(PREFIX))
    return [PREFIX + name + near_miss(name, known) for name in given if name not in known]


def variable(name: str) -> str:
    """The environment variable of a setting: `grace` is `SLAWATCH_GRACE`."""
    return PREFIX + name.upper()


def _gather(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str], list[Problem]]:
    """Values as they are written, where each comes from, and what is wrong with the secrets' files."""
    values = _Environment(environ)()
    origins = {name: variable(name) for name in values}
    problems = []
    for name in SECRETS:
        try:
            secret = read_secret(environ, variable(name))
        except ValueError as error:
            problems.append(_of(f"{variable(name)}_FILE", str(error)))
            continue
        if secret is not None and name not in values:
            values[name] = secret
            origins[name] = f"{variable(name)}_FILE"
    if "data_dir" not in values and environ.get("XDG_STATE_HOME"):
        values["data_dir"] = Path(environ["XDG_STATE_HOME"]) / "slawatch"
        origins["data_dir"] = "XDG_STATE_HOME"
    return values, origins, problems


def _of(name: str, reason: str) -> Problem:
    return Problem("environment", None, name, reason)


def _problem(detail: Any, origins: Mapping[str, str]) -> Problem:
    """What pydantic found, in one line; a secret's value is not repeated."""
    name, message = str(detail["loc"][0]), str(detail["msg"])
    reason = (
        str(detail.get("ctx", {}).get("error", ""))
        or f"{message[0].lower()}{message[1:]}, not {shown(str(detail['input']))}"
    )
    return _of(origins.get(name, variable(name)), reason)


def _contradictions(settings: Settings) -> list[Problem]:
    problems = []
    sasl = settings.kafka_security == "SASL_SSL"
    for name in ("kafka_username", "kafka_password"):
        if sasl and getattr(settings, name) is None:
            problems.append(_of(variable(name), "missing: SASL_SSL needs a user name and a password"))
        if not sasl and getattr(settings, name) is not None:
            problems.append(_of(variable(name), "would not be used: set SLAWATCH_KAFKA_SECURITY=SASL_SSL"))
    if 0 < settings.ledger_retention < settings.retention:
        reason = "shorter than SLAWATCH_RETENTION: the workers would write again what the ledger no longer keeps"
        problems.append(_of(variable("ledger_retention"), reason))
    kafka_tls = settings.kafka_security != "PLAINTEXT"
    problems += _certificates(settings, "kafka", "" if kafka_tls else "set SLAWATCH_KAFKA_SECURITY=SSL or SASL_SSL")
    for name, other in (("ack_url", "ack_secret"), ("ack_secret", "ack_url")):
        if getattr(settings, name) is not None and getattr(settings, other) is None:
            problems.append(_of(variable(other), f"missing: {variable(name)} is set, and neither is of use alone"))
    problems += _board_access(settings)
    redis_tls = urlsplit(settings.redis).scheme == "rediss"
    problems += _certificates(settings, "redis", "" if redis_tls else "write SLAWATCH_REDIS=rediss://...")
    return problems


def _board_access(settings: Settings) -> list[Problem]:
    header, proxies = "board_user_header", "board_proxies"
    if settings.board_user_header is not None and not settings.board_proxies:
        return [_of(variable(proxies), f"missing: anybody could write {variable(header)}; name who may")]
    others = (proxies, "board_groups_header", "board_roles")
    unused = [name for name in others if getattr(settings, name) and settings.board_user_header is None]
    return [_of(variable(name), f"would not be used: set {variable(header)}") for name in unused]


def _certificates(settings: Settings, server: str, unused: str) -> list[Problem]:
    """What is wrong with the files of TLS for a server; `unused`: what to do so that they are used."""
    names = [f"{server}_{file}_file" for file in ("ca", "cert", "key")]
    files = ca, certificate, key = [getattr(settings, name) for name in names]
    problems = []
    if (certificate is None) != (key is None):
        missing = names[1] if certificate is None else names[2]
        problems.append(_of(variable(missing), "missing: a client certificate and its key go together"))
    for name, file in zip(names, files, strict=True):
        if file is not None and unused:
            problems.append(_of(variable(name), f"would not be used: {unused}"))
        elif file is not None and not file.is_file():
            problems.append(_of(variable(name), f"there is no file {shown(str(file))}"))
    if problems:
        return problems
    for name, given in ((names[0], (ca, None, None)), (names[1], (None, certificate, key))):
        try:
            if any(given):
                client_context(*given)
        except ValueError as error:
            problems.append(_of(variable(name), str(error)))
    return problems


_DURATIONS = ("session_timeout", "grace", "retention", "max_ahead", "alert_max_age", "input_stall", "silence_limit")


def _written(name: str, value: Any) -> str:
    """A value in the form in which it is set; a secret masked, a URL's password too."""
    if value is None:
        return ""
    if name in _DURATIONS:
        return format_duration(value)
    if name == "redis":
        return re.sub(r"(?<=://)[^/]*@", "***@", value)
    return "***" if isinstance(value, SecretStr) else str(value)
