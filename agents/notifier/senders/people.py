"""The one person a card calls, as each service knows them: an id that is no group and breaks out of nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.notifier.card import Card

_IDS = {
    "slack": re.compile(r"[UW][A-Z0-9]{2,20}"),
    "teams": re.compile(r"[A-Za-z0-9._%+-]{1,64}(@[A-Za-z0-9.-]{1,120})?"),  # an object id or a user principal name
    "dingtalk": re.compile(r"[A-Za-z0-9_.-]{1,64}|\+\d{1,4}-\d{4,14}"),  # a user id or a mobile number
    "wecom": re.compile(r"[A-Za-z0-9_.@-]{1,64}"),
    "feishu": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "email": re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"),
}
_EVERYBODY = ("all", "@all", "everyone", "here", "channel")


def person_id(card: Card, service: str) -> str | None:
    """The id at a service of the person whom a card calls; None where there is nobody, or no id fit for it."""
    named = card.mention.ids.get(service) if card.mention is not None else None
    if named is None or named.casefold() in _EVERYBODY or not _IDS[service].fullmatch(named):
        return None
    return named
