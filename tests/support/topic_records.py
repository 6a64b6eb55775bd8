"""Creates topics on a real Kafka, and reads all that lies on them."""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

Record = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]  # topic, key, value, headers


async def create_topics(bootstrap: str, topics: Iterable[str], partitions: int = 3) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1) for topic in topics])
    finally:
        await admin.close()


async def list_topics(bootstrap: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def write_records(bootstrap: str, records: Iterable[Record]) -> list[tuple[int, int]]:
    """The (partition, offset) that each record got."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        written = [
            await producer.send_and_wait(topic, value, key, headers=headers) for topic, key, value, headers in records
        ]
    return [(metadata.partition, metadata.offset) for metadata in written]


async def read_records(bootstrap: str, topics: Iterable[str], partitions: int = 3) -> list[ConsumerRecord]:
    """Every record there is now, topic by topic and partition by partition."""
    found: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        consumer.assign(places)
        for place, end in (await consumer.end_offsets(places)).items():
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            while await consumer.position(place) < end:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += records
    return found
