"""The test servers themselves: they serve, survive being broken, and keep or lose their data as they say."""

import asyncio

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from services import KafkaCluster, RedisServer


async def _create(bootstrap: str, topic: str, replication: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=replication)])
    finally:
        await admin.close()


async def _write(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _read(bootstrap: str, topic: str, group: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_the_shared_broker_takes_and_gives_a_record(kafka: str, unique: str) -> None:
    await _create(kafka, unique, replication=1)
    await _write(kafka, unique, b"one")
    assert await _read(kafka, unique, f"{unique}-group", 1) == [b"one"]


async def test_a_killed_node_loses_nothing_and_comes_back(kafka_cluster: KafkaCluster, unique: str) -> None:
    bootstrap = kafka_cluster.bootstrap
    await _create(bootstrap, unique, replication=3)
    await _write(bootstrap, unique, b"before")
    kafka_cluster.kill(1)
    await _write(bootstrap, unique, b"without")
    await asyncio.to_thread(kafka_cluster.start, 1)
    kafka_cluster.kill(2)
    await _write(bootstrap, unique, b"after")
    assert await _read(bootstrap, unique, f"{unique}-group", 3) == [b"before", b"without", b"after"]


def test_redis_is_empty_after_a_flush_and_after_a_kill(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("key", "value")
        redis_server.flush()
        assert client.get("key") is None
        client.set("key", "value")
    redis_server.kill()
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("key") is None


def test_a_paused_redis_hangs_and_a_resumed_one_answers(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url, socket_timeout=0.2, retry=None) as client:
        client.set("key", "value")
        redis_server.pause()
        with pytest.raises(redis.exceptions.TimeoutError):
            client.get("key")
        redis_server.resume()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("key") == b"value"
