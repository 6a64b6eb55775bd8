"""How commands reach Kafka: the connection that the settings describe, and its failures as exit codes."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from aiokafka.errors import KafkaError

from agents.engine.connection import Connection
from config.errors import ConfigError, Problem
from config.settings import Settings, variable

if TYPE_CHECKING:
    from collections.abc import Iterator


class Fault(click.ClickException):
    """Something broke that may work when tried again."""

    exit_code = 70


def connection(settings: Settings) -> Connection:
    """How to reach the Kafka of the settings; raises ConfigError where they name none."""
    if settings.kafka is None:
        reason = "not set: where is Kafka? (host:port of a server or two)"
        raise ConfigError([Problem("environment", None, variable("kafka"), reason)])
    password = settings.kafka_password
    return Connection(
        bootstrap=settings.kafka,
        security=settings.kafka_security,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=password.get_secret_value() if password is not None else None,
        ca_file=settings.kafka_ca_file,
        cert_file=settings.kafka_cert_file,
        key_file=settings.kafka_key_file,
    )


@contextmanager
def faults(settings: Settings) -> Iterator[None]:
    """Kafka's errors become a Fault that names the servers.

    Where a command sets up no log, the client's own complaints are not shown: what passes by trying again concerns
    nobody, what does not is raised.
    """
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        yield
    except KafkaError as error:
        raise Fault(f"Kafka at {settings.kafka}: {error}") from error
