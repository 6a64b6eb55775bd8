"""docker-compose.yml: as its specification has it, pinned, hardened, and naming only what there is."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from agents.cli import COMMANDS
from config.settings import unknown_variables

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "slawatch"}
ONCE = {"topics-create", "centre"}
"""They end, or have nothing to ask them: no health check."""
WRITES_BESIDE_ITSELF = {"kafka"}


def test_it_follows_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests" / "data" / "compose-spec.json").read_text())
    assert schema["$id"] == "compose_spec.json"
    assert [error.message for error in Draft7Validator(schema).iter_errors(COMPOSE)] == []
    wrong = {**COMPOSE, "services": {"redis": {**SERVICES["redis"], "read_onyl": True}}}
    assert list(Draft7Validator(schema).iter_errors(wrong))


def test_every_part_is_there() -> None:
    commands = [service["command"][0] for name, service in OURS.items() if name != "centre"]
    assert sorted(commands) == ["board", "notifier", "topics", "worker", "worker"]
    assert set(SERVICES) - set(OURS) == {"kafka", "redis", "prometheus", "grafana"}
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["centre"]


def test_images_of_others_are_pinned_to_a_patch() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    built_on = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - stages
    images = built_on | {SERVICES[name]["image"] for name in set(SERVICES) - set(OURS)}
    assert len(images) == 5
    assert [image for image in images if not re.search(r":v?\d+\.\d+\.\d+(-[a-z]+)*$", image)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_runs_as_root_or_may_become_it(name: str) -> None:
    service = SERVICES[name]
    uid, _, _ = service["user"].partition(":")
    assert int(uid) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("read_only", False) is (name not in WRITES_BESIDE_ITSELF)


def test_our_user_is_that_of_the_image() -> None:
    (user,) = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert {service["user"] for service in OURS.values()} == {f"{user}:{user}"}


def test_the_image_is_built_of_every_package_and_nothing_it_copies_is_kept_from_the_build() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {pattern.rstrip("*") for pattern in project["packages"]["find"]["include"]}
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {source for line in lines for source in line.split()}
    assert packages <= copied
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_what_stays_says_whether_it_is_well_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


def test_what_is_named_is_there() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", ())]
    named = {mount[0] for mount in mounts if not mount[0].startswith(".")}
    assert named == set(COMPOSE["volumes"])
    for source, *rest in mounts:
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert rest[-1] == "ro"
    secrets = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert secrets == set(COMPOSE["secrets"])
    for service in SERVICES.values():
        files = [value for value in service.get("environment", {}).values() if value.startswith("/run/secrets/")]
        assert {Path(file).name for file in files} <= set(service.get("secrets", ()))


@pytest.mark.parametrize("name", OURS)
def test_every_setting_and_command_of_ours_is_one(name: str) -> None:
    assert name == "centre" or OURS[name]["command"][0] in COMMANDS
    assert unknown_variables(OURS[name]["environment"]) == []


def test_prometheus_looks_where_our_processes_are() -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    ports = {job["dns_sd_configs"][0]["names"][0]: job["dns_sd_configs"][0]["port"] for job in scraped}
    networks = [service["networks"]["default"] for service in OURS.values() if "networks" in service]
    assert set(ports) <= set(SERVICES) | {alias for network in networks for alias in network["aliases"]}
    for name, service in OURS.items():
        if name not in ONCE:
            (port,) = re.findall(r"127\.0\.0\.1:(\d+)/healthz", service["healthcheck"]["test"][-1])
            assert ports[name.rstrip("-12")] == int(port)


def test_grafana_finds_the_dashboards_and_their_source() -> None:
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards" / "slawatch.yml").read_text())["providers"]
    assert mounts["./deploy/grafana/json"] == provider["options"]["path"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "deploy" / "grafana" / "json" / Path(home).name).is_file()
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"


def test_secrets_are_drawn_once_and_only_their_owner_comes_to_them(tmp_path: Path) -> None:
    script = tmp_path / "secrets.sh"
    script.write_text((ROOT / "deploy" / "secrets.sh").read_text())
    drawn, again = (_drawn(script) for _ in range(2))
    assert again == drawn
    assert set(drawn) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    password = drawn["redis_password"]
    assert len(password) == 48
    assert drawn["redis_url"].strip() == f"redis://:{password}@redis:6379/0"
    assert drawn["redis_conf"].splitlines()[0] == f"requirepass {password}"
    tokens = [line.rpartition(":")[2] for line in drawn["board_tokens"].splitlines()]
    assert len({password, drawn["grafana_password"], *tokens}) == 4


def _drawn(script: Path) -> dict[str, str]:
    subprocess.run(["sh", script], check=True, capture_output=True)
    return {path.name: path.read_text() for path in (script.parent / "secrets").iterdir()}
