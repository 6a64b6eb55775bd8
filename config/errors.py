"""Everything that is wrong with a configuration, in words that say what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ADDRESS = re.compile(r"://(?:\S*@)?([^\s/?#@]*)([/?#]\S+)?")  # the host; what comes after it


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong or doubtful: where it stands, the field, and a reason that holds the remedy."""

    file: str
    line: int | None
    field: str
    reason: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.field, self.reason) if part)


class ConfigError(Exception):
    """A configuration that may not take effect, with every problem found in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def shown(text: str) -> str:
    """A user's text as messages quote it: control characters escaped, cut where it is long.

    Of an address its host alone: a password or a token may stand before or after it.
    """
    text = _ADDRESS.sub(lambda match: f"://{match[1]}{'/***' if match[2] else ''}", text)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def near_miss(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` where one of the known words is near, else nothing."""
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), by_folded, n=1)
    return f", did you mean '{by_folded[near[0]]}'?" if near else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """The near miss, else all that is known: ` (known: a, b)`."""
    words = list(known)
    return near_miss(word, words) or (f" (known: {', '.join(words)})" if words else "")
