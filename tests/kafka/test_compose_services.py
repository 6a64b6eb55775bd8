"""Every service of docker-compose.yml whose program is here: its command and its health check, as its user, read-only.

What a container would bring is put in its place: names of hosts, paths and ports. Kafka is the tests' own, which runs
from jars; no Grafana can be run here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from caged import caged
from command_line import SLAWATCH
from processes import Installation
from services import find_program, free_ports
from topic_records import read_records
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
WITHIN = 60
LISTENS = {
    "worker-1": {"SLAWATCH_METRICS_LISTEN": 9464},
    "worker-2": {"SLAWATCH_METRICS_LISTEN": 9464},
    "notifier": {"SLAWATCH_NOTIFIER_LISTEN": 9465},
    "board": {"SLAWATCH_BOARD_LISTEN": 8080, "SLAWATCH_BOARD_METRICS_LISTEN": 9467},
}
"""The ports in a container, by the setting that names them."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users come to, as they do not to pytest's own; with the secrets drawn."""
    with tempfile.TemporaryDirectory(prefix="slawatch-compose-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(ROOT / "deploy" / "secrets.sh", folder)
        subprocess.run(["sh", folder / "secrets.sh"], check=True, capture_output=True)
        (folder / "secrets").chmod(0o755)  # a container gets each file by itself
        yield folder


class Service:
    """One of them, with what the container would have brought replaced."""

    def __init__(self, name: str, place: Path, replaced: Mapping[str, str], **settings: str) -> None:
        self.name = name
        self._of = SERVICES[name]
        self.folder = place / name
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self._replaced = {**replaced, "/data": f"{self.folder}/writable"}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SLAWATCH_")}
        inside = {"HOME": "/nonexistent", "PATH": f"{SLAWATCH.parent}:{os.environ['PATH']}"}
        given = {key: self._here(value) for key, value in self._of.get("environment", {}).items()}
        self._environment = {**kept, **inside, **given, **settings}
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def start(self, *more: str) -> None:
        words = [self._here(word) for word in (*self._of.get("entrypoint", ()), *self._of["command"])]
        if self._of["image"] == "slawatch" and "entrypoint" not in self._of:
            words = [str(SLAWATCH), *words]
        if self._of["image"].startswith("prom/"):
            words = [str(find_program("prometheus", "`make services`")), *words]
        command = caged([*words, *more], self._of["user"], self.folder)
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def ended(self) -> int:
        """Its exit code, once it has left."""
        await eventually(lambda: not self.runs, WITHIN, every=0.1, what=f"{self.name} ends")
        return self._running.returncode

    async def well(self) -> None:
        """Waits until its health check says so, and sees whose process it is."""
        kind, *test = [self._here(word) for word in self._of["healthcheck"]["test"]]
        shown = [sys.executable if word == "python" else word for word in test]
        command = shown if kind == "CMD" else ["sh", "-c", *shown]

        def healthy() -> bool:
            assert self.runs, self.output[-3000:]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
            assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.output[-3000:]}"
            return True

        await eventually(healthy, WITHIN, every=0.3, what=f"{self.name} is well")
        fields = _status(self._running.pid)
        assert set(fields["Uid"].split()) == {self._of["user"].partition(":")[0]}
        assert int(fields["CapBnd"], 16) == int(fields["CapEff"], 16) == 0

    @property
    def runs(self) -> bool:
        return self._running.poll() is None

    def stop(self) -> None:
        if self._child is not None and self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._child is not None
        return self._child

    def _here(self, word: str) -> str:
        word = word.replace("$$", "$")
        for theirs, ours in self._replaced.items():
            word = word.replace(theirs, ours)
        return word


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_what_is_caged_writes_to_its_folder_alone(place: Path) -> None:
    (place / "one").mkdir()
    for path, code in ((place / "one" / "writable" / "x", 0), (place / "x", 1), (ROOT / "x", 1)):
        command = caged(["touch", path], "10001:10001", place / "one")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert code == 0 or "Read-only file system" in done.stderr


async def test_every_service_is_well_as_its_user_on_a_read_only_tree(
    kafka: str, unique: str, tmp_path: Path, place: Path
) -> None:
    redis_port, prometheus_port = free_ports(2)
    replaced = {
        "kafka:9092": kafka,
        "/run/secrets": f"{place}/secrets",
        "/etc/slawatch/routing.yaml": str(ROOT / "examples" / "routing.yaml"),
        "/etc/prometheus": str(ROOT / "deploy" / "prometheus"),
        "--storage.tsdb.path=/prometheus": f"--storage.tsdb.path={place}/prometheus/writable",
        "0.0.0.0:9090": f"127.0.0.1:{prometheus_port}",
        "127.0.0.1:9090": f"127.0.0.1:{prometheus_port}",
        "redis-cli ping": f"redis-cli -p {redis_port} ping",
    }
    url = place / "secrets" / "redis_url"
    url.write_text(url.read_text().replace("redis:6379", f"127.0.0.1:{redis_port}"))
    house = Installation(kafka, unique, tmp_path)
    own = {"SLAWATCH_APP": unique, "SLAWATCH_TOPIC_PREFIX": house.prefix, "SLAWATCH_PARTITIONS": str(house.partitions)}

    def service(name: str) -> Service:
        listens = LISTENS.get(name, {})
        addresses = {
            setting: f"127.0.0.1:{port}" for setting, port in zip(listens, free_ports(len(listens)), strict=True)
        }
        moved = {f"127.0.0.1:{port}": addresses[setting] for setting, port in listens.items()}
        data = {"SLAWATCH_DATA_DIR": f"{place}/{name}/writable"} if SERVICES[name]["image"] == "slawatch" else {}
        return Service(name, place, {**moved, **replaced}, **own, **data, **addresses)

    started: list[Service] = []
    try:
        for name in ("redis", "prometheus"):
            started.append(service(name))
            started[-1].start(*(["--port", str(redis_port), "--bind", "127.0.0.1"] if name == "redis" else []))
        topics = service("topics-create")
        started.append(topics)
        topics.start()
        assert await topics.ended() == 0, topics.output
        for name in ("worker-1", "worker-2", "notifier", "board"):
            started.append(service(name))
            started[-1].start()
        for one in started:
            if one is not topics:
                await one.well()
        centre = service("centre")
        started.append(centre)
        centre.start()
        await eventually(
            lambda: arriving(kafka, house), WITHIN, every=0.5, what="the simulated centre's tickets arrive"
        )
        assert [one.name for one in started if one is not topics and not one.runs] == []
    finally:
        for one in started:
            one.stop()


async def arriving(kafka: str, house: Installation) -> bool:
    return len(await read_records(kafka, [f"{house.prefix}ticket-created"], house.partitions)) > 20
