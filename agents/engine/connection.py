"""How Kafka is reached: one place that every client of it takes its addresses and credentials from."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError

from agents.engine.refusals import asked, refusal
from agents.errors import Refused
from config.tls import client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from aiokafka import AIOKafkaProducer

FIRST_WAIT = 1.0  # seconds between attempts to reach Kafka, doubled up to LONGEST_WAIT
LONGEST_WAIT = 15.0
BETWEEN = 0.25  # seconds between a producer's questions who leads a partition
ANSWER = 10_000  # milliseconds after which a Kafka that takes connections and says nothing counts as absent

log = logging.getLogger("slawatch.kafka")

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_SSL")


@dataclass(frozen=True)
class Connection:
    """Bootstrap servers and security of one Kafka cluster.

    Raises ValueError for a protocol that is none of `PROTOCOLS`, and for SASL_SSL without mechanism, user or
    password.
    """

    bootstrap: str  # host:port,host:port
    security: str = "PLAINTEXT"
    sasl_mechanism: str | None = None  # PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        if self.security not in PROTOCOLS:
            raise ValueError(f"unknown Kafka security {self.security!r}: one of {', '.join(PROTOCOLS)}")
        if self.security == "SASL_SSL" and not (self.sasl_mechanism and self.username and self.password):
            raise ValueError("SASL_SSL needs a mechanism, a user name and a password")

    @cached_property
    def ssl_context(self) -> ssl.SSLContext | None:
        """Verifies the broker's certificate and name; None for PLAINTEXT.

        Raises ValueError for a file that cannot be used.
        """
        if self.security == "PLAINTEXT":
            return None
        return client_context(self.ca_file, self.cert_file, self.key_file)

    @property
    def servers(self) -> list[str]:
        """The bootstrap servers, one by one."""
        return [server.strip() for server in self.bootstrap.split(",") if server.strip()]

    def aiokafka(self) -> dict[str, Any]:
        """The keyword arguments every aiokafka client takes."""
        arguments: dict[str, Any] = {"bootstrap_servers": self.servers, **self.security_arguments()}
        return arguments

    def security_arguments(self) -> dict[str, Any]:
        """The part of `aiokafka()` that says how, not where."""
        arguments: dict[str, Any] = {"security_protocol": self.security}
        if self.ssl_context is not None:
            arguments["ssl_context"] = self.ssl_context
        if self.security == "SASL_SSL":
            arguments |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return arguments


async def reach(connection: Connection) -> str:
    """The id of the cluster; waits, with one line in the log, until it answers.

    Raises Refused where waiting will not help: the broker refuses our credentials, or we its certificate.
    """
    wait = FIRST_WAIT
    while True:
        try:
            async with admin_client(connection, request_timeout_ms=ANSWER) as admin:
                return str((await admin.describe_cluster())["cluster_id"])
        except KafkaError as error:
            cause = error
        if wait == FIRST_WAIT:
            log.warning("Kafka at %s does not answer; waiting for it: %s", connection.bootstrap, cause)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


class _Complaints(logging.Handler):
    """Takes what aiokafka logs while it connects: the only place where it says why it cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.causes: list[BaseException] = []
        self._logger = logging.getLogger("aiokafka")

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the exception of a message."""
        self.causes += [part for part in record.args or () if isinstance(part, BaseException)]

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = True


def be_patient(producer: AIOKafkaProducer) -> None:
    """Has a started producer wait between its questions who leads a partition.

    While one has no leader, aiokafka asks again as soon as it is answered, or is refused: that took half a core and
    a thousand lines of log a second.
    """
    client = producer.client
    ask = client.force_metadata_update
    pause: asyncio.Task[bool] | None = None

    def ask_in_time() -> Any:
        nonlocal pause
        if client._md_update_fut is None:  # else the answer is under way
            if pause is not None and not pause.done():
                return asyncio.shield(pause)
            pause = asyncio.create_task(asyncio.sleep(BETWEEN, result=False))
        return ask()

    client.force_metadata_update = ask_in_time


async def partition_counts(connection: Connection, topics: Iterable[str]) -> dict[str, int]:
    """How many partitions each topic has now; 0 for one that is not there. Raises KafkaError."""
    async with admin_client(connection) as admin:
        there = await described(admin)
    return {topic: len(there.get(topic, ())) for topic in topics}


async def described(admin: AIOKafkaAdminClient) -> dict[str, list[dict[str, Any]]]:
    """The partitions of every topic. A broker that may create topics creates one that is asked for by name."""
    return {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}


async def keeps_deletions(connection: Connection, topic: str) -> int:
    """How long (microseconds) a compacted topic keeps tombstones. Raises KafkaError."""
    async with admin_client(connection) as admin:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    entries = answers[0].to_object()["resources"][0]["config_entries"]
    return next(int(e["config_value"]) * 1000 for e in entries if e["config_names"] == "delete.retention.ms")


@asynccontextmanager
async def admin_client(connection: Connection, **options: Any) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client.

    Raises Refused where no broker lets us in and waiting will not help, KafkaConnectionError where none answers.
    """
    admin = AIOKafkaAdminClient(**connection.aiokafka(), **options)
    try:
        await _start(admin, connection)
        yield admin
    finally:
        await admin.close()


async def _start(admin: AIOKafkaAdminClient, connection: Connection) -> None:
    with _Complaints() as complaints:
        try:
            await admin.start()
        except KafkaConnectionError as error:
            causes = complaints.causes or [error]
        else:
            return
    told = [refusal(cause, connection) for cause in causes]
    final = next((reason for reason in told if reason), None) or await asked(connection)
    if final is not None:
        raise Refused(f"no way into Kafka at {connection.bootstrap}: {final}") from causes[-1]
    raise KafkaConnectionError(f"no server answers: {causes[-1] or type(causes[-1]).__name__}") from causes[-1]
