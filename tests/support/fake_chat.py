"""A chat over HTTP that logs every body with its arrival time, and misbehaves as told. Times are in seconds."""

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from services import free_ports


@dataclass(frozen=True)
class Post:
    """A request whose body has come in whole."""

    at: float  # time.time()
    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What is done once a body has come in; the connection is closed after it."""


def answers(status: int, body: str = "", **headers: str) -> Answer:
    """An ordinary answer; a header `Retry-After` is written `Retry_After="3"`."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_response(status, body, {name.replace("_", "-"): value for name, value in headers.items()}))
        await writer.drain()

    return answer


def after(seconds: float) -> Answer:
    """Takes it, and says so later."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await answers(200, "ok")(writer)

    return answer


def redirects(to: str) -> Answer:
    return answers(302, Location=to)


async def hangs(writer: asyncio.StreamWriter) -> None:
    """Takes the body and never answers."""
    await asyncio.sleep(3600)


async def drops(writer: asyncio.StreamWriter) -> None:
    """Takes the body and drops the connection."""
    writer.transport.abort()


async def breaks_off(writer: asyncio.StreamWriter) -> None:
    """Takes the body and drops the connection in the middle of its answer's head."""
    writer.write(b"HTTP/1.1 200 Whatever\r\nContent-")
    await writer.drain()
    writer.transport.abort()


async def trickles(writer: asyncio.StreamWriter) -> None:
    """Takes the body and answers a byte a second."""
    for byte in _response(200, "ok", {}):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


def _response(status: int, body: str, headers: Mapping[str, str]) -> bytes:
    content = body.encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@dataclass
class FakeChat:
    """An async context manager. Each path is a channel of its own, which answers `ok` unless told otherwise."""

    posts: list[Post] = field(default_factory=list)
    port: int = field(default_factory=lambda: free_ports(1)[0])
    tls: ssl.SSLContext | None = None
    _answers: dict[str, Answer] = field(default_factory=dict)
    _once: dict[str, list[Answer]] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _connections: set["asyncio.Task[None]"] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def url(self, path: str = "/") -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}{path}"

    def always(self, path: str, answer: Answer) -> None:
        """From now on this channel answers so."""
        self._answers[path] = answer

    def once(self, path: str, *queue: Answer) -> None:
        """The next posts to this channel are answered so, one each."""
        self._once.setdefault(path, []).extend(queue)

    def heal(self, path: str) -> None:
        self._answers.pop(path, None)
        self._once.pop(path, None)

    def to(self, path: str) -> list[Post]:
        return [post for post in self.posts if post.path == path]

    def answer_to(self, post: Post) -> Answer:
        """What this post is answered with."""
        queue = self._once.get(post.path)
        return queue.pop(0) if queue else self._answers.get(post.path, answers(200, "ok"))

    async def refuse(self) -> None:
        """Listen no more: connections are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def accept(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, ssl=self.tls)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            raw = await reader.readexactly(int(headers.get("content-length", 0)))
            path = head[0].split(" ")[1]
            post = Post(time.time(), path, headers, raw)
            self.posts.append(post)
            await self.answer_to(post)(writer)
        writer.close()
