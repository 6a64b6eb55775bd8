"""Starts and stops the real servers that tests talk to, each on free loopback ports and in its own folder."""

import atexit
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Self

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from missing import missing
from waiting import wait_until

if TYPE_CHECKING:
    from certificates import Certificate

_REPOSITORY = Path(__file__).resolve().parents[2]
_KAFKA_LIBS = _REPOSITORY / "var" / "kafka" / "libs"
_READY_WITHIN = 90.0  # seconds; three JVMs on two busy cores take their time

# Below the ports that the kernel gives to outgoing connections: none of those takes a killed server's port.
_PORTS = range(15_000, 32_000)

_running: set["Process"] = set()


@atexit.register
def _kill_all() -> None:
    for process in list(_running):
        process.kill()


def find_program(name: str, hint: str) -> Path:
    """The path of a program; where it is absent the test is skipped with `hint`, or fails under CI."""
    found = shutil.which(name)
    if found is None:
        missing(f"no {name} on the PATH: {hint}")
    return Path(found)


def find_promtool() -> Path:
    return find_program("promtool", "`make services`, or install Prometheus")


def free_ports(count: int) -> list[int]:
    """`count` different loopback ports that nobody listens on."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.choice(_PORTS)  # not the tests' seed: two runs side by side must not draw the same ports
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


class Process:
    """A child that leads a process group of its own: nothing but it and its children is ever signalled."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        _running.add(self)

    @property
    def pid(self) -> int:
        return self._child.pid

    def assert_alive(self) -> None:
        """Raises RuntimeError, with the end of its log, where the process has left by itself."""
        code = self._child.poll()
        if code is not None:
            tail = self._log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self._child.args!r} left with {code}:\n{tail}")

    def signal(self, number: signal.Signals) -> None:
        self.assert_alive()
        os.killpg(self._child.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone; nothing happens where it already is."""
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        _running.discard(self)


@dataclass(frozen=True)
class Security:
    """What guards a cluster beside its plain listener, which stays as the test's own way in.

    `listeners`: protocol and properties of each further listener, by name; `users`: their passwords for SCRAM;
    `properties`: of the whole broker.
    """

    listeners: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


class KafkaCluster:
    """One or three KRaft nodes, broker and controller in one, numbered from 1. A context manager.

    Blocking: inside an event loop call `start` through `asyncio.to_thread`. `security` is for a single node.
    """

    def __init__(self, nodes: int = 1, security: Security | None = None) -> None:
        self._java = find_program("java", "install a Java 17 runtime, e.g. openjdk-17-jre-headless")
        if not any(_KAFKA_LIBS.glob("kafka_2.13-*.jar")):
            missing("no Kafka jars in var/kafka/libs: `make services`, which needs Maven")
        self._folder = tempfile.TemporaryDirectory(prefix="slawatch-kafka-")
        self._security = security or Security()
        ports = free_ports(2 * nodes + len(self._security.listeners))
        self._brokers = {node: ports[2 * node - 2] for node in range(1, nodes + 1)}
        self._controllers = {node: ports[2 * node - 1] for node in range(1, nodes + 1)}
        self._guarded = dict(zip(self._security.listeners, ports[2 * nodes :], strict=True))
        self._processes: dict[int, Process] = {}

    def guarded(self, listener: str) -> str:
        """The address of one of the listeners of its security."""
        return f"127.0.0.1:{self._guarded[listener]}"

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes, as `bootstrap.servers` takes them; they stay over a restart."""
        return ",".join(f"127.0.0.1:{port}" for port in self._brokers.values())

    @property
    def nodes(self) -> list[int]:
        return list(self._brokers)

    def pid(self, node: int) -> int:
        return self._processes[node].pid

    def data(self, node: int) -> Path:
        """The folder that a node keeps its topics in."""
        return self._path(f"data-{node}")

    @property
    def controller(self) -> int:
        """The node that leads the controllers, by what the running nodes have noted last; 0 while none does."""
        notes = [self.data(node) / "__cluster_metadata-0" / "quorum-state" for node in self._processes]
        states = [json.loads(note.read_text()) for note in notes]
        return max(0, max(states, key=itemgetter("leaderEpoch"))["leaderId"])

    def __enter__(self) -> Self:
        try:
            self._format()
            for node in self.nodes:
                self._launch(node)
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self, node: int) -> None:
        """kill -9 of one node; its data stays."""
        self._processes.pop(node).kill()

    def start(self, node: int) -> None:
        """Start a killed node; returns once it serves and every replica on a running node is in sync."""
        self._launch(node)
        self._await_ready()

    def stop(self) -> None:
        """Kill all nodes and drop their data."""
        for process in self._processes.values():
            process.kill()
        self._processes.clear()
        self._folder.cleanup()

    def _format(self) -> None:
        identity = secrets.token_hex(11)
        self._path("log4j2.properties").write_text(_LOG4J)
        formatting = []
        for node in self.nodes:
            self._path(f"{node}.properties").write_text(self._properties(node))
            tool = self._jvm("kafka.tools.StorageTool", "-Xmx128m", "-XX:TieredStopAtLevel=1")
            command = [*tool, "format", "-t", identity, "-c", self._path(f"{node}.properties"), *self._scram()]
            formatting.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        for child in formatting:
            output, _ = child.communicate()
            if child.returncode != 0:
                raise RuntimeError(f"Kafka's storage was not formatted:\n{output[-3000:]}")

    def _scram(self) -> list[str]:
        arguments = []
        for user, password in self._security.users.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                arguments += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
        return arguments

    def _launch(self, node: int) -> None:
        command = [*self._jvm("kafka.Kafka", "-Xms128m", "-Xmx512m"), self._path(f"{node}.properties")]
        self._processes[node] = Process(command, self._path(f"{node}.log"))

    def _jvm(self, main: str, *options: str) -> list[str | Path]:
        log4j = f"-Dlog4j2.configurationFile={self._path('log4j2.properties')}"
        return [self._java, "-XX:+UseSerialGC", *options, log4j, "-cp", f"{_KAFKA_LIBS}/*", main]

    def _path(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def _await_ready(self) -> None:
        for node in self._processes:
            address = f"127.0.0.1:{self._brokers[node]}"
            quiet = {"log_level": 0, "reconnect.backoff.max.ms": 100}
            ready = partial(self._is_ready, AdminClient({"bootstrap.servers": address, **quiet}))
            wait_until(ready, _READY_WITHIN, every=0.05, what=f"Kafka at {address} serves")

    def _is_ready(self, admin: AdminClient) -> bool:
        for process in self._processes.values():
            process.assert_alive()
        try:
            metadata = admin.list_topics(timeout=2)
        except KafkaException:
            return False
        running = set(self._processes)
        in_sync = all(
            partition.leader in running and set(partition.isrs) >= running & set(partition.replicas)
            for topic in metadata.topics.values()
            for partition in topic.partitions.values()
        )
        return running <= metadata.brokers.keys() and in_sync

    def _properties(self, node: int) -> str:
        replicas = len(self.nodes)
        in_sync = 2 if replicas >= 3 else 1
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in self._controllers.items())
        guarded = "".join(f",{name}://{self.guarded(name)}" for name in self._guarded)
        protocols = "".join(f",{name}:{protocol}" for name, (protocol, _) in self._security.listeners.items())
        more = dict(self._security.properties)
        for name, (_, properties) in self._security.listeners.items():
            more |= {f"listener.name.{name.lower()}.{key}": value for key, value in properties.items()}
        return f"""\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{self._brokers[node]},CONTROLLER://127.0.0.1:{self._controllers[node]}{guarded}
advertised.listeners=PLAINTEXT://127.0.0.1:{self._brokers[node]}{guarded}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={self._path(f"data-{node}")}
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=16777216
""" + "".join(f"{key}={value}\n" for key, value in more.items())


