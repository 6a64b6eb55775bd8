"""What a process serves: `/metrics`, `/healthz` (it runs), `/readyz` (it does its job); how a form is read."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from agents.exposition import head, number, series

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric


class _Collected(Collector):
    """Families that were collected already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _text(families: Sequence[Metric]) -> bytes:
    """The exposition, without the series that tell when a counter was created: one more for each counter and label."""
    parts = []
    for family in families:
        if family.type == "gauge":
            parts.append(_gauge(family))
        else:
            created = f"{family.name}_created"
            family.samples = [sample for sample in family.samples if sample.name != created]
            parts.append(generate_latest(_Collected([family])))
    return b"".join(parts)


def _gauge(family: Metric) -> bytes:
    """A gauge of many series in a third of the time that the library takes."""
    lines = [f"{series(sample.name, sample.labels)} {number(sample.value)}\n" for sample in family.samples]
    return "".join([head(family.name, family.documentation), *lines]).encode()


@asynccontextmanager
async def serving(
    host: str,
    port: int,
    registry: CollectorRegistry,
    problems: Callable[[], Mapping[str, str]],
    more: Sequence[web.RouteDef] = (),
    gauges: Callable[[], Awaitable[bytes]] | None = None,
) -> AsyncIterator[int]:
    """Serve while inside; gives the port, which the system chooses where it is 0. Raises OSError where it is taken.

    `problems`: why the process is not ready, by name; none: it is. `gauges`: the text of what is shown beyond the
    registry's families, which takes its time.
    """

    async def metrics(_: web.Request) -> web.Response:
        families = list(registry.collect())  # on the loop, where nothing changes meanwhile; written as text off it
        text = await asyncio.to_thread(_text, families)
        if gauges is not None:
            text += await gauges()
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        found = dict(problems())
        return web.json_response({"ready": not found, "problems": found}, status=503 if found else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz), *more])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def form(request: web.Request) -> Mapping[str, str]:
    """The fields of a form as our pages send them; what is no such form has none, whatever it says that it is."""
    body = await request.read()
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, errors="replace"))
