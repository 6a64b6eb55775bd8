"""The raw floor: read, decode, keep a value a ticket, write a changelog in batches, commit what is acknowledged."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from least import Event, State, apply

from agents.engine import Connection
from agents.topics import Topics
from streams.events import TOPIC_OF

BOOTSTRAP, APP, COUNT = os.environ["BOOTSTRAP"], os.environ["APP"], int(os.environ["COUNT"])


async def main() -> None:
    topics = Topics("bench.", APP)
    await topics.create(Connection(BOOTSTRAP), 4, 1)
    consumer = AIOKafkaConsumer(
        *(topics.name(name) for name in TOPIC_OF.values()), bootstrap_servers=BOOTSTRAP, group_id=APP,
        auto_offset_reset="earliest", enable_auto_commit=False,
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP, acks="all", enable_idempotence=True, max_batch_size=512 * 1024, linger_ms=5,
        compression_type="zstd",
    )  # fmt: skip
    await consumer.start()
    await producer.start()
    decode = msgspec.json.Decoder(Event).decode
    encode = msgspec.msgpack.Encoder().encode
    states: defaultdict[int, dict[bytes, State]] = defaultdict(dict)
    sent: list[asyncio.Future[object]] = []
    read = 0
    committed = time.monotonic()
    while read < COUNT:
        for place, records in (await consumer.getmany(timeout_ms=500, max_records=8000)).items():
            kept = states[place.partition]
            batch = producer.create_batch()
            for record in records:
                event = decode(record.value)
                state = kept.setdefault(record.key, State())
                apply(state, event)
                value = encode(state)
                while batch.append(key=record.key, value=value, timestamp=None) is None:
                    sent.append(await producer.send_batch(batch, topics.changelog, partition=place.partition))
                    batch = producer.create_batch()
            sent.append(await producer.send_batch(batch, topics.changelog, partition=place.partition))
            read += len(records)
        if time.monotonic() - committed > 0.2:
            await asyncio.gather(*sent)
            sent.clear()
            await consumer.commit()
            committed = time.monotonic()
    await asyncio.gather(*sent)
    await consumer.commit()
    await asyncio.sleep(60)  # until the harness has looked at it


if __name__ == "__main__":
    uvloop.run(main())
