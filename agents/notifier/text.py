"""Text of tickets as data: one short line in which nothing hides, and nothing acts once a service has read it."""

from __future__ import annotations

import re
import unicodedata

_FULL_WIDTH = 0xFEE0
_ADDRESS = re.compile(r"(?i)\b(mailto|tel|sms|sip|xmpp|data|javascript):(?=\S)|(?<=\w):(?=//)")
_DOMAIN = re.compile(r"(?<=\w)(?:\.(?=[^\W\d_]{2})|[\u3002\uff0e\uff61](?=[A-Za-z]{2}))")


def clean(text: object, length: int) -> str:
    """One line of at most `length` characters in which nothing acts: no control, bidi or invisible characters.

    Markup is each sender's affair, for what acts differs from one chat to the next.
    """
    kept = []
    for char in str(text)[: 8 * length]:
        category = unicodedata.category(char)
        if char.isspace() or category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category not in ("Cf", "Cs", "Co", "Cn"):
            kept.append(char)
    line = " ".join("".join(kept).split())
    return cut(line, length)


def cut(line: str, length: int) -> str:
    """A line of at most `length` characters, with a mark where some are missing."""
    return line if len(line) <= length else line[: length - 1] + "…"


def tame(text: object, length: int) -> str:
    """As `clean`, and no chat makes a link of it: `http[:]//evil[.]example`, as those write who warn of addresses.

    Chats link bare addresses of their own accord, also where no markup is read.
    """
    return cut(_DOMAIN.sub("[.]", _ADDRESS.sub(r"\1[:]", clean(text, 2 * length))), length)


def full_width(text: str, chars: str) -> str:
    """The text with these ASCII characters in their full-width form: read as before, and no markup any more.

    For services whose markup has no escape that their documentation promises.
    """
    return text.translate({ord(char): ord(char) + _FULL_WIDTH for char in chars})


def fitting(lines: list[str], limit: int, separator: str = "\n") -> str:
    """The lines joined, in UTF-8 of at most `limit` bytes: those that would go beyond it are left out, "…" ends it.

    So a line is whole or not there, and no link or markup is cut in two. The first is cut to what fits.
    """
    kept: list[str] = []
    room = limit - len(("…" + separator).encode())
    for number, line in enumerate(lines):
        size = len((line + separator).encode())
        if size > room:
            if number == 0:
                kept.append(line.encode()[: max(room, 0)].decode("utf-8", "ignore"))
            return separator.join([*kept, "…"])
        kept.append(line)
        room -= size
    return separator.join(kept)
