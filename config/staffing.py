"""The staffing file: what share of each promise is to be kept, which channels are live, how long the work takes."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from config.errors import ConfigError, shown
from config.source import Node, read_file, read_text, read_version
from streams.demand import Staffing
from streams.instants import parse_duration
from streams.policies import TARGETS

if TYPE_CHECKING:
    from pathlib import Path

FILE_KEYS = ("version", "goals", "channels")
CHANNEL_KEYS = ("live", "handle")
GOAL_PATTERN = r"\d{1,2}(?:\.\d{1,3})?%"

_TRUTH = {"true": True, "false": False}
_PERCENT = 100


def load_staffing(path: Path) -> Staffing:
    """The staffing of a file; what it leaves out is as shipped. Raises ConfigError with everything wrong with it."""
    return _staffing(read_file(path), default_staffing())


def default_staffing() -> Staffing:
    """What holds where no staffing file is set."""
    content = resources.files("config").joinpath("defaults/staffing.yaml").read_bytes()
    return _staffing(read_text(content, "defaults/staffing.yaml"), Staffing({}, frozenset(), {}))


def staffing_of(path: Path | None) -> Staffing:
    """That of a file, or the shipped one. Raises ConfigError."""
    return default_staffing() if path is None else load_staffing(path)


def _staffing(root: Node, default: Staffing) -> Staffing:
    found = root.entries(FILE_KEYS, required=("version",))
    read_version(found.get("version"))
    goals = dict(default.goals)
    for target, node in (found["goals"].entries(TARGETS) if "goals" in found else {}).items():
        goals[target] = node.read(_share) or 0.0
    live = set(default.live)
    handling = dict(default.handling)
    for channel, node in (found["channels"].mapping() if "channels" in found else {}).items():
        told = node.entries(CHANNEL_KEYS)
        if "live" in told:
            is_live = _TRUTH.get(told["live"].choice(_TRUTH, "answer") or "")
            live = live | {channel} if is_live else live - {channel}
        if "handle" in told:
            handling[channel] = _handle(told["handle"])
    if root.problems:
        raise ConfigError(sorted(root.problems, key=lambda problem: problem.line or 0))
    return Staffing(goals, frozenset(live), handling)


def _share(text: str) -> float:
    share = float(text[:-1]) / _PERCENT if re.fullmatch(GOAL_PATTERN, text) else 0.0
    if share <= 0:
        raise ValueError(f"not a share: {shown(text)} (write 90%, more than 0 and less than 100)")
    return share


def _handle(node: Node) -> int:
    duration = node.read(parse_duration)
    if duration == 0:
        node.bad("work takes more than no time (write 6m, or leave it out)")
    return duration or 0
