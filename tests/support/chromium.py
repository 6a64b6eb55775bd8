"""A real Chromium without a window, driven by its DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from missing import missing
from waiting import eventually, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# It is to speak to the tests' pages and to nobody else.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--no-default-browser-check", "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)  # fmt: skip

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}


class Chromium:
    """The program, with a profile of its own. A context manager."""

    def __init__(self) -> None:
        program = shutil.which("chromium")
        if program is None:
            missing("chromium is not installed: `make services`, or install Chromium")
        self._program = program
        self._profile = tempfile.TemporaryDirectory(prefix="slawatch-chromium-", ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        profile = Path(self._profile.name)
        with (profile / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        told = profile / "DevToolsActivePort"
        wait_until(lambda: told.is_file() and told.read_text().count("\n"), timeout=60, what="Chromium is there")
        port, path = told.read_text().split()
        self.address = f"ws://127.0.0.1:{port}{path}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    @contextlib.asynccontextmanager
    async def page(
        self, width: int = 1280, height: int = 900, *, scale: float = 1, language: str = "en"
    ) -> AsyncIterator[Page]:
        """A page in a window of its own: no cookies of others are in it."""
        async with aiohttp.ClientSession() as session, session.ws_connect(self.address, max_msg_size=0) as socket:
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            try:
                context = (await page.call("Target.createBrowserContext"))["browserContextId"]
                target = await page.call("Target.createTarget", url="about:blank", browserContextId=context)
                attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
                page.session = attached["sessionId"]
                for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
                    await page.call(f"{domain}.enable")
                await page.size(width, height, scale)
                await page.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
                yield page
                await page.call("Target.disposeBrowserContext", browserContextId=context)
            finally:
                listening.cancel()


class Page:
    """One page. `told`: what it complained of; `asked`: the addresses of all that it loaded."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.session: str | None = None
        self.told: list[str] = []
        self.asked: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self.session is not None and not method.startswith("Target."):
            message["sessionId"] = self.session
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps(message))
        async with asyncio.timeout(30):
            return await answer

    async def listen(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            waiting = self._waiting.pop(said.get("id", 0), None)
            if waiting is not None and "error" in said:
                waiting.set_exception(AssertionError(said["error"]))
            elif waiting is not None:
                waiting.set_result(said.get("result", {}))
            else:
                self._hear(said.get("method"), said.get("params", {}))

    def _hear(self, method: str | None, about: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.told.append(about["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        elif method == "Runtime.consoleAPICalled":
            self.told.append(str([one.get("value") for one in about["args"]]))
        elif method == "Log.entryAdded":
            self.told.append(about["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.told.append(f"dialog: {about['message']}")
        elif method == "Network.requestWillBeSent":
            self.asked.append(about["request"]["url"])

    async def open(self, url: str) -> None:
        answer = await self.call("Page.navigate", url=url)
        assert "errorText" not in answer, answer
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def run(self, script: str) -> Any:
        """The value of an expression; a promise is awaited."""
        how = {"returnByValue": True, "awaitPromise": True, "allowUnsafeEvalBlockedByCSP": False}
        answer = await self.call("Runtime.evaluate", expression=script, **how)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, script: str, timeout: float = 10) -> Any:  # noqa: ASYNC109 - as `eventually`
        """Waits until an expression is true."""
        return await eventually(lambda: self.run(script), timeout, every=0.05, what=script)

    async def text(self, selector: str) -> str:
        """What is to be read there, as it is shown."""
        return str(await self.run(f"document.querySelector({json.dumps(selector)}).innerText.trim()"))

    async def table(self, selector: str) -> list[list[str]]:
        """The cells of a table's body."""
        rows = f"[...document.querySelectorAll({json.dumps(selector + ' tbody tr')})]"
        found: list[list[str]] = await self.run(f"{rows}.map(row => [...row.cells].map(cell => cell.innerText.trim()))")
        return found

    async def press(self, key: str, *, back: bool = False) -> None:
        """A key, as from a keyboard; `back`: with shift."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if back else 0}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text="\r" if key == "Enter" else "", **about)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def size(self, width: int, height: int, scale: float = 1) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 500,
        )

    async def scheme(self, name: str) -> None:
        """dark or light, as the system would say."""
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    async def cut(self, *, off: bool) -> None:
        """Take its network away, or give it back."""
        await self.call(
            "Network.emulateNetworkConditions", offline=off, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )

    async def tree(self) -> list[tuple[str, str]]:
        """What a screen reader is told: role and name of each thing that is not passed over."""
        nodes = (await self.call("Accessibility.getFullAXTree"))["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]

    async def shot(self, *, whole: bool = False) -> bytes:
        """A picture of it, as PNG."""
        answer = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])
