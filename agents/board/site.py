"""What the board serves people: the page, the stream, the API, and who is let in to which.

Nothing changes anything but POST, and that only where it comes from a page of ours or shows a token.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from agents.ack.events import LONGEST_NOTE, NotWritten
from agents.ack.uses import UNDER_WAY, UsesUnavailable
from agents.board import openapi
from agents.board.access import COOKIE, VALID, same_site
from agents.board.answers import Acknowledged, Agents, Failure, Look, Looks, Note
from agents.board.page import board_page, sign_in_page, static, told_page, view
from agents.board.summing import agents_of
from agents.notifier.text import clean
from agents.web import form
from config.board_access import Role
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import NoReturn

    from agents.ack.taking import Taking
    from agents.board.access import Access, Viewer
    from agents.board.feed import Feed, Shot
    from agents.board.meters import BoardMetrics
    from agents.board.page import View

LARGEST_BODY = 4096  # bytes
VIEWERS = 500
"""Streams at a time; one costs what is sent on it."""
PATIENCE = 10.0
"""Seconds until a viewer who takes nothing is given up."""
LOOKS = 1_000

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "Server": "slawatch",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

_FILES = {"board.js": "text/javascript", "board.css": "text/css", "icon.svg": "image/svg+xml"}

log = logging.getLogger("slawatch.board")
_encode = msgspec.json.Encoder().encode


class Site:
    """Answers requests out of one feed. `taking` None: nothing is acknowledged here."""

    def __init__(
        self, feed: Feed, access: Access, metrics: BoardMetrics, clock: Callable[[], int], taking: Taking | None
    ) -> None:
        self._feed = feed
        self._access = access
        self._metrics = metrics
        self._clock = clock
        self._taking = taking
        self._looks: deque[Look] = deque(maxlen=LOOKS)
        self._viewers = 0

    def app(self) -> web.Application:
        """What is served."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._counted])
        app.add_routes(
            [
                web.get("/", self.page),
                web.post("/sign-in", self.sign_in),
                web.post("/sign-out", self.sign_out),
                web.get("/static/{name}", self.file),
                web.get("/api/board", self.board),
                web.get("/api/stream", self.stream),
                web.get("/api/agents", self.agents),
                web.get("/api/looks", self.looks),
                web.get("/api/openapi.json", self.described),
                web.post("/api/alerts/{alert_id}/acknowledge", self.acknowledge),
            ]
        )
        app.on_response_prepare.append(_strict)
        return app

    # Pages

    async def page(self, request: web.Request) -> web.Response:
        """The board, or what is missing to see it."""
        seen, viewer = _view(request), self._access.viewer(request)
        if viewer is None:
            if self._access.trust.tokens:
                return _html(sign_in_page(seen), 401)
            return _html(told_page(seen, seen.words[self._missing()]), 403)
        acknowledges = self._taking is not None and viewer.role >= Role.SUPERVISOR
        return _html(board_page(seen, viewer, acknowledges=acknowledges, agents=viewer.role >= Role.SUPERVISOR))

    async def sign_in(self, request: web.Request) -> web.Response:
        """A session for whoever shows a token."""
        seen = _view(request)
        if not same_site(request):
            return _html(told_page(seen, seen.words["elsewhere"]), 403)
        secret = (await form(request)).get("token", "").strip()
        viewer = self._access.by_token(secret)
        if viewer is None:
            log.warning("somebody at %s showed a token that is not known", request.remote)
            return _html(sign_in_page(seen, seen.words["sign_in_wrong"]), 401)
        log.info("%s signed in from %s", viewer.name, request.remote)
        response = _back(seen)
        response.set_cookie(
            COOKIE, self._access.session(secret), max_age=VALID // SECOND, httponly=True, samesite="Strict",
            secure=self._access.secure(request), path="/",
        )  # fmt: skip
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """Ends the session."""
        seen = _view(request)
        if not same_site(request):
            return _html(told_page(seen, seen.words["elsewhere"]), 403)
        response = _back(seen)
        response.del_cookie(COOKIE, path="/")
        return response

    async def file(self, request: web.Request) -> web.Response:
        """Script, style and icon; nothing in them is anybody's."""
        name = request.match_info["name"]
        if name not in _FILES:
            raise web.HTTPNotFound
        return web.Response(text=static(name), content_type=_FILES[name], charset="utf-8")

    # The API

    async def board(self, request: web.Request) -> web.Response:
        """The picture of now."""
        viewer = self._allowed(request, Role.VIEWER)
        return web.Response(body=_body(self._shot(), viewer), content_type="application/json")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """A picture each second as a server-sent event (WHATWG HTML, "Server-sent events")."""
        viewer = self._allowed(request, Role.VIEWER)
        if self._viewers >= VIEWERS or self._feed.stopped:
            _fail(web.HTTPServiceUnavailable, "too many are watching; try again later")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        self._viewers += 1
        self._metrics.viewers.set(self._viewers)
        try:
            await response.prepare(request)
            await self._tell(request, response, viewer)
        finally:
            self._viewers -= 1
            self._metrics.viewers.set(self._viewers)
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, viewer: Viewer) -> None:
        """Ends with the session, with the process, and with a viewer who takes nothing."""
        seen: Shot | None = None
        with suppress(ConnectionError):
            await response.write(b"retry: 2000\n\n")
            while (shot := await self._feed.next(seen)) is not None and self._access.viewer(request) == viewer:
                seen = shot
                try:
                    async with asyncio.timeout(PATIENCE):
                        await response.write(b"event: picture\ndata: " + _body(shot, viewer) + b"\n\n")
                except TimeoutError:
                    self._metrics.slow.inc()
                    if request.transport is not None:
                        request.transport.abort()
                    return

    async def agents(self, request: web.Request) -> web.Response:
        """Figures of agents; the look is logged before anything is shown."""
        viewer = self._allowed(request, Role.SUPERVISOR)
        shot, now = self._shot(), self._clock()
        look = Look(format_instant(now // SECOND * SECOND), viewer.name or "", request.remote or "")
        self._looks.append(look)
        self._metrics.looks.inc()
        log.info("%s looked at the figures of agents, from %s", look.name, look.address)
        return _json(Agents(shot.whole.at, agents_of(shot.boards, shot.whole)))

    async def looks(self, request: web.Request) -> web.Response:
        """Who looked at them."""
        self._allowed(request, Role.ADMIN)
        return _json(Looks(list(reversed(self._looks))))

    async def described(self, request: web.Request) -> web.Response:
        """The API as an OpenAPI document."""
        self._allowed(request, Role.VIEWER)
        return web.json_response(openapi.document())

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Somebody takes an alert that the board shows."""
        viewer = self._allowed(request, Role.SUPERVISOR)
        if not same_site(request):
            _fail(web.HTTPForbidden, "this was sent from another site and is refused")
        if request.content_type != "application/json":
            _fail(web.HTTPUnsupportedMediaType, "the body must be application/json")
        try:
            note = msgspec.json.decode(await request.read() or b"{}", type=Note).note
        except web.HTTPRequestEntityTooLarge:
            _fail(web.HTTPBadRequest, f"the body is over {LARGEST_BODY:,} bytes")
        except msgspec.MsgspecError as error:
            _fail(web.HTTPBadRequest, f"the body is not {{note}}: {error}")
        if self._taking is None:
            _fail(web.HTTPServiceUnavailable, "this board takes no acknowledgements: SLAWATCH_KAFKA is not set")
        alert_id, whole = request.match_info["alert_id"], self._shot().whole
        ticket_id = next((one.ticket_id for one in whole.overdue if one.alert_id == alert_id), None)
        if ticket_id is None:
            _fail(web.HTTPNotFound, "no overdue ticket on the board has this alert")
        by = viewer.name or ""
        try:
            use, mine = await self._taking.take(alert_id, ticket_id, by, clean(note, LONGEST_NOTE))
        except UsesUnavailable:
            _fail(web.HTTPServiceUnavailable, "Redis does not answer: nothing is acknowledged yet, try again")
        except NotWritten:
            _fail(web.HTTPServiceUnavailable, "Kafka does not answer: nothing is acknowledged yet, try again")
        if use == UNDER_WAY:
            _fail(web.HTTPConflict, "somebody is acknowledging it at this moment")
        if mine:
            self._metrics.acknowledged.inc()
            log.info("%s acknowledged alert %s of ticket %s", by, alert_id, ticket_id)
        return _json(Acknowledged(alert_id, use.by, format_instant(use.at // SECOND * SECOND), not mine))

    # Inside

    def _allowed(self, request: web.Request, role: Role) -> Viewer:
        viewer = self._access.viewer(request)
        if viewer is None:
            _fail(web.HTTPUnauthorized, f"nobody who is known: {self._missing()}")
        if viewer.role < role:
            _fail(web.HTTPForbidden, f"for {role.name.lower()}s")
        return viewer

    def _missing(self) -> str:
        """Why somebody is not known, as the key of a word."""
        return "sign_in_proxy" if self._access.trust.configured else "host_only"

    def _shot(self) -> Shot:
        if self._feed.shot is None:
            _fail(web.HTTPServiceUnavailable, "nothing was read from Redis yet")
        return self._feed.shot

    @web.middleware
    async def _counted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as refused:
            self._count(refused.status)
            raise
        self._count(response.status)
        return response

    def _count(self, status: int) -> None:
        if status in (401, 403, 503):
            self._metrics.refused.labels(str(status)).inc()


def _body(shot: Shot, viewer: Viewer) -> bytes:
    return shot.named if viewer.role >= Role.SUPERVISOR else shot.nameless


def _fail(kind: type[web.HTTPException], error: str) -> NoReturn:
    text = _encode(Failure(error)).decode()
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"} if kind is web.HTTPUnauthorized else {}
    raise kind(text=text, content_type="application/json", headers=headers)


def _json(answer: msgspec.Struct) -> web.Response:
    return web.Response(body=_encode(answer), content_type="application/json")


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def _view(request: web.Request) -> View:
    return view(request.query, request.headers.get("Accept-Language"))


def _back(seen: View) -> web.Response:
    """To the page, as it was seen; relative, for a proxy may serve it under a path."""
    return web.Response(status=303, headers={"Location": f"./{seen.link()}"})


async def _strict(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
