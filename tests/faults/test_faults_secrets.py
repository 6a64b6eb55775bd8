"""Planted secrets are searched for in all that comes out; who listens where; nothing is unpickled or executed."""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import pickle
import socket
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import aiokafka
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from command_line import SLAWATCH, environment, slawatch
from fake_chat import FakeChat, answers
from kafka_io import created, now
from processes import Installation
from secured import EVERYTHING, PASSWORD, REDIS_PASSWORD, SecuredKafka, SecuredRedis, documented_rights
from services import free_ports
from told import Told
from topic_records import write_records
from waiting import eventually, wait_until

from agents.notifier.http import secrets, without
from config.errors import ConfigError
from config.routing import load_routing
from config.settings import Settings, split_address
from streams.instants import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
POLICIES = "{version: 1, policies: [{name: quick, targets: {first_response: {limit: 1s}}}]}"

TEAM, CHANNEL, TOKEN = "T0canaryTeam", "B0canaryDesk", "canarySlackToken24"
QUERY, BEARER, USER, PAGED = "canaryQueryKey", "canary.Bearer-4711", "canaryUser", "canaryBasicPass"
BASIC = base64.b64encode(f"{USER}:{PAGED}".encode()).decode()
LOST = "canaryOfNobody"
WRONG = "canary-wrong-Pa55"
CANARIES = (PASSWORD, REDIS_PASSWORD, TEAM, CHANNEL, TOKEN, QUERY, BEARER, USER, PAGED, BASIC, LOST, WRONG)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with SecuredKafka(tmp_path_factory.mktemp("guarded") / "kafka", "slawatch", "worker") as kafka:
        kafka.grant("slawatch", EVERYTHING)
        yield kafka


@pytest.fixture(scope="module")
def guarded_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredRedis]:
    with SecuredRedis(tmp_path_factory.mktemp("guarded") / "redis") as server:
        yield server


# Secrets


async def test_no_secret_is_in_anything_that_a_running_installation_lets_out(
    guarded: SecuredKafka,
    guarded_redis: SecuredRedis,
    unique: str,
    tmp_path: Path,
    figures: Callable[..., None],
) -> None:
    guarded_redis.admit(unique)
    told = Told()
    async with Installation(guarded.cluster.bootstrap, unique, tmp_path) as house, FakeChat() as chat:
        guarded.grant("worker", documented_rights("worker", house.topics, house.app))
        slack, pager = f"/services/{TEAM}/{CHANNEL}/{TOKEN}", f"/hook?key={QUERY}"
        secret_url = f"http://{USER}:{PAGED}@127.0.0.1:{chat.port}{pager}"
        repeated = f"{secret_url} Basic {BASIC} {BEARER.upper()}"
        chat.always(slack, answers(404, f"no_service {slack}"))
        chat.always(pager, answers(400, json.dumps({"error": repeated})))
        (nobody,) = free_ports(1)
        routing = house.file(
            "destinations.yaml",
            "version: 1\n"
            "destinations:\n"
            '  desk: {kind: slack, url: "${SLAWATCH_DESK_URL}"}\n'
            '  pager: {kind: webhook, url: "${SLAWATCH_PAGER_URL}", headers: {X-Token: "Bearer ${SLAWATCH_TOKEN}"}}\n'
            f'  lost: {{kind: webhook, url: "http://127.0.0.1:{nobody}/{LOST}", timeout: 1s}}\n'
            f'  well: {{kind: webhook, url: "{chat.url("/well")}"}}\n'
            "routes: [{to: [desk, pager, lost, well]}]\n",
        )
        (tmp_path / "token").write_text(BEARER + "\n")
        worker = house.worker(
            policies=house.file("policies.yaml", POLICIES),
            **guarded.settings("worker"),
            **guarded_redis.settings("slawatch-worker"),
        )
        settings = guarded.settings("slawatch") | guarded_redis.settings("slawatch-notifier")
        settings |= {"desk_url": chat.url(slack), "pager_url": secret_url, "token_file": str(tmp_path / "token")}
        notifier = house.notifier(chat, **settings, log_format="json", routing=routing)
        await worker.ready(120)
        house.events.put(created("T-1", now() - MINUTE), created("T-2", now(), priority=7))
        house.events.flush()
        await eventually(lambda: chat.to("/well") and chat.to(slack) and chat.to(pager), 60)
        await house.caught_up()
        assert BEARER in chat.to(pager)[0].headers["x-token"]
        assert BASIC in chat.to(pager)[0].headers["authorization"]
        await eventually(lambda: "lost did not take" in notifier.output, 30)
        await eventually(lambda: "refused" in notifier.output, 30)

        async def recorded() -> bool:
            return len(await house.records(house.topics.deliveries)) >= 3

        await eventually(recorded, 30)
        for program in (worker, notifier):
            await told.pages(program)
        guarded.revoke("worker", house.topics.inputs[0])
        assert await worker.gone(60) == 70
        await told.topics(house)
        await told.redis(guarded_redis.admin)
        told.files(tmp_path / "w1")
        for program in (worker, notifier):
            told.add(f"{program.name} output", program.output)
    assert "Traceback" in worker.output
    assert f"topic {house.topics.deliveries}" in told.holds("no_service ***")
    assert told.leaks(CANARIES) == []
    figures(
        fault="secrets planted in every place, chats that repeat the request, a crash with a traceback",
        shown="none of them in any output, page, argument, topic, Redis key or file",
        secrets=len(CANARIES),
        places=len(told.places),
    )


