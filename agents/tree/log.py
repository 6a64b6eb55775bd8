"""One log of many processes: every line with the name of the process that wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 1 << 20
"""Bytes after which a line without an end is taken for one."""
_CHUNK = 1 << 16


class _Readable(Protocol):
    async def read(self, n: int) -> bytes: ...


class MergedLog:
    """Writes lines for people (`worker   | ...`), or for machines: JSON objects with `process` as their first field."""

    def __init__(self, write: Callable[[bytes], object], log_format: str, names: tuple[str, ...]) -> None:
        self._write = write
        self._json = log_format == "json"
        self._width = max(map(len, names))

    def line(self, name: str, line: bytes) -> None:
        """A line without its end."""
        if self._json:
            self._write(msgspec.json.encode({"process": name, **_object(line)}) + b"\n")
        else:
            self._write(f"{name:<{self._width}} | ".encode() + line + b"\n")

    async def follow(self, name: str, output: _Readable) -> None:
        """Every line of an output, to its end."""
        rest = b""
        while chunk := await output.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.line(name, line)
            if len(rest) > LONGEST:
                self.line(name, rest)
                rest = b""
        if rest:
            self.line(name, rest)


def _object(line: bytes) -> dict[str, Any]:
    """The fields of a line; what is no JSON object, as a traceback's lines, is its message."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"message": line.decode(errors="backslashreplace")}


class Lines:
    """A text stream for a log handler, whose lines go to the merged log."""

    def __init__(self, log: MergedLog, name: str) -> None:
        self._log = log
        self._name = name

    def write(self, text: str) -> int:
        """As a text stream has it; logging writes whole records, which may hold several lines."""
        for line in text.splitlines():
            self._log.line(self._name, line.encode(errors="backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""
