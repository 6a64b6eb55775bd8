"""Secrets come from an environment variable, or from the file that a second variable names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import shown

if TYPE_CHECKING:
    from collections.abc import Mapping


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
