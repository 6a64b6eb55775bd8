"""How a process writes its log: lines for people, or JSON for machines, on standard error."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_CHATTER = ("aiokafka", "faust", "mode")
QUIET = 30.0  # seconds for which further lines of a kind are left out
KINDS = 1_000  # kinds of lines that are remembered


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"at": self.formatTime(record), "level": record.levelname.lower(), "logger": record.name}
        line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Repeats(logging.Filter):
    """Lets through one line of a kind a while from the Kafka clients, which say the same many times a second while a
    broker is away; it counts those left out."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[tuple[str, str], float] = {}
        self._left_out: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is shown."""
        if not record.name.startswith(_CHATTER):
            return True
        kind = (record.name, str(record.msg))
        if record.created - self._shown.get(kind, 0) < QUIET:
            self._left_out[kind] += 1
            return False
        if len(self._shown) >= KINDS:
            self._shown.clear()
        self._shown[kind] = record.created
        if left_out := self._left_out.pop(kind, 0):
            record.msg, record.args = f"{record.getMessage()} (and {left_out} like it before)", ()
        return True


def set_up(log_format: str, stream: TextIO | None = None) -> None:
    """Log from INFO on; the chatter of the Kafka client only where it warns. To standard error, or to a stream."""
    handler = logging.StreamHandler(stream or sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
    handler.setFormatter(_Json() if log_format == "json" else plain)
    handler.addFilter(_Repeats())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("slawatch", "agents"):
        logging.getLogger(name).setLevel(logging.INFO)
