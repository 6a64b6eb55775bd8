"""Creates topics on a real Kafka, and reads all that lies on them."""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from confluent_kafka import KafkaError, Message, Producer

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


def write_records(bootstrap: str, records: Iterable[Record]) -> list[tuple[int, int]]:
    """The (partition, offset) that each record got. Any record may be written, one with neither key nor value too."""
    written: list[tuple[int, int]] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        written.append((message.partition(), message.offset()))

    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    for topic, key, value, headers in records:
        producer.produce(topic, value, key, headers=headers, on_delivery=delivered)
        producer.flush()
    return written


async def read_records(bootstrap: str, topics: Iterable[str], partitions: int = 3) -> list[ConsumerRecord]:
    """Every record there is now, those of a partition in their order."""
    found: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        while places := [place for place in places if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(*places, timeout_ms=500)).values():
                found += records
    return found
