"""Who may see the board, as it is written in settings: tokens, roles of people and groups, addresses of proxies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from config.errors import shown

SHORTEST_TOKEN = 32
"""Characters: too many to be guessed."""

_NAME = re.compile(r"[^\s:,=]{1,80}")

Network = IPv4Network | IPv6Network


class Role(IntEnum):
    """What somebody may see; each may what those before it may."""

    VIEWER = 1
    SUPERVISOR = 2
    ADMIN = 3


_ROLES = {role.name.lower(): role for role in Role}


@dataclass(frozen=True)
class Token:
    """Whoever shows `secret` is `name`."""

    role: Role
    name: str
    secret: str = field(repr=False)


def read_tokens(text: str) -> tuple[Token, ...]:
    """`ROLE:NAME:TOKEN`, separated by white space; raises ValueError, in which no token is repeated."""
    found = []
    for place, part in enumerate(text.split(), 1):
        role, _, rest = part.partition(":")
        name, colon, secret = rest.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise ValueError(f"entry {place} is not ROLE:NAME:TOKEN (write viewer:wall:... with a token of your own)")
        if len(secret) < SHORTEST_TOKEN or not secret.isascii():
            raise ValueError(
                f"entry {place}, {name}: a token has {SHORTEST_TOKEN} or more ASCII characters (openssl rand -hex 24)"
            )
        if role not in _ROLES:  # not repeated: it may be a token in the wrong place
            raise ValueError(f"entry {place}: it begins with no role ({', '.join(_ROLES)})")
        found.append(Token(_ROLES[role], name, secret))
    if not found:
        raise ValueError("names nobody (write ROLE:NAME:TOKEN)")
    return tuple(found)


def read_roles(text: str) -> dict[str, Role]:
    """`supervisor=a17,@leads admin=a3`, by the name of a person or of an @group; raises ValueError."""
    found: dict[str, Role] = {}
    for part in text.split():
        role, equals, names = part.partition("=")
        if not equals or not all(_NAME.fullmatch(name.removeprefix("@")) for name in names.split(",")):
            raise ValueError(f"not ROLE=NAME,NAME: {shown(part)} (write supervisor=a17,@leads admin=a3)")
        if role not in _ROLES:
            raise ValueError(f"no such role: {shown(role)} ({', '.join(_ROLES)})")
        for name in names.split(","):
            found[name] = max(_ROLES[role], found.get(name, Role.VIEWER))
    return found


def read_proxies(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by white space or commas; raises ValueError."""
    found = []
    for part in text.replace(",", " ").split():
        try:
            found.append(ip_network(part))
        except ValueError:
            raise ValueError(f"not an address: {shown(part)} (write 10.0.0.5, 10.0.0.0/24 or fd00::/64)") from None
    return tuple(found)
