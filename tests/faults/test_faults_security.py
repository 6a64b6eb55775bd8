"""Kafka and Redis behind TLS, passwords and ACLs: the whole path works, and what is wrong is said in a line."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from certificates import Authority
from command_line import SLAWATCH, environment, slawatch
from fake_chat import FakeChat
from kafka_io import created, now
from processes import Installation
from secured import EVERYTHING, PASSWORD, SecuredKafka, SecuredRedis, documented_rights
from waiting import eventually

from agents.kafka import connection
from agents.loop import run
from agents.notifier.claims import ClaimsUnavailable
from agents.notifier.claims_redis import RedisClaims
from agents.redis import client
from agents.topics import Topics
from config.errors import ConfigError
from config.settings import Settings, load_settings
from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


USERS = ("worker", "notifier", "desk", "slawatch", "nobody")
OF_THE_DESK = ("topics", "send", "dead-letters", "policies", "ledger")
"""Whose rights in docs/security.md somebody has who gives all commands."""

POLICIES = """\
version: 1
policies:
  - name: quick
    targets: {first_response: {limit: 1s}}
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with SecuredKafka(tmp_path_factory.mktemp("guarded") / "kafka", *USERS) as kafka:
        kafka.grant("slawatch", EVERYTHING)
        kafka.grant("CN=slawatch", EVERYTHING)
        yield kafka


@pytest.fixture(scope="module")
def guarded_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredRedis]:
    with SecuredRedis(tmp_path_factory.mktemp("guarded") / "redis") as server:
        yield server


# The whole path


