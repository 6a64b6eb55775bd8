"""How Redis is reached: the client that the settings describe, and its failures in words that name the setting."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,  # noqa: A004 - Redis' own
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,  # noqa: A004 - Redis' own
)

if TYPE_CHECKING:
    from config.settings import Settings

PATIENCE = 2.0
"""Seconds until a Redis that does not answer counts as away."""


def client(settings: Settings) -> Redis:
    """A client of the Redis in the settings, which name one; it connects when it is used."""
    tls: dict[str, Any] = {}
    if settings.redis.startswith("rediss://"):
        files = {"ca_certs": settings.redis_ca_file, "certfile": settings.redis_cert_file}
        files["keyfile"] = settings.redis_key_file
        # Named here: what redis-py does by itself has changed with its versions.
        tls = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        tls |= {f"ssl_{name}": str(file) for name, file in files.items() if file is not None}
    return Redis.from_url(
        settings.redis, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=once_more(), **tls
    )


def once_more() -> Retry:
    """For a kept connection that the server closed meanwhile.

    redis-py by itself tries eleven times: a Redis that does not answer would hold up its caller for half a minute.
    """
    return Retry(NoBackoff(), 1, (ConnectionError,))


def why(error: BaseException) -> str:
    """A failure in words, with the setting to look at where one is to blame; no password is in them."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                return f"its certificate is not accepted: {cause.verify_message} (SLAWATCH_REDIS_CA_FILE)"
            case ssl.SSLError():
                reason = (cause.reason or str(cause)).replace("_", " ").lower()
                return f"TLS failed: {reason} (rediss:// is for a port that speaks TLS; SLAWATCH_REDIS_CERT_FILE)"
            case AuthenticationError():
                return "it does not accept the user and password of SLAWATCH_REDIS"
            case OutOfMemoryError():
                return "it is full and takes no writes: raise its maxmemory, or free some"
            case ReadOnlyError():
                return "it is a replica and takes no writes: SLAWATCH_REDIS must name the primary"
            case NoPermissionError():
                return f"its ACL does not let us: {cause} (docs/security.md lists what is needed)"
            case ConnectionRefusedError():
                return f"nobody listens at the address in SLAWATCH_REDIS: {error}"
        cause = cause.__cause__ or cause.__context__
    hint = ""
    if isinstance(error, ConnectionError | TimeoutError):
        hint = " (is it there, and does it speak TLS? rediss:// is for a port that does, redis:// for others)"
    return f"{type(error).__name__}: {error}{hint}"
