"""The page as HTML: its frame in a language, a theme and a layout, which the address says; the script fills it."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from agents.ack.words import spoken
from agents.board.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.board.access import Viewer

THEMES = ("auto", "dark", "light")
LAYOUTS = ("auto", "tv")


class View(NamedTuple):
    """How somebody wants to see it; all of it stands in the address, so that a screen keeps it."""

    lang: str
    theme: str = "auto"
    layout: str = "auto"

    def link(self, **changed: str) -> str:
        """The address of the same page, seen otherwise."""
        return "?" + urlencode(self._replace(**changed)._asdict())

    @property
    def words(self) -> Mapping[str, str]:
        """Of its language."""
        return LANGUAGES[self.lang]


def view(query: Mapping[str, str], accepted: str | None) -> View:
    """What the address asks for; without a language there, the browser's."""
    lang, theme, layout = query.get("lang", ""), query.get("theme", ""), query.get("layout", "")
    return View(
        lang if lang in LANGUAGES else spoken(accepted)["language"],
        theme if theme in THEMES else THEMES[0],
        layout if layout in LAYOUTS else LAYOUTS[0],
    )


@cache
def static(name: str) -> str:
    """A file that is served as it is, or a template."""
    return files("agents.board").joinpath("static", name).read_text(encoding="utf-8")


def board_page(seen: View, viewer: Viewer, *, acknowledges: bool, agents: bool) -> str:
    """The board for somebody; whether they may acknowledge, and see figures of agents."""
    words = seen.words
    who = ""
    if viewer.name is not None:
        role = words[f"role_{viewer.role.name.lower()}"]
        said = escape(words["signed_in"].format(name=viewer.name, role=role))
        button = f"<button>{escape(words['sign_out'])}</button>"
        who = f'<p>{said}</p><form method="post" action="sign-out{escape(seen.link())}">{button}</form>'
    return _filled(
        "board.html",
        seen,
        who=who,
        views=_views(seen),
        acknowledges="yes" if acknowledges else "no",
        words=json.dumps(words, ensure_ascii=False),
        agents=_filled("agents.html", seen) if agents else "",
    )


def sign_in_page(seen: View, told: str = "") -> str:
    """Asks for a token."""
    alert = f'<p role="alert">{escape(told)}</p>' if told else ""
    return _filled("sign-in.html", seen, alert=alert, here=seen.link())


def told_page(seen: View, told: str) -> str:
    """Says one thing."""
    return _filled("told.html", seen, told=told)


_HTML = ("who", "views", "agents", "alert")
"""What is markup already; all else is escaped."""


def _filled(name: str, seen: View, **more: str) -> str:
    values = {**seen.words, "lang": seen.lang, "theme": seen.theme, "layout": seen.layout, **more}
    return Template(static(name)).substitute(
        {word: text if word in _HTML and word in more else escape(text) for word, text in values.items()}
    )


def _views(seen: View) -> str:
    words = seen.words
    others = [("lang", lang, words["language_other"], lang) for lang in LANGUAGES if lang != seen.lang]
    others += [("theme", theme, words[f"theme_{theme}"], "") for theme in THEMES if theme != seen.theme]
    others += [("layout", layout, words[f"layout_{layout}"], "") for layout in LAYOUTS if layout != seen.layout]
    return "".join(
        f'<li><a href="{escape(seen.link(**{name: value}))}"{f" lang={lang} hreflang={lang}" if lang else ""}>'
        f"{escape(text)}</a></li>"
        for name, value, text, lang in others
    )
