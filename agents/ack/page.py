"""The page behind a link: it shows what would be acknowledged and one button; only the button acts.

Chats open links to show what they lead to (https://api.slack.com/robots), and so do mail scanners: they GET, so a GET
changes nothing. The form sends a proof that its sender was shown the page, and browsers say where a form came from
(MDN, "Sec-Fetch-Site"; with no-referrer its Origin says nothing). There is no cookie to misuse.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from agents.ack.events import LONGEST_NAME, LONGEST_NOTE
from agents.ack.links import BadLink, Expired
from agents.ack.taking import take, used
from agents.ack.uses import UsesUnavailable
from agents.ack.words import spoken
from agents.notifier.text import clean
from streams.instants import SECOND, format_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.ack.links import Keys, Link
    from agents.ack.taking import Taken, Write
    from agents.ack.uses import Uses

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


class AckPage:
    """Answers for `/ack/...`. `write` puts an event on Kafka and raises NotWritten; `clock` gives microseconds.

    `user_header`: what a proxy before it says who is signed in by; without one people type their name.
    """

    def __init__(
        self,
        keys: Keys,
        uses: Uses,
        write: Write,
        clock: Callable[[], int],
        *,
        user_header: str | None = None,
        language: str = "en",
    ) -> None:
        self._keys = keys
        self._uses = uses
        self._write = write
        self._clock = clock
        self._user_header = user_header
        self._language = language

    def app(self) -> web.Application:
        """What is served."""
        app = web.Application(client_max_size=LARGEST_FORM)
        app.add_routes([web.get("/ack/{token}", self.shown), web.post("/ack/{token}", self.pressed)])
        app.on_response_prepare.append(_strict)
        return app

    async def shown(self, request: web.Request) -> web.Response:
        """The page with the button; changes nothing."""
        words = spoken(request.headers.get("Accept-Language"), self._language)
        token = request.match_info["token"]
        link = self._link(token, words)
        if isinstance(link, web.Response):
            return link
        try:
            use = await self._uses.of(link.alert_id)
        except UsesUnavailable:
            return _page(words, words["redis_away"], 503)
        if use is not None:
            return _told(words, used(use))
        return self._form(request, words, token, link)

    async def pressed(self, request: web.Request) -> web.Response:
        """Acknowledge."""
        words = spoken(request.headers.get("Accept-Language"), self._language)
        token = request.match_info["token"]
        link = self._link(token, words)
        if isinstance(link, web.Response):
            return link
        form = await request.post()
        came_from = request.headers.get("Sec-Fetch-Site", "same-origin")
        if came_from != "same-origin" or not self._keys.proves(token, str(form.get("proof", ""))):
            return _page(words, words["elsewhere"], 403)
        typed = form.get("by", "") if self._user_header is None else request.headers.get(self._user_header, "")
        by, note = clean(typed, LONGEST_NAME), clean(form.get("note", ""), LONGEST_NOTE)
        if not by:
            if self._user_header is not None:
                return _page(words, words["no_user"], 403)
            return self._form(request, words, token, link, words["no_name"], status=422)
        return await self._acknowledge(words, link, by, note)

    async def _acknowledge(self, words: dict[str, str], link: Link, by: str, note: str) -> web.Response:
        taken = await take(self._uses, self._write, link.alert_id, link.ticket_id, by, note, self._clock())
        return _told(words, taken)

    def _link(self, token: str, words: dict[str, str]) -> Link | web.Response:
        try:
            return self._keys.read(token, self._clock())
        except BadLink:
            return _page(words, words["forged"], 403)
        except Expired:
            return _page(words, words["expired"], 410)

    def _form(
        self, request: web.Request, words: dict[str, str], token: str, link: Link, told: str = "", *, status: int = 200
    ) -> web.Response:
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
        form = (
            f"<dl>{about}</dl><p>{words['means']}</p>"
            f'<form method="post">{who}<label>{words["note"]}<input name="note" maxlength="{LONGEST_NOTE}"></label>'
            f'<input type="hidden" name="proof" value="{self._keys.proof(token)}">'
            f"<button>{words['button']}</button></form>"
        )
        return _page(words, told, status, more=form)


def _told(words: dict[str, str], taken: Taken) -> web.Response:
    status = {"under_way": 409, "kafka_away": 503, "redis_away": 503}.get(taken.how, 200)
    whose = {"by": taken.use.by, "at": _at(taken.use.at)} if taken.use is not None else {}
    return _page(words, words[taken.how].format(**whose), status)


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
