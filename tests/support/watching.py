"""A board's site over boards written by hand, without Redis: what is asked of it and what came of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp.test_utils import TestClient, TestServer
from notices import Clock

from agents.ack.events import NotWritten
from agents.ack.taking import Taking
from agents.ack.uses import MemoryUses
from agents.board.access import Access, Trust
from agents.board.feed import Feed
from agents.board.meters import BoardMetrics
from agents.board.record import Read, key
from agents.board.site import Site
from config.board_access import read_proxies, read_roles, read_tokens
from config.staffing import default_staffing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from streams.events import AlertAcknowledged

VIEWER, SUPERVISOR, ADMIN = ("v" * 32, "s" * 32, "a" * 32)
TOKENS = f"viewer:wall:{VIEWER} supervisor:a17:{SUPERVISOR} admin:a3:{ADMIN}"


class FakeRedis:
    """Answers MGET of what is put there."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.away = False

    async def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        if self.away:
            raise ConnectionRefusedError("away")
        return [self.values.get(name) for name in keys]


@dataclass
class Watching:
    """The site, its clock, and who asks."""

    trust: Trust
    partitions: int = 2
    acknowledges: bool = True
    clock: Clock = field(default_factory=Clock)
    redis: FakeRedis = field(default_factory=FakeRedis)
    written: list[AlertAcknowledged] = field(default_factory=list)
    kafka_away: bool = False
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens while an acknowledgement is on its way to Kafka."""
    metrics: BoardMetrics = field(default_factory=BoardMetrics)
    client: Any = None
    feed: Any = None

    async def write(self, event: AlertAcknowledged) -> None:
        if self.kafka_away:
            raise NotWritten("away")
        if self.meanwhile is not None:
            await self.meanwhile()
        self.written.append(event)

    async def put(self, *boards: Read) -> None:
        """Partitions' boards, read at once."""
        for number, board in enumerate(boards):
            self.redis.values[key("slawatch", number)] = msgspec.json.encode(board)
        await self.feed.read()

    async def get(self, path: str, token: str | None = None, **headers: str) -> tuple[Any, Any]:
        """The answer and what its JSON says, or its text."""
        return await self._ask("GET", path, token, headers)

    async def post(self, path: str, token: str | None = None, *, json: Any = None, **headers: str) -> tuple[Any, Any]:
        return await self._ask("POST", path, token, headers, json=json)

    async def _ask(self, method: str, path: str, token: str | None, headers: dict[str, str], **more: Any) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        async with self.client.request(method, path, headers=sent, allow_redirects=False, **more) as answer:
            is_json = answer.content_type == "application/json"
            return answer, await (answer.json() if is_json else answer.text())

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"sla_board_{name}", labels) or 0.0


@contextlib.asynccontextmanager
async def watching(
    tokens: str = TOKENS, *, proxies: str = "", user: str | None = None, groups: str | None = None, roles: str = "",
    **options: Any,
) -> AsyncIterator[Watching]:  # fmt: skip
    trust = Trust(read_tokens(tokens) if tokens else (), read_proxies(proxies), user, groups, read_roles(roles))
    found = Watching(trust, **options)
    found.feed = Feed(
        found.redis,  # type: ignore[arg-type]  # a fake, written by hand
        "slawatch", found.partitions, default_staffing(), found.clock, found.metrics,
    )  # fmt: skip
    taking = Taking(MemoryUses(found.clock), found.write, found.clock) if found.acknowledges else None
    site = Site(found.feed, Access(trust, found.clock), found.metrics, found.clock, taking)
    async with TestClient(TestServer(site.app())) as client:
        found.client = client
        yield found
        found.feed.stop()
