"""A Kafka inside this process, for the demo: the mock cluster that librdkafka carries, in the confluent-kafka wheel.

In memory, without compaction, configuration, TLS or append times; each partition keeps its newest 5 MB.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import threading
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

from agents.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PRODUCER = 0  # rd_kafka_type_t
_MESSAGE = 512  # bytes for an error's text
_KNOCK = 0.005  # seconds


class EmbeddedKafka:
    """One broker on a free loopback port, with topics of `partitions` partitions. A context manager.

    Raises Refused where the wheel is not installed or carries no library of its own.
    """

    def __init__(self, topics: Iterable[str], partitions: int) -> None:
        self._topics = tuple(topics)
        self._partitions = partitions
        self._library = _load()
        self._client: int | None = None
        self._cluster: int | None = None

    def __enter__(self) -> Self:
        library = self._library
        message = ctypes.create_string_buffer(_MESSAGE)
        configuration = library.rd_kafka_conf_new()
        library.rd_kafka_conf_set(configuration, b"log_level", b"0", message, _MESSAGE)
        self._client = library.rd_kafka_new(_PRODUCER, configuration, message, _MESSAGE)
        if not self._client:
            raise RuntimeError(f"librdkafka does not start: {message.value.decode()}")
        self._cluster = library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            raise RuntimeError("librdkafka's mock cluster does not start")
        with self._kept_awake():
            # A broker waits 3 s for further members of a new group; here there are none.
            library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
            for topic in self._topics:
                error = library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), self._partitions, 1)
                if error:
                    raise RuntimeError(f"the embedded Kafka refuses the topic {topic}: error {error}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._cluster:
            with self._kept_awake():
                self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        if self._client:
            self._library.rd_kafka_destroy(self._client)
        self._cluster = self._client = None

    @contextmanager
    def _kept_awake(self) -> Iterator[None]:
        """The cluster's thread sleeps for up to a second through some of our calls, but never through a connection."""
        host, _, port = self.bootstrap.rpartition(":")
        over = threading.Event()

        def knock() -> None:
            while not over.wait(_KNOCK):
                with contextlib.suppress(OSError):  # it is going down
                    socket.create_connection((host, int(port)), timeout=1).close()

        knocking = threading.Thread(target=knock, daemon=True)
        knocking.start()
        try:
            yield
        finally:
            over.set()
            knocking.join()

    @property
    def bootstrap(self) -> str:
        """host:port, while it runs."""
        servers: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return servers.decode()


def _load() -> ctypes.CDLL:
    spec = find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise Refused("the demo needs the Python package confluent-kafka")
    package = Path(spec.origin).parent
    folders = (package.with_name("confluent_kafka.libs"), package / ".dylibs")
    found = [path for folder in folders for path in folder.glob("librdkafka*") if path.suffix != ".txt"]
    if not found:
        raise Refused("this build of confluent-kafka carries no librdkafka: install it from a wheel")
    library = ctypes.CDLL(str(found[0]))
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    library.rd_kafka_conf_new.restype = pointer
    library.rd_kafka_conf_new.argtypes = []
    library.rd_kafka_conf_set.restype = ctypes.c_int
    library.rd_kafka_conf_set.argtypes = [pointer, text, text, text, ctypes.c_size_t]
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [ctypes.c_int, pointer, text, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = pointer
    library.rd_kafka_mock_cluster_new.argtypes = [pointer, ctypes.c_int]
    library.rd_kafka_mock_cluster_bootstraps.restype = text
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [pointer, ctypes.c_int32]
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.restype = None
    library.rd_kafka_mock_topic_create.restype = ctypes.c_int
    library.rd_kafka_mock_topic_create.argtypes = [pointer, text, ctypes.c_int, ctypes.c_int]
    library.rd_kafka_mock_cluster_destroy.argtypes = [pointer]
    library.rd_kafka_mock_cluster_destroy.restype = None
    library.rd_kafka_destroy.argtypes = [pointer]
    library.rd_kafka_destroy.restype = None
    return library
