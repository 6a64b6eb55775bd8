"""Events a second of a worker on one core of a real Kafka, beside the raw floor: python bench/worker.py [EVENTS]

The load lies in Kafka when either begins. The floor reads the same topics, decodes each event, keeps a value a
ticket and writes a changelog of it in batches: what any engine must do at least; it judges nothing. Broker and
harness run on core 0, what is measured on core 1. Needs `make install` and two cores.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/support"))

import load
from services import KafkaCluster, RedisServer, free_ports

from agents.engine import Connection
from agents.topics import Topics
from streams.events import TOPIC_OF

PARTITIONS = 4
ROUNDS = 2
HERE = Path(__file__).parent


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    os.sched_setaffinity(0, {0})
    with KafkaCluster() as kafka, RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
        preload(kafka.bootstrap, count)
        policies = Path(folder, "policies.yaml")
        policies.write_text(load.POLICIES)
        for number in range(ROUNDS):
            floor = measured([sys.executable, str(HERE / "floor.py")], kafka.bootstrap, f"floor{number}", count, {})
            worker = measure_worker(kafka.bootstrap, redis.url, policies, Path(folder, f"state{number}"), number, count)
            print(f"worker {worker:8,.0f}   floor {floor:8,.0f} events/s   ratio {worker / floor:.2f}", flush=True)


def preload(bootstrap: str, count: int) -> None:
    """Puts the load on the input topics."""
    topics = Topics("bench.", "bench")
    asyncio.run(topics.create(Connection(bootstrap), PARTITIONS, 1))
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 50, "partitioner": "murmur2_random",
         "queue.buffering.max.messages": 500_000}
    )  # fmt: skip
    begin = time.time() - 2 * count / (load.TICKETS_A_SECOND * load.EVENTS_A_TICKET)  # all of it in the past
    for number, (at, kind, ticket_id, event) in enumerate(load.events(count, begin)):
        producer.produce(topics.name(TOPIC_OF[kind]), event, ticket_id, timestamp=int(at * 1000))
        if not number % 10_000:
            producer.poll(0)
    producer.flush()
    print(f"{count:,} events of {ticket_id} on {PARTITIONS} partitions", flush=True)


def measure_worker(bootstrap: str, redis: str, policies: Path, state: Path, number: int, count: int) -> float:
    """A worker with RocksDB state, windows, ledger and boards on; events/s over the second half of the load."""
    app = f"worker{number}"
    topics = Topics("bench.", app)
    asyncio.run(topics.create(Connection(bootstrap), PARTITIONS, 1))
    (port,) = free_ports(1)
    environment = {
        "SLAWATCH_KAFKA": bootstrap, "SLAWATCH_REDIS": redis, "SLAWATCH_APP": app, "SLAWATCH_TOPIC_PREFIX": "bench.",
        "SLAWATCH_PARTITIONS": str(PARTITIONS), "SLAWATCH_POLICIES": str(policies), "SLAWATCH_DATA_DIR": str(state),
        "SLAWATCH_METRICS_LISTEN": f"127.0.0.1:{port}",
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("slawatch")), "worker"]
    return measured(command, bootstrap, app, count, environment)


def measured(command: list[str], bootstrap: str, app: str, count: int, environment: dict[str, str]) -> float:
    """Runs it on core 1 until it has read everything; events/s after the first quarter."""
    environment = {**os.environ, "BOOTSTRAP": bootstrap, "APP": app, "COUNT": str(count), **environment}
    process = subprocess.Popen(["taskset", "-c", "1", *command], env=environment)
    samples: list[tuple[float, int]] = []
    limit = time.monotonic() + 300
    try:
        while time.monotonic() < limit:
            time.sleep(0.2)
            now, done = time.monotonic(), committed(bootstrap, app)
            if done >= count // 4:
                samples.append((now, done))
            if done >= count:
                cpu = cpu_seconds(process.pid)
                print(f"  {app}: {cpu / count * 1e6:.1f} CPU-s per million, RSS {rss(process.pid)} MB", flush=True)
                (began, first), (ended, last) = samples[0], samples[-1]
                return (last - first) / (ended - began)
        raise TimeoutError(f"{app} read {done} of {count} events")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def committed(bootstrap: str, group: str) -> int:
    """How many events a consumer group has done with, its work acknowledged."""
    topics = Topics("bench.")
    places = [TopicPartition(topic, number) for topic in topics.inputs for number in range(PARTITIONS)]
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    try:
        return sum(max(0, place.offset) for place in consumer.committed(places, timeout=10))
    except KafkaException:
        return 0  # the broker is still looking for the group's coordinator
    finally:
        consumer.close()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