async def test_every_process_has_enough_with_the_rights_of_the_documentation(
    guarded: SecuredKafka, guarded_redis: SecuredRedis, unique: str, tmp_path: Path, figures: Callable[..., None]
) -> None:
    house = Installation(guarded.cluster.bootstrap, unique, tmp_path)
    _grant_documented(guarded, house.topics, house.app)
    guarded_redis.admit(house.app)

    async def desk(*arguments: str, given: bytes = b"") -> str:
        settings = house.settings(ledger=str(tmp_path / "ledger"), **guarded.settings("desk"))
        done = await asyncio.to_thread(slawatch, *arguments, given=given, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "created" in await desk("topics", "create")
    async with house, FakeChat() as chat:
        policies = house.file("policies.yaml", POLICIES)
        redis = guarded_redis.settings("slawatch-worker")
        worker = house.worker(policies=policies, **guarded.settings("worker"), **redis)
        house.notifier(chat, **guarded.settings("notifier"), **guarded_redis.settings("slawatch-notifier"))
        await worker.ready(120)
        late, bad = created("T-1", now() - MINUTE, customer_id="c1"), created("T-2", now(), priority=7)
        await desk("send", "-", given=b"\n".join(json.dumps(event).encode() for event in (late, bad)))
        await house.alerted(["T-1"], 30)
        await eventually(lambda: [post.body["ticket_id"] for post in chat.to("/desk")] == ["T-1"], 60)
        await house.caught_up()
        assert "T-1" in await house.ledger()
        await desk("topics", "check")
        assert "first response" in await desk("explain", "T-1", "--worker", f"127.0.0.1:{worker.port}")
        assert "priority" in await desk("dead-letters", "list")
        place = (await desk("dead-letters", "list")).splitlines()[-1].split()[0]
        assert "T-2" in await desk("dead-letters", "show", place)
        assert "1  put back" in await desk("dead-letters", "requeue", "--all")

        async def dead_again() -> bool:
            return len(await house.records(house.topics.dead_letters)) == 2

        await eventually(dead_again, 30, what="the letter that was put back is dead again")
        await desk("policies", "apply", policies)
        await desk("ledger", "sync")
        assert "1 tickets cleared" in await desk("ledger", "erase", "--customer", "c1", "--yes")
        assert "1 customers" in await desk("ledger", "status")
        boards = await asyncio.to_thread(guarded_redis.admin.keys, f"{house.app}:board:*")
        assert boards
        assert not [refused for refused in guarded_redis.refusals() if house.app in refused]
        assert guarded_redis.refusals() == []
    figures(
        fault="Kafka by SASL_SSL and ACLs, Redis by TLS and ACLs",
        shown="every command works with the documented rights alone",
        rights=len(documented_rights("worker", house.topics, house.app)),
    )


async def test_a_client_certificate_is_enough(guarded: SecuredKafka, unique: str, tmp_path: Path) -> None:
    async with Installation(guarded.cluster.bootstrap, unique, tmp_path) as house, FakeChat() as chat:
        settings = guarded.settings("", "MUTUAL")
        worker = await house.worker(policies=house.file("policies.yaml", POLICIES), **settings).ready(120)
        notifier = await house.notifier(chat, **settings).ready(120)
        house.events.put(created("T-1", now() - MINUTE))
        house.events.flush()
        await eventually(lambda: len(chat.to("/desk")) == 1, 30)
        assert [await program.stop() for program in (worker, notifier)] == [0, 0]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
def test_each_mechanism_lets_us_in(guarded: SecuredKafka, unique: str, mechanism: str) -> None:
    door = mechanism.partition("-")[0]
    settings = guarded.settings("slawatch", door, kafka_sasl_mechanism=mechanism, topic_prefix=unique, partitions="1")
    assert slawatch("topics", "create", **settings).returncode == 0


def test_a_client_leaves_over_tls_within_seconds(
    guarded: SecuredKafka, unique: str, full: bool, figures: Callable[..., None]
) -> None:
    settings = _loaded(guarded.settings("slawatch", topic_prefix=unique, partitions="1"))
    reach = connection(settings)
    topics = Topics(unique)

    async def come_and_leave() -> float:
        await topics.create(reach, 1, None)
        consumer = AIOKafkaConsumer(**reach.aiokafka())
        await consumer.start()
        consumer.assign([TopicPartition(topic, 0) for topic in topics.inputs])  # it asks for records from now on
        await consumer.beginning_offsets(consumer.assignment())
        begun = time.monotonic()
        await consumer.stop()
        return time.monotonic() - begun

    lasted = [run(come_and_leave()) for _ in range(40 if full else 12)]
    assert max(lasted) < 15, lasted  # without a limit of ours one in six lasted 30 s
    figures(
        fault="clients stop while answers are under way over TLS", shown="they leave", longest=f"{max(lasted):.1f} s"
    )


# What Kafka refuses


def _grant_documented(guarded: SecuredKafka, topics: Topics, app: str) -> None:
    for user, parts in {"worker": ["worker"], "notifier": ["notifier"], "desk": OF_THE_DESK}.items():
        guarded.revoke(user)
        guarded.grant(user, {right for part in parts for right in documented_rights(part, topics, app)})


def _without(settings: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in settings.items() if name not in names}


REFUSED: dict[str, tuple[Callable[[SecuredKafka], dict[str, str]], str]] = {
    "wrong password": (
        lambda kafka: kafka.settings("slawatch", kafka_password="not-it-at-all"),
        r"does not accept this user and password by SCRAM-SHA-512 .*SLAWATCH_KAFKA_PASSWORD",
    ),
    "wrong password, PLAIN": (
        lambda kafka: kafka.settings("slawatch", "PLAIN", kafka_password="not-it-at-all"),
        r"does not accept this user and password by PLAIN .*SLAWATCH_KAFKA_PASSWORD",
    ),
    "unknown user": (lambda kafka: kafka.settings("somebody"), "SLAWATCH_KAFKA_USERNAME"),
    "unknown authority": (
        lambda kafka: kafka.settings("slawatch", kafka_ca_file=str(kafka.other_authority.file)),
        r"certificate is not accepted: self-signed certificate in certificate chain .*SLAWATCH_KAFKA_CA_FILE",
    ),
    "expired certificate": (lambda kafka: kafka.settings("", "EXPIRED"), "certificate has expired"),
    "another host's certificate": (
        lambda kafka: kafka.settings("", "STRANGER"),
        r"not valid for '127\.0\.0\.1'.*SLAWATCH_KAFKA the name",
    ),
    "plain client at a TLS port": (
        lambda kafka: {"kafka": kafka.cluster.guarded("SCRAM")},
        r"speaks TLS at this port \(SLAWATCH_KAFKA_SECURITY=SSL or SASL_SSL\)",
    ),
    "TLS client at a plain port": (
        lambda kafka: kafka.settings("slawatch", kafka=kafka.cluster.bootstrap),
        r"does not speak TLS at this port \(SLAWATCH_KAFKA_SECURITY=PLAINTEXT",
    ),
    "no password where one is asked for": (
        lambda kafka: kafka.settings("", "OPEN", kafka=kafka.cluster.guarded("SCRAM")),
        r"asks for a user and a password \(SLAWATCH_KAFKA_SECURITY=SASL_SSL\)",
    ),
    "a password where none is asked for": (
        lambda kafka: kafka.settings("slawatch", kafka=kafka.cluster.guarded("OPEN")),
        r"takes no user and password at this port \(SLAWATCH_KAFKA_SECURITY=SSL",
    ),
    "no client certificate": (
        lambda kafka: _without(kafka.settings("", "MUTUAL"), "kafka_cert_file", "kafka_key_file"),
        "asks for a certificate of ours that it accepts .*SLAWATCH_KAFKA_CERT_FILE",
    ),
    "mechanism that is not enabled": (
        lambda kafka: kafka.settings("slawatch", kafka_sasl_mechanism="PLAIN"),
        r"does not take PLAIN \(SLAWATCH_KAFKA_SASL_MECHANISM\)",
    ),
    "user without rights": (
        lambda kafka: kafka.settings("nobody"),
        r"give this user too little: .*docs/security\.md",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_that_waiting_does_not_change_ends_every_command_with_one_line(
    guarded: SecuredKafka, unique: str, tmp_path: Path, case: str
) -> None:
    change, words = REFUSED[case]
    settings = change(guarded) | {"topic_prefix": unique, "metrics_listen": "127.0.0.1:0", "data_dir": str(tmp_path)}
    routing = tmp_path / "routing.yaml"
    routing.write_text(
        "version: 1\ndestinations: {d: {kind: webhook, url: 'http://127.0.0.1:9/'}}\nroutes: [{to: [d]}]\n"
    )
    settings |= {"notifier_listen": "127.0.0.1:0", "routing": str(routing)}
    commands = ["worker", "notifier", "topics check", "dead-letters list"]
    begun = time.monotonic()
    running = [
        subprocess.Popen(
            [SLAWATCH, *command.split()], env=environment(**settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for command in commands
    ]
    try:
        said = [child.communicate(timeout=60)[0].decode() for child in running]
    finally:
        for child in running:
            child.kill()
    for command, child, output in zip(commands, running, said, strict=True):
        told = [line for line in output.splitlines() if " INFO " not in line]
        assert child.returncode == 3, (command, output)
        assert len(told) == 1, (command, output)
        assert re.search(words, told[0]), (command, told)
        assert PASSWORD not in output
        assert "not-it-at-all" not in output
    assert time.monotonic() - begun < 60


def test_every_documented_right_is_needed(guarded: SecuredKafka, unique: str, full: bool) -> None:
    topics = Topics(f"{unique}.", unique)
    settings = guarded.settings("slawatch", topic_prefix=f"{unique}.", app=unique, partitions="1")
    assert slawatch("topics", "create", **settings).returncode == 0
    rights = documented_rights("worker", topics, unique)
    changelog = [right for right in rights if right.name == topics.changelog]
    others = [right for right in rights if right.operation == "DESCRIBE_CONFIGS" or right.resource == "group"]
    for left_out in rights if full else [*changelog, *others]:
        if left_out.operation == "DESCRIBE":
            continue  # all other rights imply it, but for sla-deliveries
        guarded.revoke("worker")
        guarded.grant("worker", [right for right in rights if right is not left_out])
        refused = slawatch("worker", **(settings | guarded.settings("worker")), metrics_listen="127.0.0.1:0")
        assert refused.returncode == 3, left_out
        name = topics.deliveries if left_out.prefixed else left_out.name
        assert re.search(rf"too little: {left_out.operation} on the \w+ .*{name}", refused.stderr), refused.stderr


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"kafka_ca_file": __file__}, "SLAWATCH_KAFKA_CA_FILE: .* holds no certificates that can be used"),
        ({"kafka_sasl_mechanism": "GSSAPI"}, "SLAWATCH_KAFKA_SASL_MECHANISM: .*not 'GSSAPI'"),
        ({"kafka_password": ""}, "SLAWATCH_KAFKA_PASSWORD: missing"),
        ({"kafka_security": "PLAINTEXT"}, "SLAWATCH_KAFKA_CA_FILE: would not be used"),
        ({"redis_ca_file": __file__}, "SLAWATCH_REDIS_CA_FILE: would not be used: write SLAWATCH_REDIS=rediss://"),
        ({"redis": "rediss://a", "redis_ca_file": __file__}, "SLAWATCH_REDIS_CA_FILE: .* holds no certificates"),
        ({"redis": "rediss://a", "redis_key_file": __file__}, "SLAWATCH_REDIS_CERT_FILE: missing"),
        ({"redis": "redis://a/0?ssl_cert_reqs=none"}, "SLAWATCH_REDIS: takes no option but"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_asked(
    guarded: SecuredKafka, spoil: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        _loaded(guarded.settings("slawatch") | spoil)


def test_a_key_is_never_asked_for_its_passphrase(guarded: SecuredKafka, tmp_path: Path) -> None:
    locked = Authority(tmp_path, "authority").issue("locked", passphrase="open sesame")
    for files in (
        {"kafka_key_file": str(locked.key)},
        {"kafka_cert_file": str(locked.certificate), "kafka_key_file": str(locked.key)},
        {"kafka_cert_file": str(locked.certificate)},
    ):
        with pytest.raises(ConfigError, match=r"SLAWATCH_KAFKA_CERT_FILE: .*no certificate with its key"):
            _loaded(guarded.settings("", "MUTUAL") | files)


def _loaded(settings: dict[str, str]) -> Settings:
    return load_settings({f"SLAWATCH_{name.upper()}": value for name, value in settings.items()})


# What Redis refuses


async def test_a_refused_password_of_redis_costs_boards_and_time_and_no_message(
    guarded_redis: SecuredRedis, guarded: SecuredKafka, unique: str, tmp_path: Path, figures: Callable[..., None]
) -> None:
    guarded_redis.admit(unique)
    kafka = guarded.settings("slawatch")
    async with Installation(guarded.cluster.bootstrap, unique, tmp_path) as house, FakeChat() as chat:
        policies = house.file("policies.yaml", POLICIES)
        worker = house.worker(policies=policies, **kafka, **guarded_redis.settings("slawatch-worker", "changed"))
        notifier = house.notifier(chat, **kafka, **guarded_redis.settings("slawatch-notifier", "changed"))
        house.events.put(created("T-1", now() - MINUTE))
        house.events.flush()
        await worker.ready(120)
        await house.alerted(["T-1"], 30)
        reason = "does not accept the user and password of SLAWATCH_REDIS"

        async def told() -> bool:
            status, body = await notifier.get("/readyz")
            assert (status, reason in json.loads(body)["problems"].get("claims", "")) == (503, True), body
            return True

        await eventually(told, 30, what="/readyz of the notifier says why")
        await eventually(lambda: reason in notifier.output, 10)
        await eventually(lambda: reason in worker.output, 10)
        assert chat.posts == []
        guarded_redis.admit(unique, "changed")  # from now on it is right
        allowed = time.monotonic()
        await eventually(lambda: len(chat.to("/desk")) == 1, 30, what="the message comes once the password is right")
        late = time.monotonic() - allowed
        await notifier.ready()
        await eventually(lambda: "Redis is back" in worker.output, 30)
        assert worker.output.count(reason) == 1
        assert notifier.output.count(reason) <= 5, notifier.output
        await house.delivered()
        assert len(chat.posts) == 1
    figures(
        fault="Redis refuses the password",
        shown="the worker goes on, the notifier waits with the reason in /readyz; no message is lost or sent twice",
        delivered_after_it_was_right=f"{late:.1f} s",
    )


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("nobody", "its ACL does not let us: .*docs/security.md"),
        ("unknown authority", "certificate is not accepted: self-signed certificate.* \\(SLAWATCH_REDIS_CA_FILE\\)"),
        ("system's authorities", "certificate is not accepted: self-signed certificate"),
        ("expired", "certificate is not accepted: certificate has expired"),
        ("another host", "certificate is not accepted: .*not valid for '127.0.0.1'"),
        ("plain client at the TLS port", "rediss:// is for a port that does"),
        ("TLS client at the plain port", "rediss:// is for a port that does"),
    ],
)
async def test_what_redis_or_we_refuse_is_said_with_the_setting(
    guarded_redis: SecuredRedis, unique: str, tmp_path: Path, case: str, words: str
) -> None:
    guarded_redis.admit(unique)
    with (
        SecuredRedis(tmp_path / "expired", expired=True) as expired,
        SecuredRedis(tmp_path / "s", host="a.b") as stranger,
    ):
        plain = guarded_redis.server.url.removeprefix("redis://")
        settings = {
            "nobody": guarded_redis.settings("nobody"),
            "unknown authority": guarded_redis.settings("nobody", redis_ca_file=str(expired.authority.file)),
            "system's authorities": _without(guarded_redis.settings("nobody"), "redis_ca_file"),
            "expired": expired.settings("nobody"),
            "another host": stranger.settings("nobody"),
            "plain client at the TLS port": {"redis": f"redis://{guarded_redis.server.guarded}/0"},
            "TLS client at the plain port": {"redis": f"rediss://{plain}"},
        }[case]
        async with client(_loaded(settings)) as redis:
            with pytest.raises(ClaimsUnavailable, match=words):
                await RedisClaims(redis, unique).ping()
