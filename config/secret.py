"""Secrets come from an environment variable, or from the file that a second variable names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def fill(environ: Mapping[str, str], text: str) -> str:
    """The text with each `${NAME}` in it replaced by the secret of that name; raises ValueError where there is none."""

    def value(match: re.Match[str]) -> str:
        secret = read_secret(environ, match[1])
        if secret is None:
            raise ValueError(f"the environment variable {match[1]} is not set (set it, or {match[1]}_FILE)")
        return secret

    return _PLACEHOLDER.sub(value, text)


def read_secret(environ: Mapping[str, str], name: str) -> str | None:
    """The variable's value, or the content of the file in `NAME_FILE` without its last line break; else None.

    Raises ValueError where both are set, or the file cannot be read or is empty. What was read is in no message, nor
    is the name of a file that is not there: it may be the secret itself, in the wrong variable.
    """
    value, file = environ.get(name), environ.get(f"{name}_FILE")
    if not file:
        return value or None
    if value:
        raise ValueError(f"{name} and {name}_FILE are both set (unset one of the two)")
    try:
        secret = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{name}_FILE: {shown(file)} is not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{name}_FILE: cannot read that file: {error.strerror}") from None
    if not secret:
        raise ValueError(f"{name}_FILE: {shown(file)} is empty")
    return secret


UNSET = "https://unset.invalid"
"""Stands for a secret that is not known: a name that leads nowhere (RFC 2606)."""


class StandIns(dict[str, str]):
    """The environment, where a missing secret is noted: a file is checked where its secrets are not known."""

    def __init__(self) -> None:
        super().__init__(os.environ)
        self.asked: list[str] = []

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # narrower than the base
        """The variable, or a stand-in which is a URL and a header's value alike."""
        if name in self or name.endswith("_FILE"):
            return super().get(name, default)
        if not super().get(f"{name}_FILE"):
            self.asked.append(name)
            return UNSET
        return default
