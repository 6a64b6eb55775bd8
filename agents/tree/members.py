"""The commands that make up a site: a line each."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from config.settings import Settings


class Member(NamedTuple):
    """A command that runs until it is told to stop."""

    command: str
    listens: str
    """The setting that says where it answers /readyz."""
    passed_on: tuple[signal.Signals, ...] = ()
    """Signals that it understands as the tree does."""
    of_use_with: str | None = None
    """The setting without which a site does not have it."""


ALL = (
    Member("worker", "metrics_listen", (signal.SIGHUP,)),
    Member("notifier", "notifier_listen", (signal.SIGHUP,)),
    Member("board", "board_metrics_listen", of_use_with="redis"),
)


def members(settings: Settings) -> tuple[Member, ...]:
    """Those that the settings have a use for."""
    return tuple(member for member in ALL if member.of_use_with is None or getattr(settings, member.of_use_with))
