"""How Kafka is reached: one place that every client of it takes its addresses and credentials from."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from agents.errors import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

FIRST_WAIT = 1.0  # seconds between attempts to reach Kafka, doubled up to LONGEST_WAIT
LONGEST_WAIT = 15.0

_FINAL = (ssl.SSLError, AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError)

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

        Raises OSError for a file that is not there, ssl.SSLError for one that is no certificate.
        """
        if self.security == "PLAINTEXT":
            return None
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        if self.cert_file:
            context.load_cert_chain(str(self.cert_file), str(self.key_file) if self.key_file else None)
        return context

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
        with _Complaints() as complaints:
            try:
                async with admin_client(connection) as admin:
                    return str((await admin.describe_cluster())["cluster_id"])
            except KafkaError as error:
                cause = complaints.last or error
        if isinstance(cause, _FINAL):
            raise Refused(f"no way into Kafka at {connection.bootstrap}: {cause}") from cause
        if wait == FIRST_WAIT:
            log.warning("Kafka at %s does not answer; waiting for it: %s", connection.bootstrap, cause)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


class _Complaints(logging.Handler):
    """Takes what aiokafka logs while it connects: the only place where it says why it cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.last: BaseException | None = None
        self._logger = logging.getLogger("aiokafka")

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the exception of a message."""
        causes = [part for part in record.args or () if isinstance(part, BaseException)]
        self.last = causes[-1] if causes else self.last

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = True


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
async def admin_client(connection: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client. Raises KafkaConnectionError where no broker answers."""
    admin = AIOKafkaAdminClient(**connection.aiokafka())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
