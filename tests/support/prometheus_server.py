"""A real Prometheus with the deployed rules, which scrapes given processes every second, and what it answers."""

import tempfile
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from services import Process, find_program, free_ports
from waiting import eventually

DEPLOYED = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"

Answer = dict[frozenset[tuple[str, str]], float]
"""Values by their labels, the name left out."""


class PrometheusServer:
    """An async context manager. `targets`: ports of 127.0.0.1 by job, in the place of what the deployed file names."""

    def __init__(self, targets: dict[str, list[int]]) -> None:
        self._program = find_program("prometheus", "`make services`, or install Prometheus")
        self._folder = tempfile.TemporaryDirectory(prefix="slawatch-prometheus-")
        (self._port,) = free_ports(1)
        self._targets = targets
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        folder = Path(self._folder.name)
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._config()))
        self._process = Process(
            [
                self._program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            folder / "log",
        )

        async def scraping() -> bool:
            up = await self.ask("up")
            return len(up) == sum(map(len, self._targets.values())) and all(up.values())

        await eventually(scraping, 30, every=0.1, what="Prometheus scrapes all targets")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
        self._folder.cleanup()

    async def ask(self, expr: str) -> Answer:
        """What an instant query gives; nothing while it does not serve. Raises AssertionError for a bad query."""
        if self._process is not None:
            self._process.assert_alive()
        try:
            url = f"http://127.0.0.1:{self._port}/api/v1/query"
            async with aiohttp.request("POST", url, data={"query": expr}) as response:
                if response.status == 503:
                    return {}
                body = await response.json()
        except aiohttp.ClientConnectionError:
            return {}
        assert body["status"] == "success", f"{expr}: {body}"
        return {_labels(row["metric"]): float(row["value"][1]) for row in body["data"]["result"]}

    def _config(self) -> dict[str, Any]:
        """The deployed configuration, but for where the processes are, and a second for every look."""
        config = yaml.safe_load((DEPLOYED / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(DEPLOYED / name) for name in config["rule_files"]]
        assert {job["job_name"] for job in config["scrape_configs"]} >= set(self._targets)
        config["scrape_configs"] = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            for job, ports in self._targets.items()
        ]
        return config


def _labels(metric: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in metric.items() if name != "__name__")
