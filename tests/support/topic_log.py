"""Has the broker stamp topics' records as they are appended, and reads whole topics fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

if TYPE_CHECKING:
    from collections.abc import Iterable


def stamped_by_broker(bootstrap: str, topics: Iterable[str]) -> None:
    """From now on a record's time there is that of its appending. Blocking. Raises KafkaException."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    entry = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
    resources = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry]) for topic in topics]
    for done in admin.incremental_alter_configs(resources).values():
        done.result()


def read_log(bootstrap: str, topics: Iterable[str], partitions: int) -> list[Message]:
    """Every record there is now, those of a partition in their order. Blocking. Raises KafkaException."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "read-log",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    places = [TopicPartition(topic, number, 0) for topic in topics for number in range(partitions)]
    try:
        consumer.assign(places)
        found: list[Message] = []
        ended = set()
        while len(ended) < len(places):
            for message in consumer.consume(5000, 1):
                error = message.error()
                if error is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add((message.topic(), message.partition()))
                elif not error.retriable():
                    raise KafkaException(error)
        return found
    finally:
        consumer.close()


def appended_at(message: Message) -> int:
    """The record's time in microseconds: of its appending, where the topic says LogAppendTime."""
    return int(message.timestamp()[1]) * 1000
