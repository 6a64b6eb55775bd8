"""Who may send a message: the port of the claims, and the claims of a lone notifier, kept in its memory."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, Protocol

from agents.notifier.message import FINAL, FRESH, digest_of
from streams.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.notifier.message import State

KEPT = 8 * DAY
"""How long a claim is kept, in microseconds: longer than an alert stays on `sla-alerts` and can be read again."""


class ClaimsUnavailable(Exception):
    """The claims cannot be asked now; messages wait."""


class Held(Enum):
    """Where a message stands at the moment it is claimed."""

    OURS = auto()  # nobody has sent it: the caller holds it now
    LEFT_BEHIND = auto()  # somebody may have sent it and is gone: the caller holds it now
    IN_DIGEST = auto()  # the holder is gone and was summing it up: the digest's fate decides, nobody holds it now
    ELSEWHERE = auto()  # another sender is at it
    DONE = auto()  # it has its outcome
    FLUSHED = auto()  # claims were lost, or never filled: fill them from `sla-deliveries` first
    UNREADABLE = auto()  # somebody else has written into them: fill them anew, as if they had been lost


class Claim(NamedTuple):
    """The answer to a claim: `state` is the outcome where DONE, `wait` the microseconds left where ELSEWHERE.

    `holder` is the token of before where IN_DIGEST.
    """

    held: Held
    state: str = ""
    wait: int = 0
    holder: str = ""


class Claims(Protocol):
    """The port. A claim holds for a lease; one whose lease is over was left behind by a sender that died.

    Keys are those of messages; a token names one holder. `sla-deliveries` is the truth, the claims are filled from
    it: `begin`, then `finish` and `left`, then `filled`. Every call may raise ClaimsUnavailable.
    """

    durable: bool
    """Whether the claims outlive this process."""

    async def claim(self, key: str, token: str, lease: int, over: str = "") -> Claim:
        """Take the message for `lease` microseconds; taking again what the token already holds renews it.

        What `over` holds is taken as if nobody held it: the caller knows what became of it. A digest of messages
        that were never sent (a token that begins with FRESH) does not take what was left behind.
        """

    async def ended(self, keys: Sequence[str]) -> list[bool]:
        """Whether each of these messages is known to have its outcome; where claims were lost, none is."""

    async def release(self, key: str, token: str, *, unknown: bool) -> None:
        """Give back what the token holds: as never sent, or (`unknown`) as left behind."""

    async def finish(self, states: Iterable[tuple[str, State]]) -> None:
        """Note final states, whoever holds the claims."""

    async def left(self, begun: Iterable[tuple[str, str]]) -> None:
        """These messages were begun by these tokens, with no outcome: where unclaimed, they are left behind.

        The token itself may take its message again as if nothing had been.
        """

    async def begin(self) -> bool:
        """Filling begins. False where claims of before may be lost: then all outcomes there are must be noted."""

    async def filled(self) -> bool:
        """Claims may be given out. False where some were lost since `begin`: then filling must begin again."""

    async def ping(self) -> None:
        """Returns while claims can be given out and taken back."""


class MemoryClaims:
    """The claims of a single notifier. `clock` gives microseconds; what is forgotten after KEPT bounds the memory."""

    durable = False

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._filled = False
        self._claims: dict[str, tuple[str, str, int]] = {}  # key -> state, holder, end of the lease
        self._born: dict[str, int] = {}  # in the order of their age
        self._swept = clock()

    async def claim(self, key: str, token: str, lease: int, over: str = "") -> Claim:
        """See the port."""
        if not self._filled:
            return Claim(Held.FLUSHED)
        now = self._clock()
        state, holder, until = self._claims.get(key, ("", "", 0))
        if state in FINAL:
            return Claim(Held.DONE, state=state)
        ours = not state or holder == token or (bool(over) and holder == over)
        if not ours and until > now:
            return Claim(Held.ELSEWHERE, wait=until - now)
        if not ours and digest_of(holder) is not None:
            return Claim(Held.IN_DIGEST, holder=holder)
        if ours or not token.startswith(FRESH):
            self._set(key, ("pending", token, now + lease))
        return Claim(Held.OURS if ours else Held.LEFT_BEHIND)

    async def ended(self, keys: Sequence[str]) -> list[bool]:
        """See the port."""
        return [self._filled and self._claims.get(key, ("", "", 0))[0] in FINAL for key in keys]

    async def release(self, key: str, token: str, *, unknown: bool) -> None:
        """See the port."""
        if self._claims.get(key, ("", "", 0))[1] != token:
            return
        if unknown:
            self._set(key, ("pending", "", 0))
        else:
            del self._claims[key], self._born[key]

    async def finish(self, states: Iterable[tuple[str, State]]) -> None:
        """See the port."""
        for key, state in states:
            self._set(key, (state, "", 0))

    async def left(self, begun: Iterable[tuple[str, str]]) -> None:
        """See the port."""
        for key, token in begun:
            if key not in self._claims:
                self._set(key, ("pending", token, 0))

    async def begin(self) -> bool:
        """See the port."""
        return self._filled

    async def filled(self) -> bool:
        """See the port."""
        self._filled = True
        return True

    async def ping(self) -> None:
        """See the port."""

    def _set(self, key: str, value: tuple[str, str, int]) -> None:
        now = self._clock()
        self._claims[key] = value
        self._born.setdefault(key, now)
        if now - self._swept > 60 * SECOND:
            self._swept = now
            for old in [key for key, born in self._born.items() if now - born > KEPT]:
                del self._claims[old], self._born[old]
