"""Links by which an alert is acknowledged: what one says, and that it is ours and still holds.

A link is `BASE/ack/PAYLOAD.SIGNATURE`, both in URL-safe base64: a list of alert, ticket, destination, the second at
which it ends and a nonce, and its HMAC-SHA256 (RFC 2104). Whoever has one may acknowledge that alert, and no other.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from streams.alert_record import STANDING
from streams.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

VALID = 7 * DAY
"""How long a link holds, in microseconds: as long as the alert stays on `sla-alerts`."""

LONGEST = 2000
"""Characters of the longest link's end that is looked at."""

_PURPOSE = b"slawatch: acknowledge an alert"


class BadLink(ValueError):
    """It is not ours, or was changed on its way."""


class Expired(ValueError):
    """It is ours and holds no longer."""


class Link(NamedTuple):
    """What a link says; `expires` in seconds since the epoch."""

    alert_id: str
    ticket_id: str
    destination: str
    expires: int
    nonce: str


class Keys:
    """Signs with the first secret and accepts all of them, so that a secret can be changed while links are about."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("no secret")
        self._keys = [hmac.digest(secret.encode(), _PURPOSE, sha256) for secret in secrets]

    def __repr__(self) -> str:
        return f"Keys({len(self._keys)})"

    def sign(self, link: Link) -> str:
        """The link's end: `PAYLOAD.SIGNATURE`."""
        payload = _text(msgspec.json.encode(tuple(link)))
        return f"{payload}.{self._signature(self._keys[0], payload)}"

    def read(self, token: str, now: int) -> Link:
        """What it says, at an instant in microseconds. Raises BadLink and Expired."""
        payload, dot, signature = token.partition(".")
        if not dot or len(token) > LONGEST or not token.isascii():
            raise BadLink
        # All are compared, whichever fits: the time it takes says nothing.
        fits = [hmac.compare_digest(self._signature(key, payload), signature) for key in self._keys]
        if not any(fits):
            raise BadLink
        try:
            link = Link(*msgspec.json.decode(_bytes(payload), type=tuple[str, str, str, int, str]))
        except (ValueError, TypeError):  # signed by us and no link: another version's
            raise BadLink from None
        if link.expires * SECOND <= now:
            raise Expired
        return link

    def proof(self, token: str) -> str:
        """What the page's form sends along: shows that whoever presses the button was shown the page."""
        return self._signature(self._keys[0], f"form {token}")

    def proves(self, token: str, proof: str) -> bool:
        """Whether a form came from the page of this link."""
        fits = [
            hmac.compare_digest(self._signature(key, f"form {token}").encode(), proof.encode()) for key in self._keys
        ]
        return any(fits)

    @staticmethod
    def _signature(key: bytes, text: str) -> str:
        return _text(hmac.digest(key, text.encode(), sha256))


def ack_links(
    keys: Keys, base_url: str, clock: Callable[[], int], valid: int = VALID
) -> Callable[[Mapping[str, Any], str], str | None]:
    """Makes the link of an alert record for a destination; None where there is nothing to acknowledge.

    `clock` gives microseconds since the epoch, `valid` is in microseconds. A warning has nothing to stop,
    and what the monitor tells of itself belongs to no ticket.
    """
    base = base_url.rstrip("/")

    def link(record: Mapping[str, Any], destination: str) -> str | None:
        if record.get("kind") != "raised" or record.get("level") not in STANDING:
            return None
        expires = (clock() + valid) // SECOND
        said = Link(str(record["alert_id"]), str(record["ticket_id"]), destination, expires, token_urlsafe(9))
        return f"{base}/ack/{keys.sign(said)}"

    return link


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
