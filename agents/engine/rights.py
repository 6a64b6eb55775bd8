"""What Kafka's ACLs let this user do, asked before anything is begun: later, a missing right looks like silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, NoError, TopicAuthorizationFailedError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from agents.engine.connection import admin_client
from agents.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from agents.engine.connection import Connection

_METADATA = 3
_UNTOLD = -(2**31)  # by a server that knows no ACLs
_ALL = -1
_BITS = {"READ": 3, "WRITE": 4, "DESCRIBE": 8, "DESCRIBE_CONFIGS": 10}  # the codes of Kafka's AclOperation


class _Answer(Response):  # type: ignore[misc]  # aiokafka publishes no types
    API_KEY = _METADATA
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", String()), ("port", Int32), ("rack", String()))),
        ("cluster_id", String()),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String()),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )


class _Question(RequestStruct):  # type: ignore[misc]  # aiokafka publishes no types
    API_KEY = _METADATA
    API_VERSION = 8
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", Array(String())),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
    )


class _Operations(Request[_Question]):  # type: ignore[misc]  # aiokafka publishes no types
    """Kafka's Metadata in the version that tells what one may do; aiokafka's own goes up to an older one."""

    API_KEY = _METADATA

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class(self._topics, False, False, True)


class Rights(NamedTuple):
    """What somebody is about to do: see topics and how they are configured, read and write them, be in a group."""

    sees: Collection[str] = ()
    reads: Collection[str] = ()
    writes: Collection[str] = ()
    group: str | None = None


async def refuse_missing_rights(connection: Connection, wanted: Rights) -> None:
    """Raises Refused, which names every right that is missing, and KafkaError.

    Topics that are not there, and a server without ACLs, are nothing to say here.
    """
    needed = {"DESCRIBE": wanted.sees, "DESCRIBE_CONFIGS": wanted.sees, "READ": wanted.reads, "WRITE": wanted.writes}
    names = sorted({name for names in needed.values() for name in names})
    async with admin_client(connection) as admin:
        answer = await admin._send_request(_Operations(names))
        missing = list(_missing(answer, needed))
        if wanted.group is not None and not await _may_join(admin, wanted.group):
            missing.append(f"READ on the group {wanted.group}")
    if missing:
        raise Refused(
            f"the ACLs of Kafka at {connection.bootstrap} give this user too little: {'; '.join(missing)} "
            "(docs/security.md lists the rights)"
        )


def _missing(answer: _Answer, needed: dict[str, Collection[str]]) -> Iterator[str]:
    allowed: dict[str, int] = {}
    for error, topic, _, _, operations in answer.topics:
        if error == TopicAuthorizationFailedError.errno:
            allowed[topic] = 0
        elif error == NoError.errno and operations != _UNTOLD:
            allowed[topic] = operations
    for right, names in needed.items():
        lacking = [name for name in names if not allowed.get(name, _ALL) & 1 << _BITS[right]]
        if lacking:
            yield f"{right} on {'the topic' if len(lacking) == 1 else 'the topics'} {', '.join(lacking)}"


async def _may_join(admin: object, group: str) -> bool:
    try:
        await admin.find_coordinator(group)  # type: ignore[attr-defined]  # aiokafka publishes no types
    except GroupAuthorizationFailedError:
        return False
    except KafkaError:
        pass  # it is not chosen yet
    return True