ROUTINGS = {
    "an address for a destination": 'destinations: {{a: "{url}"}}\nroutes: [{{to: [a]}}]',
    "an address for a kind": 'destinations: {{a: {{kind: "{url}"}}}}\nroutes: [{{to: [a]}}]',
    "no space after url": "destinations: {{a: {{kind: slack, url:{url}}}}}\nroutes: [{{to: [a]}}]",
    "no space after url, a line each": "destinations:\n  a:\n    kind: slack\n    url:{url}\nroutes: [{{to: [a]}}]",
    "text for headers": 'destinations: {{a: {{kind: webhook, url: "{url}", headers: "{token}"}}}}',
    "wrong scheme": 'destinations: {{a: {{kind: slack, url: "ftp://{url}"}}}}\nroutes: [{{to: [a]}}]',
    "wrong rate": 'destinations: {{a: {{kind: slack, url: "{url}", rate_limit: "{url}"}}}}\nroutes: [{{to: [a]}}]',
    "unprintable header": 'destinations: {{a: {{kind: webhook, url: "{url}", headers: {{X: "{token}\\u00e9"}}}}}}',
    "an address in a route": 'destinations: {{a: {{kind: slack, url: "{url}"}}}}\nroutes: [{{to: ["{url}"]}}]',
    "a broken quote": 'destinations: {{a: {{kind: slack, url: "{url}}}}}\nroutes: [{{to: [a]}}]',
}


@pytest.mark.parametrize("case", ROUTINGS)
def test_no_secret_is_in_what_is_said_of_a_wrong_routing_file(tmp_path: Path, case: str) -> None:
    file = tmp_path / "routing.yaml"
    url = f"https://hooks.slack.com/services/{TEAM}/{CHANNEL}/{TOKEN}"
    file.write_text("version: 1\n" + ROUTINGS[case].format(url=url, token=BEARER))
    with pytest.raises(ConfigError) as refused:
        load_routing(file, {})
    told = Told()
    told.add(case, str(refused.value))
    assert told.leaks(CANARIES) == []


def test_no_secret_is_in_what_commands_say_right_or_wrong(
    guarded: SecuredKafka, guarded_redis: SecuredRedis, unique: str, tmp_path: Path
) -> None:
    good = guarded.settings("slawatch", topic_prefix=unique) | guarded_redis.settings("slawatch-worker")
    (port,) = free_ports(1)
    secret = tmp_path / "secret"
    secret.write_bytes(WRONG.encode() + b"\xff")
    runs = {
        "settings": ("settings", good),
        "settings, an unquoted @": ("settings", good | {"redis": f"rediss://u:{WRONG}@{WRONG}@127.0.0.1:{port}/0"}),
        "right": ("topics create", good),
        "wrong password": ("topics check", good | {"kafka_password": WRONG}),
        "unreachable": ("dead-letters list", good | {"kafka": f"127.0.0.1:{port}", "kafka_password": WRONG}),
        "no Redis URL": ("settings", good | {"redis": f"redis://:{WRONG}"}),
        "a Redis URL with options": ("settings", good | {"redis": f"rediss://a?password={WRONG}"}),
        "a URL for Kafka": ("settings", good | {"kafka": f"kafka://u:{WRONG}@a:1/x{WRONG}"}),
        "the secret for its file": ("settings", {"redis_file": WRONG}),
        "a secret that is no text": ("settings", {"redis_file": str(secret)}),
        "both": ("settings", good | {"kafka_password_file": str(secret)}),
        "a password without SASL": ("settings", {"kafka_password": WRONG}),
    }
    told = Told()
    codes = {}
    for name, (command, settings) in runs.items():
        done = slawatch(*command.split(), **settings)
        codes[name] = done.returncode
        told.add(name, done.stdout + done.stderr)
    assert [codes[name] for name in ("settings", "right", "wrong password", "unreachable")] == [0, 0, 3, 70]
    assert "settings" in told.holds("rediss://***@127.0.0.1")
    assert told.leaks(CANARIES) == []


