"""A Kafka and a Redis behind TLS, passwords and ACLs: who may come in, by which door, and with which rights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote

import redis
from certificates import Authority
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
)
from confluent_kafka.admin import ResourceType as Resource
from services import KafkaCluster, RedisServer, Security
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from certificates import Certificate

    from agents.topics import Topics

PASSWORD = "kafka-Pa55/w@rd:#1"
REDIS_PASSWORD = "redis-Pa55/w@rd:?1"
"""Of every user, with signs that mean something in a URL."""

_DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()

_MAY_COME = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class SecuredKafka:
    """One broker with a door of each kind. Who comes by the plain door may do anything, others what they are granted.

    Doors: `SCRAM` and `PLAIN` (SASL_SSL), `OPEN` (SSL), `MUTUAL` (SSL, asks for a certificate), `EXPIRED` and
    `STRANGER` (SSL, with a certificate that is over and with one for another host).
    """

    def __init__(self, folder: Path, *users: str) -> None:
        folder.mkdir()
        self.authority = Authority(folder, "authority")
        self.other_authority = Authority(folder, "other-authority")
        self.client = self.authority.issue("slawatch")
        server = self.authority.issue("server")
        expired = self.authority.issue("expired", expired=True)
        stranger = self.authority.issue("stranger", "kafka.example.com")
        scram = {f"{name.lower()}.sasl.jaas.config": _SCRAM for name in _MAY_COME}
        known = " ".join(f'user_{name}="{PASSWORD}"' for name in users)
        doors: dict[str, tuple[str, Mapping[str, str]]] = {
            "SCRAM": ("SASL_SSL", _shows(server) | scram | {"sasl.enabled.mechanisms": ",".join(_MAY_COME)}),
            "PLAIN": (
                "SASL_SSL",
                _shows(server) | {"sasl.enabled.mechanisms": "PLAIN", "plain.sasl.jaas.config": f"{_PLAIN} {known};"},
            ),
            "OPEN": ("SSL", _shows(server)),
            "MUTUAL": ("SSL", _shows(server) | self._asks()),
            "EXPIRED": ("SSL", _shows(expired)),
            "STRANGER": ("SSL", _shows(stranger)),
        }
        rights = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        self.cluster = KafkaCluster(security=Security(doors, dict.fromkeys(users, PASSWORD), rights))

    def __enter__(self) -> Self:
        self.cluster.__enter__()
        self._admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap})
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.stop()

    def settings(self, user: str, door: str = "SCRAM", **more: str) -> dict[str, str]:
        """How a command comes in by a door."""
        found = {"kafka": self.cluster.guarded(door), "kafka_ca_file": str(self.authority.file)}
        if door == "MUTUAL":
            found |= {"kafka_security": "SSL"}
            found |= {"kafka_cert_file": str(self.client.certificate), "kafka_key_file": str(self.client.key)}
        elif door in ("SCRAM", "PLAIN"):
            mechanism = "PLAIN" if door == "PLAIN" else "SCRAM-SHA-512"
            found |= {"kafka_security": "SASL_SSL", "kafka_sasl_mechanism": mechanism}
            found |= {"kafka_username": user, "kafka_password": PASSWORD}
        else:
            found |= {"kafka_security": "SSL"}
        return found | more

    def grant(self, user: str, rights: Iterable[Right]) -> None:
        """Let somebody do these things from now on."""
        bindings = [right.binding(user) for right in rights]
        for answer in self._admin.create_acls(bindings).values():
            answer.result(20)
        wait_until(lambda: set(bindings) <= set(self._granted(user)), 30, what=f"{user} has the rights")

    def revoke(self, user: str, topic: str | None = None) -> None:
        """Take back all that somebody may do, or what was granted on one topic."""
        for answer in self._admin.delete_acls([_any_right(user, topic)]).values():
            answer.result(20)
        wait_until(lambda: not self._granted(user, topic), 30, what=f"{user} has lost the rights")

    def _granted(self, user: str, topic: str | None = None) -> list[AclBinding]:
        return self._admin.describe_acls(_any_right(user, topic)).result(20)

    def _asks(self) -> dict[str, str]:
        return {
            "ssl.client.auth": "required",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.certificates": _line(self.authority.file.read_text()),
        }


class Right(NamedTuple):
    """What may be done with a topic or a group, or with all whose names begin so."""

    resource: str
    name: str
    operation: str
    prefixed: bool = False

    def binding(self, user: str) -> AclBinding:
        kind = {"topic": Resource.TOPIC, "group": Resource.GROUP}[self.resource]
        pattern = ResourcePatternType.PREFIXED if self.prefixed else ResourcePatternType.LITERAL
        operation = AclOperation[self.operation]
        return AclBinding(kind, self.name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def _any_right(user: str, topic: str | None) -> AclBindingFilter:
    kind = Resource.ANY if topic is None else Resource.TOPIC
    anything = (None, AclOperation.ANY, AclPermissionType.ANY)
    return AclBindingFilter(kind, topic, ResourcePatternType.ANY, f"User:{user}", *anything)


EVERYTHING = [Right("topic", "*", "ALL"), Right("group", "*", "ALL")]


def documented_rights(who: str, topics: Topics, app: str) -> list[Right]:
    """The lines of docs/security.md for a worker, a notifier, ..., with the names of an installation."""
    found = []
    for line in re.findall(rf"^\| {who} \| (.+) \|$", _DOCUMENT, re.MULTILINE):
        resource, names, operations = line.split(" | ")
        written = [name for name in re.findall("`(.+?)`", names) if name != "EVENTS"]
        events = [] if "EVENTS" not in names else [name.removeprefix(topics.name("")) for name in topics.inputs]
        for name in [*written, *events]:
            found += [_named(resource, name, operation, topics, app) for operation in operations.split(", ")]
    assert found, f"docs/security.md has no rights for {who}"
    return found


def _named(resource: str, name: str, operation: str, topics: Topics, app: str) -> Right:
    ours = re.sub("^slawatch", app, name)
    if resource == "group":
        return Right(resource, ours, operation)
    return Right(resource, topics.name(ours.removesuffix("*")), operation, name.endswith("*"))


class SecuredRedis:
    """A Redis with TLS whose users are those of docs/security.md, for the keys of one app, and `nobody`."""

    def __init__(self, folder: Path, *, expired: bool = False, host: str = "127.0.0.1") -> None:
        folder.mkdir()
        self.authority = Authority(folder, f"{folder.name}-authority")
        certificate = self.authority.issue("redis", host, expired=expired)
        self.server = RedisServer(certificate, self.authority.file)

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.admin = redis.Redis.from_url(self.server.url)
        return self

    def __exit__(self, *_: object) -> None:
        self.admin.close()
        self.server.stop()

    def admit(self, app: str, password: str = REDIS_PASSWORD) -> None:
        """Let in the documented users of an app, and `nobody`."""
        for user, rules in re.findall(r"^user (\S+) (.+)$", _DOCUMENT, re.MULTILINE):
            own = rules.replace("PASSWORD", password).replace("~slawatch", f"~{app}")
            self.admin.execute_command("ACL", "SETUSER", user, "reset", *own.split())
        self.admin.execute_command("ACL", "SETUSER", "nobody", "reset", "on", f">{password}")

    def settings(self, user: str, password: str = REDIS_PASSWORD, **more: str) -> dict[str, str]:
        """How a command comes in."""
        url = f"rediss://{user}:{quote(password, safe='')}@{self.server.guarded}/0"
        return {"redis": url, "redis_ca_file": str(self.authority.file)} | more

    def refusals(self) -> list[str]:
        """What its ACLs refused so far."""
        return [f"{entry['reason']} {entry['object']}" for entry in self.admin.acl_log()]


def _shows(certificate: Certificate) -> dict[str, str]:
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": _line(certificate.chain_text),
        "ssl.keystore.key": _line(certificate.key_text),
    }


def _line(pem: str) -> str:
    """A PEM text in one line of a Java properties file."""
    return pem.replace("\n", "\\n")
