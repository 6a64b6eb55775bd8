"""The fixtures of all tests: real servers, shared or to be broken, and the seed that chance is drawn from."""

import os
import random
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from services import KafkaCluster, RedisServer, find_promtool

SEED = int(os.environ.get("SLAWATCH_TEST_SEED") or random.SystemRandom().randrange(2**32))
os.environ["SLAWATCH_TEST_SEED"] = str(SEED)  # for the processes that share the tests among them

# The machine may be busy: a law is not broken because an example took long.
settings.register_profile("slawatch", deadline=None, print_blob=True)
settings.load_profile("slawatch")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # A SIGTERM ends like Ctrl-C, so that the servers are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = SEED


def pytest_report_header() -> str:
    return f"seed: {SEED} (SLAWATCH_TEST_SEED={SEED} draws the same again)"


@pytest.fixture
def seed() -> int:
    """What a test seeds its own `random.Random` with."""
    return SEED


@pytest.fixture
def unique() -> str:
    """A name nobody else uses: for topic prefixes, groups and key prefixes on the shared servers."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap address of one broker that all tests share; nobody may break it."""
    with KafkaCluster() as cluster:
        yield cluster.bootstrap


@pytest.fixture
def kafka_cluster() -> Iterator[KafkaCluster]:
    """Three brokers of the test's own, to be killed and started."""
    with KafkaCluster(nodes=3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    """The address of the Redis that all tests share; nobody may break or flush it."""
    return shared_redis.url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A Redis of the test's own, to be paused, killed, flushed."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus's checker of rules, configurations and metrics."""
    return find_promtool()
