"""Who asks: by a token, by the session that a token began, or by what a trusted proxy says; and what may change things.

A session is a cookie that needs no memory: name, end and their HMAC-SHA256 (RFC 2104) under a key of the token. Who
takes the token out of the settings ends its sessions with it, and any number of boards know them.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from agents.notifier.text import clean
from config.board_access import Role
from streams.instants import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiohttp import web

    from config.board_access import Network, Token

COOKIE = "slawatch_board"
VALID = 30 * DAY
"""How long a session holds, in microseconds: a screen on a wall is not signed in each morning."""

LONGEST_NAME = 100

_PURPOSE = b"slawatch: a session of the board"
_OF_THIS_MACHINE = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?")


class Viewer(NamedTuple):
    """Somebody who may look; `name` None: nobody in particular, where no access is configured."""

    name: str | None
    role: Role


class Trust(NamedTuple):
    """What is believed: tokens, and the headers of which proxies."""

    tokens: Sequence[Token] = ()
    proxies: Sequence[Network] = ()
    user_header: str | None = None
    groups_header: str | None = None
    roles: Mapping[str, Role] = {}

    @property
    def configured(self) -> bool:
        """Whether anybody is told from anybody else; else whoever is at this machine is a viewer."""
        return bool(self.tokens) or self.user_header is not None


class Access:
    """Tells who a request is from. `clock` gives microseconds since the epoch."""

    def __init__(self, trust: Trust, clock: Callable[[], int]) -> None:
        self.trust = trust
        self._clock = clock

    def viewer(self, request: web.Request) -> Viewer | None:
        """Who asks; None: nobody who is known."""
        if not self.trust.configured:
            return Viewer(None, Role.VIEWER) if _OF_THIS_MACHINE.fullmatch(request.host) else None
        return self._bearer(request) or self._named_by_proxy(request) or self._session(request.cookies.get(COOKIE, ""))

    def by_token(self, secret: str) -> Viewer | None:
        """Whose token it is."""
        said = secret.encode(errors="surrogateescape")  # as it came, whatever it is
        # All are compared, whichever fits: the time it takes says nothing.
        fits = [token for token in self.trust.tokens if hmac.compare_digest(token.secret.encode(), said)]
        return Viewer(fits[0].name, fits[0].role) if fits else None

    def session(self, secret: str) -> str:
        """The cookie of a session that somebody begins who has shown their token."""
        (token,) = [token for token in self.trust.tokens if token.secret == secret][:1]
        ends = (self._clock() + VALID) // SECOND
        return f"{_text(token.name.encode())}.{ends}.{_signature(token, ends)}"

    def secure(self, request: web.Request) -> bool:
        """Whether a browser may be told to send the cookie by TLS alone."""
        return request.secure or (self._from_proxy(request) and request.headers.get("X-Forwarded-Proto") == "https")

    def _bearer(self, request: web.Request) -> Viewer | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        return self.by_token(secret.strip()) if scheme.lower() == "bearer" else None

    def _session(self, cookie: str) -> Viewer | None:
        name, _, rest = cookie.partition(".")
        ends, _, signature = rest.partition(".")
        if not cookie.isascii() or not re.fullmatch(r"[0-9]{1,12}", ends) or int(ends) * SECOND <= self._clock():
            return None
        for token in self.trust.tokens:
            if _text(token.name.encode()) == name and hmac.compare_digest(_signature(token, int(ends)), signature):
                return Viewer(token.name, token.role)
        return None

    def _named_by_proxy(self, request: web.Request) -> Viewer | None:
        header = self.trust.user_header
        if header is None or not self._from_proxy(request) or len(request.headers.getall(header, [])) != 1:
            return None
        name = clean(request.headers[header], LONGEST_NAME)
        if not name or name.startswith("@"):  # else a person could be called as a group
            return None
        names = [name]
        if self.trust.groups_header is not None:
            groups = ",".join(request.headers.getall(self.trust.groups_header, [])).split(",")
            names += [f"@{group.strip()}" for group in groups]
        return Viewer(name, max(self.trust.roles.get(one, Role.VIEWER) for one in names))

    def _from_proxy(self, request: web.Request) -> bool:
        try:
            peer = ip_address(request.remote or "")
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)  # on a socket for both an IPv4 address is written so
        return any((mapped or peer) in network for network in self.trust.proxies)


def same_site(request: web.Request) -> bool:
    """Whether what changes something was sent by a page of ours, or by a program that shows its token.

    Browsers say where a request comes from: Sec-Fetch-Site on TLS and on this machine, Origin everywhere (W3C, "Fetch
    Metadata Request Headers"). What a browser adds by itself, as a cookie, proves nothing; a token in a header does.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin in (f"https://{request.host}", f"http://{request.host}")
    return request.headers.get("Authorization", "").lower().startswith("bearer ")


def _signature(token: Token, ends: int) -> str:
    key = hmac.digest(token.secret.encode(), _PURPOSE, sha256)
    return _text(hmac.digest(key, f"{token.role}.{token.name}.{ends}".encode(), sha256))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
