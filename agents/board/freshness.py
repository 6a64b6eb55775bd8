"""Which partitions' boards are the present, and so whether the monitor is live, partly so, or blind."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, get_args

import msgspec

from agents.board.answers import Monitor, State, Trouble, TroubleName
from agents.board.record import Read
from streams.instants import format_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

STALE = 6.0
"""Seconds after which a board that stays as it is is not the present: workers write one a second."""

GONE = 15.0
"""Seconds after which what is known of a partition is not shown any more: as long as a board is kept in Redis."""

_TOLD: tuple[TroubleName, ...] = get_args(TroubleName)
_decode = msgspec.json.Decoder(Read).decode


class _Held:
    """A partition's board; `ticks`: when it was last seen to change."""

    __slots__ = ("board", "raw", "ticks")

    def __init__(self, raw: bytes, board: Read, ticks: float) -> None:
        self.raw, self.board, self.ticks = raw, board, ticks


class Freshness:
    """Takes what Redis holds, each second. Time is given twice: `ticks`, seconds that nobody sets, and `now`."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._held: dict[int, _Held] = {}
        self._since: dict[tuple[TroubleName, int], int] = {}
        self._away = False

    def take(self, values: Sequence[bytes | None] | None, ticks: float) -> None:
        """The partitions' documents in their order; None: Redis did not answer."""
        for number, value in enumerate(values or ()):
            held = self._held.get(number)
            if value is None:
                self._held.pop(number, None)
            elif held is None or held.raw != value:
                try:
                    self._held[number] = _Held(value, _decode(value), ticks)
                except msgspec.MsgspecError:  # somebody else's: as if there were none
                    self._held.pop(number, None)
        self._held = {number: held for number, held in self._held.items() if ticks - held.ticks < GONE}
        self._away = values is None

    @property
    def boards(self) -> list[Read]:
        """What is known of the partitions."""
        return [self._held[number].board for number in sorted(self._held)]

    def monitor(self, ticks: float, now: int) -> Monitor:
        """As of now (microseconds)."""
        found: defaultdict[TroubleName, list[int]] = defaultdict(list)
        for number in range(self._partitions):
            held = self._held.get(number)
            if held is None:
                found["missing"].append(number)
            elif ticks - held.ticks >= STALE:
                found["stale"].append(number)
            else:
                for name in _names(held.board):
                    found[name].append(number)
        if self._away:
            found["redis"] = list(range(self._partitions))
        dark = {number for numbers in found.values() for number in numbers}
        live = self._partitions - len(dark)
        names = {(name, number) for name, numbers in found.items() for number in numbers}
        self._since = {one: self._since.get(one, now) for one in names}
        troubles = [
            Trouble(name, numbers, format_instant(min(self._since[name, number] for number in numbers)))
            for name, numbers in sorted(found.items())
        ]
        workers = {held.board.worker for held in self._held.values() if ticks - held.ticks < STALE}
        state: State = "live" if not dark else "partly" if live else "blind"
        return Monitor(state, self._partitions, live, len(self._held), len(workers), troubles)


def _names(board: Read) -> set[TroubleName]:
    """What its worker has to say against itself; what a newer one says that is not known here is `other`."""
    known = {name for name in _TOLD if name in board.problems}
    return known | {"other"} if len(known) < len(board.problems) else known
