"""Texts that others wrote, made harmless for a sheet: nothing that a spreadsheet would work out."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 500
"""Characters of a cell; ids are at most 256, and a comment that goes on is read in the ticket."""

_FORMULA = re.compile(r"(^|;)(\s*)([=+\-@＝＋－＠])")
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def plain(text: str) -> str:
    """One line of at most `LONGEST` characters, without control characters and marks that turn the direction."""
    line = text if text.isprintable() else "".join(map(_seen, text))
    line = line.strip()
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _seen(sign: str) -> str:
    return " " if unicodedata.category(sign) in _UNSEEN else sign


def is_formula(text: str) -> bool:
    """Would a spreadsheet read this text as a formula if it were typed in?"""
    return _FORMULA.match(text) is not None


def inert(text: str) -> str:
    """The text for a CSV file, in which all there is to stop a formula is an apostrophe before it.

    So also after a semicolon: where that is the list separator of the country, a spreadsheet begins a cell there.
    """
    return _FORMULA.sub(r"\1\2'\3", text)
