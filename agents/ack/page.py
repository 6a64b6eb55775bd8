"""The page behind a link: it shows what would be acknowledged and one button; only the button acts.

Chats open links to show what they lead to (https://api.slack.com/robots), and so do mail scanners: they GET, so a GET
changes nothing. The form sends a proof that its sender was shown the page, and browsers say where a form came from
(MDN, "Sec-Fetch-Site"; with no-referrer its Origin says nothing). There is no cookie to misuse.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from agents.ack.events import LONGEST_NAME, LONGEST_NOTE, NotWritten
from agents.ack.links import BadLink, Expired
from agents.ack.uses import UNDER_WAY, Use, UsesUnavailable
from agents.ack.words import spoken
from agents.notifier.text import clean
from agents.web import form
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.ack.links import Keys, Link
    from agents.ack.taking import Taking

LARGEST_FORM = 4096  # bytes

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem}"
    "dt{color:#555}dd{margin:0 0 .6rem;overflow-wrap:anywhere}"
    "label{display:block;margin:.8rem 0}input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem}"
    "button{font:inherit;font-weight:600;padding:.7rem 1.4rem}p.told{font-weight:600}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


class Visit(NamedTuple):
    """A request by a link that holds."""

    request: web.Request
    words: dict[str, str]
    token: str
    link: Link


class AckPage:
    """Answers for `/ack/...`. `clock` gives microseconds since the epoch.

    `user_header`: what a proxy before it says who is signed in by; without one people type their name.
    """

    def __init__(
        self,
        keys: Keys,
        taking: Taking,
        clock: Callable[[], int],
        *,
        user_header: str | None = None,
        language: str = "en",
    ) -> None:
        self._keys = keys
        self._taking = taking
        self._clock = clock
        self._user_header = user_header
        self._language = language

    def app(self) -> web.Application:
        """What is served."""
        app = web.Application(client_max_size=LARGEST_FORM)
        app.add_routes([web.get("/ack/{token}", self._by_link(self._shown))])
        app.add_routes([web.post("/ack/{token}", self._by_link(self._pressed))])
        app.on_response_prepare.append(_strict)
        return app

    def _by_link(
        self, answer: Callable[[Visit], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Answers where the link is ours and holds, and says what is wrong otherwise."""

        async def handle(request: web.Request) -> web.Response:
            words = spoken(request.headers.get("Accept-Language"), self._language)
            token = request.match_info["token"]
            try:
                return await answer(Visit(request, words, token, self._keys.read(token, self._clock())))
            except BadLink:
                return _page(words, words["forged"], 403)
            except Expired:
                return _page(words, words["expired"], 410)
            except UsesUnavailable:
                return _page(words, words["redis_away"], 503)
            except NotWritten:
                return _page(words, words["kafka_away"], 503)

        return handle

    async def _shown(self, visit: Visit) -> web.Response:
        """The page with the button; changes nothing."""
        use = await self._taking.taken(visit.link.alert_id)
        return self._form(visit) if use is None else _used(visit.words, use)

    async def _pressed(self, visit: Visit) -> web.Response:
        """Acknowledge."""
        request, words, token, link = visit
        said = await form(request)
        came_from = request.headers.get("Sec-Fetch-Site", "same-origin")
        if came_from != "same-origin" or not self._keys.proves(token, said.get("proof", "")):
            return _page(words, words["elsewhere"], 403)
        typed = said.get("by", "") if self._user_header is None else request.headers.get(self._user_header, "")
        by, note = clean(typed, LONGEST_NAME), clean(said.get("note", ""), LONGEST_NOTE)
        if not by:
            if self._user_header is not None:
                return _page(words, words["no_user"], 403)
            return self._form(visit, words["no_name"], status=422)
        use, now = await self._taking.take(link.alert_id, link.ticket_id, by, note)
        return _page(words, words["done"].format(by=use.by, at=_at(use.at)), 200) if now else _used(words, use)

    def _form(self, visit: Visit, told: str = "", *, status: int = 200) -> web.Response:
        request, words, token, link = visit
        user = None if self._user_header is None else clean(request.headers.get(self._user_header, ""), LONGEST_NAME)
        if user == "":
            return _page(words, words["no_user"], 403)
        who = (
            f'<label>{words["name"]}<input name="by" required maxlength="{LONGEST_NAME}" autocomplete="name"></label>'
            if user is None
            else f"<p>{escape(words['as'].format(by=user))}</p>"
        )
        about = "".join(
            f"<dt>{words[word]}</dt><dd>{escape(clean(text, 256))}</dd>"
            for word, text in (("ticket", link.ticket_id), ("alert", link.alert_id), ("sent_to", link.destination))
        )
        page = (
            f"<dl>{about}</dl><p>{words['means']}</p>"
            f'<form method="post">{who}<label>{words["note"]}<input name="note" maxlength="{LONGEST_NOTE}"></label>'
            f'<input type="hidden" name="proof" value="{self._keys.proof(token)}">'
            f"<button>{words['button']}</button></form>"
        )
        return _page(words, told, status, more=page)


def _used(words: dict[str, str], use: Use) -> web.Response:
    if use == UNDER_WAY:
        return _page(words, words["under_way"], 409)
    return _page(words, words["already"].format(by=use.by, at=_at(use.at)), 200)


def _page(words: dict[str, str], told: str, status: int, more: str = "") -> web.Response:
    """A whole page; `told` is text, `more` is HTML. One that may be tried again leads to itself."""
    text = f'<p class="told">{escape(told)}</p>' if told else ""
    back = f'<p><a href="?">{words["again"]}</a></p>' if status in (409, 503) else ""
    html = (
        f'<!doctype html><html lang="{words["language"]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{words['title']}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{words['title']}</h1>{text}{more}{back}</main></body></html>"
    )
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")


async def _strict(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _at(instant: int) -> str:
    return format_instant(instant // SECOND * SECOND)
