"""The people who may be on call, and the id by which each chat service knows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.errors import shown
from config.source import read_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from config.source import Node

SERVICES = ("slack", "teams", "dingtalk", "wecom", "feishu", "email")
ID_PATTERN = r"[+]?[A-Za-z0-9][A-Za-z0-9._@+=-]{0,127}"
"""No id of these services holds more, and nothing of it acts in a message."""


_EVERYBODY = ("all", "everyone", "here", "channel")
_EXAMPLES = {
    "slack": "the member id, U024BE7LH",
    "teams": "the user principal name or the object id, ann@example.com",
    "dingtalk": "the user id or the mobile number, 13800000000 or +852-60000000",
    "wecom": "the user id",
    "feishu": "the open id, ou_...",
    "email": "an address, ann@example.com",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be on call: `ids` by service, for those where they are to be mentioned and not just named."""

    name: str
    ids: Mapping[str, str]


def read_people(node: Node | None) -> dict[str, Person]:
    """The people of a file by the word that its rotas use; notes what is wrong."""
    people = {}
    for word, item in (node.mapping() if node is not None else {}).items():
        found = item.entries(("name", *SERVICES))
        name = found["name"].read(read_name) if "name" in found else word
        ids = {service: found[service].read(_id(service)) for service in SERVICES if service in found}
        people[word] = Person(name or word, {service: known for service, known in ids.items() if known is not None})
    return people


def _id(service: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        usable = re.fullmatch(ID_PATTERN, text) is not None
        if service == "email":
            usable = usable and re.fullmatch(r"[^@]+@[^@]+", text) is not None
        elif service == "slack":  # what begins otherwise is a channel or a group, which must not be called
            usable = usable and re.fullmatch(r"[UW][A-Z0-9]+", text) is not None
        else:
            usable = usable and text.casefold() not in _EVERYBODY
        if not usable:
            raise ValueError(f"not the id of one person: {shown(text)} (write {_EXAMPLES[service]})")
        return text

    return parse
