"""What became of a digest that somebody else was at: all its messages ask, and go by that."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from uuid import uuid4

from agents.notifier.claims import ClaimsUnavailable, Held
from agents.notifier.message import DIGEST, Delivery, key_of
from streams.instants import format_instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.notifier.claims import Claim
    from agents.notifier.site import Site

REMEMBERED = 100
"""Digests whose end is not asked for again."""


class Fates:
    """Of one destination's digests. `claim` takes a key and a token and asks the claims."""

    def __init__(self, site: Site, claim: Callable[[str, str], Awaitable[Claim]]) -> None:
        self._site = site
        self._claim = claim
        self._token = uuid4().hex  # holds the claim of a digest while it is looked into
        self._known: dict[str, str] = {}

    async def of(self, digest: str) -> tuple[str, int]:
        """A state, `unknown`, or `later` with the microseconds until it may be known. Raises ClaimsUnavailable.

        One that nobody ever claimed was never sent. It is claimed here, and recorded as void before anything is made
        of that: whoever made it can send it no more, even if it only stood still.
        """
        site = self._site
        if digest in self._known:
            return self._known[digest], 0
        key = key_of(digest, DIGEST, site.name)
        claim = await self._claim(key, self._token)
        match claim.held:
            case Held.DONE:
                return self._ended(digest, claim.state), 0
            case Held.OURS:
                void = Delivery(digest, DIGEST, site.name, "void", format_instant(site.clock()), 0, repeat=False)
                await site.outcomes.ahead(void)
                return self._ended(digest, "void"), 0
            case Held.LEFT_BEHIND:
                with contextlib.suppress(ClaimsUnavailable):
                    await site.claims.release(key, self._token, unknown=True)
                return "unknown", 0
            case Held.FLUSHED | Held.UNREADABLE:
                await site.refill()
        return "later", claim.wait

    def _ended(self, digest: str, state: str) -> str:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[digest] = state
        return state