def test_a_secret_file_that_is_empty_is_refused_not_taken_for_no_secret(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    refused = slawatch("settings", redis_file=str(tmp_path / "empty"))
    assert (refused.returncode, "is empty" in refused.stderr) == (2, True), refused.stderr


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("invalid_payload", "invalid_payload"),
        ("no hook /hooks/SECRETpart1/x", "no hook ***"),
        ("no hook SECRETpart1/x", "no hook ***/x"),
        ("secretpart1 is unknown", "*** is unknown"),
        ("https://h/hooks/SECRETpart1/x?k=a%2Fbcdefg", "https://h***?***"),
        ("k is a/bcdefg", "k is a/***"),
        ("tok-1234567 Bearer", "*** ***"),
        ("x" * 195 + "SECRETpart1", "x" * 186),
    ],
)
def test_what_a_chat_repeats_of_a_request_is_hidden(said: str, kept: str) -> None:
    hidden = secrets("https://h/hooks/SECRETpart1/x?k=a%2Fbcdefg", {"Authorization": "Bearer tok-1234567"})
    assert without(hidden, said) == kept


# Sockets


def _listening(pid: int) -> set[tuple[str, int]]:
    """Addresses on which a process listens by TCP, or is bound by UDP."""
    inodes = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    found = set()
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and f"socket:[{fields[9]}]" in inodes:
                address, _, port = fields[1].partition(":")
                words = [int(address[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(address), 8)]
                family = socket.AF_INET6 if table.endswith("6") else socket.AF_INET
                found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


def test_every_default_address_is_loopback() -> None:
    addresses = [value for name, value in Settings().model_dump().items() if name.endswith("_listen")]
    assert len(addresses) >= 2
    assert {split_address(address)[0] for address in addresses} == {"127.0.0.1"}


async def test_worker_and_notifier_listen_where_they_are_told_and_nowhere_else(
    kafka: str, unique: str, tmp_path: Path
) -> None:
    async with Installation(kafka, unique, tmp_path) as house, FakeChat() as chat:
        everywhere = free_ports(1)[0]
        near = await house.worker("near").ready(120)
        wide = house.worker("wide", metrics_listen=f"0.0.0.0:{everywhere}")
        notifier = await house.notifier(chat).ready(120)
        assert _listening(near.pid) == {("127.0.0.1", near.port)}
        assert _listening(notifier.pid) == {("127.0.0.1", notifier.port)}
        await eventually(lambda: _listening(wide.pid) == {("0.0.0.0", everywhere)}, 60)


def test_the_demo_listens_on_loopback_only(tmp_path: Path) -> None:
    with (tmp_path / "demo").open("wb") as output:
        demo = subprocess.Popen([SLAWATCH, "demo"], env=environment(), stdout=output, stderr=output)
    try:

        def serves() -> bool:
            assert demo.poll() is None, (tmp_path / "demo").read_text()
            found = _listening(demo.pid)
            assert {host for host, _ in found} <= {"127.0.0.1"}, found
            return len(found) >= 2  # the embedded Kafka, and /metrics

        wait_until(serves, 60, what="the demo serves")
    finally:
        demo.terminate()
        demo.wait(30)


# Nothing is unpickled or executed

_UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
_EXECUTERS = {"eval", "exec", "compile"}
_YAML = {"MarkedYAMLError", "NodeEvent", "AliasEvent", "ScalarEvent", "CollectionStartEvent", "SequenceStartEvent"}
_YAML |= {"CollectionEndEvent", "DocumentStartEvent", "SafeLoader", "parse", "safe_dump"}


def _offences(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        where = f"{source.name}:{getattr(node, 'lineno', 0)}"
        match node:
            case ast.Import(names=names):
                yield from (f"{where} imports {n.name}" for n in names if n.name.split(".")[0] in _UNPICKLERS)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in {*_UNPICKLERS, "yaml"}:
                yield f"{where} imports from {module}"
            case ast.Call(func=ast.Name(id=name)) if name in _EXECUTERS:
                yield f"{where} calls {name}"
            case ast.Attribute(value=ast.Name(id="yaml"), attr=attribute) if attribute not in _YAML:
                yield f"{where} uses yaml.{attribute}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="rocksdict"), attr="Options" | "WriteBatch")):
                if "raw_mode=True" not in map(ast.unparse, node.keywords):
                    yield f"{where} lets rocksdict pickle"


@pytest.mark.parametrize("package", ["streams", "config", "agents"])
def test_no_source_of_ours_unpickles_executes_or_reads_yaml_into_objects(package: str) -> None:
    sources = list((ROOT / package).rglob("*.py"))
    assert len(sources) > 5
    assert [offence for source in sources for offence in _offences(source)] == []


def test_the_kafka_client_unpickles_nothing() -> None:
    sources = list(Path(aiokafka.__file__).parent.rglob("*.py"))
    assert not [o for source in sources for o in _offences(source) if "pickle" in o or "marshal" in o]


class _Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (self._file, "w")


async def test_pickles_on_topics_in_redis_and_on_disk_stay_shut(
    kafka: str, redis_url: str, unique: str, tmp_path: Path
) -> None:
    mark = tmp_path / "unpickled"
    bomb = pickle.dumps(_Bomb(str(mark)))
    pickle.loads(bomb).close()  # the bomb is a live one
    mark.unlink()
    async with Installation(kafka, unique, tmp_path, redis=redis_url) as house, FakeChat() as chat:
        topics = [*house.topics.inputs, house.topics.alerts, house.topics.deliveries, house.topics.heartbeats]
        headers = [("serializer", b"pickle")]
        await asyncio.to_thread(write_records, kafka, [(topic, bomb, bomb, headers) for topic in topics])
        worker = await house.worker(policies=house.file("policies.yaml", POLICIES)).ready(120)
        await house.notifier(chat).ready(120)
        house.events.put(created("T-1", now() - MINUTE))
        house.events.flush()
        await eventually(lambda: len(chat.posts) == 1, 60)
        await house.caught_up()
        assert len(await house.records(house.topics.dead_letters)) == len(house.topics.inputs)
        assert await worker.stop() == 0
        kept = [json.loads(file.read_text()) for file in (tmp_path / "w1").rglob("rocksdict-config.json")]
        assert kept
        assert all(options["raw_mode"] for options in kept), kept
    assert not mark.exists()


# Dead letters


async def test_a_requeue_that_is_killed_loses_no_letter_and_multiplies_none(
    guarded: SecuredKafka, unique: str, tmp_path: Path, full: bool, figures: Callable[..., None]
) -> None:
    count = 50_000 if full else 8_000
    async with Installation(guarded.cluster.bootstrap, unique, tmp_path) as house:
        settings = house.settings(**guarded.settings("slawatch"))
        bad = [created(f"T-{number}", now(), priority=7) for number in range(count)]
        topic = f"{house.prefix}ticket-created"
        origin = [("topic", topic.encode()), ("partition", b"0"), ("offset", b"1"), ("cause", b"unreadable")]
        for event in [*bad, *bad[:100]]:  # a hundred of them twice
            house.events.put_raw("dead-letters", event["ticket_id"].encode(), json.dumps(event).encode(), origin)
        house.events.flush()
        killed_at = []
        places = [TopicPartition(topic, number) for number in range(house.partitions)]
        async with AIOKafkaConsumer(bootstrap_servers=house.bootstrap) as consumer:

            async def put_back() -> int:
                return sum((await consumer.end_offsets(places)).values()) - sum(killed_at)

            for _ in range(3):
                command = [SLAWATCH, "dead-letters", "requeue", "--all"]
                requeue = await asyncio.create_subprocess_exec(*command, env=environment(**settings))
                try:
                    await eventually(put_back, 120, every=0, what="some letters are back")
                finally:
                    requeue.kill()
                    await requeue.wait()
                killed_at.append(await put_back())
        assert any(0 < back < count for back in killed_at), killed_at
        finished = await asyncio.to_thread(slawatch, "dead-letters", "requeue", "--all", **settings)
        assert finished.returncode == 0, finished.stderr
        assert f"{count:,}  put back" in finished.stdout
        assert "100  the same record as another one" in finished.stdout
        back = Counter(record.key for record in await house.records(topic))
        assert len(back) == count
        assert sum(back.values()) == count + sum(killed_at)
        assert max(back.values()) <= len(killed_at) + 1  # once by each run
        await house.worker(**guarded.settings("slawatch")).ready(120)
        await house.caught_up(180)
        again = await asyncio.to_thread(slawatch, "dead-letters", "requeue", "--all", **settings)
        assert f"{count:,}  put back" in again.stdout, again.stdout + again.stderr
    figures(
        fault="dead-letters requeue killed with -9 in the middle, three times",
        shown="after one that ends each letter is back, and however often they die again they do not multiply",
        letters=f"{count:,}",
        put_back_when_killed=", ".join(f"{back:,}" for back in killed_at),
    )
