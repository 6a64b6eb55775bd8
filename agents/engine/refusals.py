"""Why Kafka lets us in no further, where waiting changes nothing: in words that name the setting to look at."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING

from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.engine.connection import Connection

_PATIENCE = 2.0  # seconds for an answer to a question of our own
_NO_MECHANISM = "NONE"  # no server takes it; one that speaks SASL says so before a user or a password is sent

_SHOW_ONE = "it asks for a certificate of ours that it accepts (SLAWATCH_KAFKA_CERT_FILE and SLAWATCH_KAFKA_KEY_FILE)"
_RIGHTS = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)


def refusal(error: BaseException, connection: Connection) -> str | None:
    """What is wrong where an error, or one behind it, is final; None where waiting may help."""
    for cause in _behind(error):
        told = _final(cause, connection)
        if told is not None:
            return told
    return None


def _final(error: BaseException, connection: Connection) -> str | None:
    match error:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not accepted: {error.verify_message} (SLAWATCH_KAFKA_CA_FILE holds the "
                "authorities, SLAWATCH_KAFKA the name that the certificate must be for)"
            )
        case ssl.SSLError():
            reason = (error.reason or str(error)).replace("_", " ").lower()
            if "alert" in reason and "certificate" in reason:
                return _SHOW_ONE
            return f"TLS failed: {reason} (SLAWATCH_KAFKA_SECURITY, SLAWATCH_KAFKA_CERT_FILE)"
        case UnsupportedSaslMechanismError():
            return f"it does not take {connection.sasl_mechanism} (SLAWATCH_KAFKA_SASL_MECHANISM)"
        case IllegalSaslStateError():
            return "it takes no user and password at this port (SLAWATCH_KAFKA_SECURITY=SSL, or another port)"
        case SaslAuthenticationFailed():
            return (
                f"it does not accept this user and password by {connection.sasl_mechanism} (SLAWATCH_KAFKA_USERNAME, "
                "SLAWATCH_KAFKA_PASSWORD, SLAWATCH_KAFKA_SASL_MECHANISM)"
            )
        case TopicAuthorizationFailedError() | GroupAuthorizationFailedError() | ClusterAuthorizationFailedError():
            return f"its ACLs do not allow what we need: {_right(error)} (docs/security.md lists the rights)"
    return None


def _right(error: KafkaError) -> str:
    """`topic sla-alerts`, as far as the client tells."""
    kinds = ("topic", "group", "cluster")
    kind = next(kind for kind, known in zip(kinds, _RIGHTS, strict=True) if isinstance(error, known))
    named = error.args[0] if error.args else ""
    names = ", ".join(sorted(named)) if isinstance(named, set | frozenset | list) else str(named)
    return f"{kind} {names}".rstrip()


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


async def asked(connection: Connection) -> str | None:
    """What is wrong where a server takes connections and ends them without a word; None where that is not so.

    Found by speaking to it in other ways; no user, password or record is sent.
    """
    for server in connection.servers:
        host, _, port = server.rpartition(":")
        told = await _told(connection, host.strip("[]"), int(port))
        if told is not None:
            return told
    return None


async def _told(connection: Connection, host: str, port: int) -> str | None:
    plain = connection.security == "PLAINTEXT"
    context = _unverified() if plain else connection.ssl_context
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError):
        if not plain and await _speaks(host, port, "PLAINTEXT"):
            return "it does not speak TLS at this port (SLAWATCH_KAFKA_SECURITY=PLAINTEXT, or another port)"
        return None
    try:
        if plain:
            return "it speaks TLS at this port (SLAWATCH_KAFKA_SECURITY=SSL or SASL_SSL)"
        with contextlib.suppress(TimeoutError):  # it waits for our request, as it should
            async with asyncio.timeout(_PATIENCE):
                await reader.read(1)
    except ssl.SSLError:
        return _SHOW_ONE
    except OSError:
        return None
    finally:
        writer.transport.abort()
    if connection.security == "SSL" and await _speaks(host, port, "SASL_SSL", connection.ssl_context):
        return "it asks for a user and a password (SLAWATCH_KAFKA_SECURITY=SASL_SSL)"
    return None


async def _speaks(host: str, port: int, security: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether a server speaks plain Kafka, or SASL."""
    try:
        async with asyncio.timeout(_PATIENCE):
            connection = await create_conn(
                host, port, security_protocol=security, ssl_context=context, sasl_mechanism=_NO_MECHANISM
            )
    except UnsupportedSaslMechanismError:
        return True
    except (OSError, TimeoutError, KafkaError):
        return False
    connection.close()
    return security == "PLAINTEXT"


def _unverified() -> ssl.SSLContext:
    """For a handshake after which nothing is said."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
