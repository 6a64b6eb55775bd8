"""Who a report is for: whether figures of single agents are in it, and whether tickets say whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Role = Literal["manager", "supervisor", "agent"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True)
class Audience:
    """A manager reads no figure of a single agent, a supervisor all, an agent their own.

    Under `pseudonyms` tickets name no handler, for whoever can open the ticket would learn whose pseudonym it is; and
    what people wrote, who may name anybody, is left out.
    """

    role: Role = "manager"
    pseudonyms: bool = False

    @property
    def sees_agents(self) -> bool:
        return self.role != "manager"

    @property
    def compares_agents(self) -> bool:
        return self.role == "supervisor"

    @property
    def sees_handlers(self) -> bool:
        """May a ticket's row say whose it is, and show what the customer wrote of them?"""
        return self.sees_agents and not self.pseudonyms

    @property
    def sees_deductions(self) -> bool:
        """May what reviewers wrote be in it?"""
        return not self.pseudonyms
