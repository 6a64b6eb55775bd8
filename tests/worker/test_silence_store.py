"""Where silences are kept: what is on the topic holds, whatever becomes of Redis, and Redis comes to say the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError
from redis.asyncio import Redis
from services import RedisServer
from waiting import eventually

from agents.notifier.silence_store import RedisCopy, SilenceSource
from agents.notifier.silences import Silence, encode
from agents.one_partition import Entry
from agents.redis import once_more
from streams.instants import DAY, HOUR, SECOND, format_instant, parse_instant

NOW = parse_instant("2026-03-02T10:00:00Z")
ALERT = {"level": "breach", "team": "billing"}


def silence(number: int, team: str = "billing") -> Silence:
    since, until = format_instant(NOW), format_instant(NOW + HOUR)
    return Silence(id=f"s{number}", when={"team": [team]}, since=since, until=until, reason="r", by="b", at=since)


class Topic:
    """The topic in memory. `away`: Kafka does not answer; `deaf`: nothing comes of what is there."""

    name = "sla-silences"

    def __init__(self, *values: bytes | None) -> None:
        self.values = list(values)
        self.away = self.deaf = False
        self._at = 0
        self._news = asyncio.Event()

    def write(self, silence: Silence) -> None:
        self.values.append(encode(silence))
        self._news.set()

    async def entries(self) -> list[Entry]:
        if self.away:
            raise KafkaError
        if self._at == len(self.values) or self.deaf:
            self._news.clear()
            await self._news.wait()
        found = [Entry(offset, value) for offset, value in enumerate(self.values)][self._at :]
        self._at = len(self.values)
        return found

    async def position(self) -> int:
        return self._at

    async def end(self) -> int:
        return len(self.values)


@asynccontextmanager
async def copied(server: RedisServer, app: str) -> AsyncIterator[RedisCopy]:
    async with Redis.from_url(server.url, retry=once_more()) as redis:
        yield RedisCopy(redis, app)


async def test_all_that_is_there_holds_before_the_first_alert_and_news_take_effect() -> None:
    topic = Topic(encode(silence(1, "other")), None, b"nonsense")
    source = SilenceSource(topic, DAY)
    async with source.following():
        assert [one.id for one in source.silences] == ["s1"]
        assert source.silencing(ALERT, NOW) is None
        topic.write(silence(2))
        await eventually(lambda: source.silencing(ALERT, NOW) == silence(2))
        topic.write(msgspec.structs.replace(silence(2), ended_at=format_instant(NOW)))
        await eventually(lambda: source.silencing(ALERT, NOW) is None)


async def test_a_topic_that_cannot_be_read_to_its_end_is_an_error() -> None:
    topic = Topic(encode(silence(1)))
    topic.deaf = True
    source = SilenceSource(topic, DAY)
    source.patience = 0.05
    with pytest.raises(KafkaTimeoutError):
        async with source.following():
            pass


@pytest.mark.parametrize("harm", ["flushed", "written over", "another type", "one lost"])
async def test_redis_says_again_what_the_topic_says(redis_server: RedisServer, unique: str, harm: str) -> None:
    topic = Topic(*(encode(silence(number)) for number in range(3)))
    async with copied(redis_server, unique) as copy, Redis.from_url(redis_server.url) as other:
        source = SilenceSource(topic, DAY, copy)
        source.copy_every = 0.02
        async with source.following():
            expected = {one.id: one for one in source.silences}
            assert len(expected) == 3
            await eventually(lambda: same(copy, expected))
            key = f"{unique}:silences"
            if harm == "flushed":
                await other.flushall()
            elif harm == "written over":
                await other.hset(key, "s1", b"nonsense")
            elif harm == "another type":
                await other.set(key, "nonsense")
            else:
                await other.hdel(key, "s2")
            await eventually(lambda: same(copy, expected))
            assert source.silencing(ALERT, NOW + SECOND) is not None
        again = SilenceSource(Topic(*topic.values), DAY)  # as after a restart, with an empty Redis
        async with again.following():
            assert {one.id: one for one in again.silences} == expected


async def same(copy: RedisCopy, expected: dict[str, Silence]) -> bool:
    return await copy.read(DAY) == expected


async def test_without_redis_silences_hold_all_the_same(
    redis_server: RedisServer, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = Topic(encode(silence(1)))
    async with copied(redis_server, unique) as copy:
        await asyncio.to_thread(redis_server.kill)
        source = SilenceSource(topic, DAY, copy)
        source.copy_every = 0.02
        async with source.following():
            assert source.silencing(ALERT, NOW) == silence(1)
            await eventually(lambda: "the silences in Redis are not up to date" in caplog.text)
            topic.write(silence(2))
            await eventually(lambda: source.silencing(ALERT, NOW) == silence(2))
            await asyncio.to_thread(redis_server.start)
            await eventually(lambda: same(copy, {"s1": silence(1), "s2": silence(2)}))