class RedisServer:
    """One Redis without persistence. A context manager; it keeps its port over kill and start.

    With a certificate it speaks TLS on a second port; the plain one stays as the test's own way in.
    """

    def __init__(self, certificate: "Certificate | None" = None, authority: Path | None = None) -> None:
        self._program = find_program("redis-server", "`make services`, or install Redis")
        self._folder = tempfile.TemporaryDirectory(prefix="slawatch-redis-")
        self._port, self._tls_port = free_ports(2)
        self._tls: list[str] = []
        if certificate is not None:
            files = {"cert": certificate.certificate, "key": certificate.key, "ca-cert": authority}
            self._tls = ["--tls-port", str(self._tls_port), "--tls-auth-clients", "optional"]
            self._tls += [part for name, file in files.items() for part in (f"--tls-{name}-file", str(file))]
        self._process: Process | None = None

    @property
    def guarded(self) -> str:
        """The address at which it speaks TLS."""
        return f"127.0.0.1:{self._tls_port}"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start a killed server, empty; returns once it answers."""
        address = ["--bind", "127.0.0.1", "--port", str(self._port)]
        forgetful = ["--save", "", "--appendonly", "no", "--dir", self._folder.name]
        self._process = Process([self._program, *address, *self._tls, *forgetful], Path(self._folder.name) / "log")
        wait_until(self._answers, timeout=20, what=f"Redis at {self.url} answers")

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP): connections stay open, no answer comes."""
        self._alive().signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._alive().signal(signal.SIGCONT)

    def kill(self) -> None:
        self._alive().kill()
        self._process = None

    def flush(self) -> None:
        """Drop every key."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def stop(self) -> None:
        if self._process is not None:
            self.kill()
        self._folder.cleanup()

    def _alive(self) -> Process:
        assert self._process is not None, "this Redis is not running"
        return self._process

    def _answers(self) -> bool:
        self._alive().assert_alive()
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


_LOG4J = """\
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c %m%n
"""
