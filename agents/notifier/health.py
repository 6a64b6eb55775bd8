"""What the notifier serves over HTTP: `/metrics`, `/healthz` (it runs) and `/readyz` (it can deliver)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agents.notifier.notifier import Notifier


@asynccontextmanager
async def serving(notifier: Notifier, host: str, port: int) -> AsyncIterator[int]:
    """Serve while inside; gives the port, which the system chooses where it is 0. Raises OSError where it is taken."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=notifier.metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        problems = notifier.problems
        ready = not problems
        return web.json_response({"ready": ready, "problems": dict(problems)}, status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
