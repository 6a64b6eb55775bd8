"""All that a run lets out: what processes print and serve, their arguments and files, every topic and Redis key."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from topic_records import read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from processes import Installation, Program
    from redis import Redis

_PAGES = ("/metrics", "/readyz", "/healthz", "/tickets/T-1")


class Told:
    """Texts by where they were found. A context for assertions on what must be in none of them."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}

    def add(self, place: str, text: str | bytes) -> None:
        """One more; what was found at a place before is kept."""
        data = text.encode() if isinstance(text, str) else text
        self._found[place] = self._found.get(place, b"") + data + b"\n"

    async def pages(self, program: Program) -> None:
        """What a process serves, and with which arguments it was started."""
        for page in _PAGES:
            status, body = await program.get(page)
            self.add(f"{program.name} {page}", f"{status} {body}")
        arguments = await asyncio.to_thread(Path(f"/proc/{program.pid}/cmdline").read_bytes)
        self.add(f"{program.name} arguments", arguments)

    async def topics(self, house: Installation) -> None:
        """Every record of every topic, its key and headers too."""
        for topic in house.topics.all:
            for record in await read_records(house.bootstrap, [topic.name], house.partitions):
                self.add(f"topic {topic.name}", repr((record.key, record.value, record.headers)))
                self.add(f"topic {topic.name}", (record.key or b"") + b" " + (record.value or b""))

    async def redis(self, server: Redis) -> None:
        """Every key, with its value."""
        readers: dict[bytes, Callable[[bytes], object]] = {
            b"string": server.get,
            b"hash": server.hgetall,
            b"list": lambda key: server.lrange(key, 0, -1),
        }
        for key in await asyncio.to_thread(server.keys, "*"):
            read = readers[await asyncio.to_thread(server.type, key)]
            self.add("Redis", key + b" " + repr(await asyncio.to_thread(read, key)).encode())

    def files(self, folder: Path) -> None:
        """Every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.add(f"file {path.name}", path.read_bytes())

    @property
    def places(self) -> list[str]:
        return list(self._found)

    def holds(self, text: str) -> list[str]:
        """The places where a text is found."""
        return [place for place, data in self._found.items() if text.encode() in data]

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """Where one of the secrets is found, as it is or in another spelling, with what is around it."""
        found = []
        for secret in secrets:
            for spelling in _spellings(secret):
                for place, data in self._found.items():
                    at = data.find(spelling)
                    if at >= 0:
                        found.append(f"{place}: {secret!r} in {data[max(0, at - 80) : at + 120]!r}")
        return found


def _spellings(secret: str) -> set[bytes]:
    plain = secret.encode()
    escaped = {json.dumps(secret)[1:-1], secret.replace("/", "\\/"), quote(secret, safe="")}
    return {plain, base64.b64encode(plain), *(text.encode() for text in escaped)}
