"""A partition's tickets that press, as rows of its board: each is read anew only where it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.board.record import TicketRow, Tickets
from streams import ticket
from streams.instants import format_instant
from streams.pressing import pressing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.partition import Pressing

_Kept = tuple[bytes, TicketRow | None, int]


class TicketRows:
    """Remembers the rows of the last call. Called off the loop."""

    def __init__(self) -> None:
        self._rows: dict[bytes, _Kept] = {}

    def of(self, found: Pressing, most: int) -> Tickets:
        """What the board says of them: at most so many that fall due."""
        before, self._rows = self._rows, {}
        overdue = self._read(found.overdue, before)
        late = {row.ticket_id for _, row in overdue}
        others = [(at, row) for at, row in self._read(found.soon, before) if row.ticket_id not in late]
        # Overdue by now and not announced yet, a ticket leaves neither list before it is in the other.
        due = [(at, row) for at, row in others if not row.overdue and at <= found.until]
        due.sort(key=lambda item: item[0])
        until = due[most][0] if len(due) > most else found.until
        return Tickets(
            [row for _, row in overdue],
            [row for _, row in due[:most]],
            format_instant(until),
            found.all_overdue,
        )

    def _read(
        self, tickets: Iterable[tuple[bytes, bytes | None]], before: dict[bytes, _Kept]
    ) -> list[tuple[int, TicketRow]]:
        rows = []
        for key, value in tickets:
            if value is None:  # it changed hands or was forgotten in this moment
                continue
            kept = before.get(key)
            if kept is None or kept[0] != value:
                kept = (value, *_row(key.decode(), value))
            self._rows[key] = kept
            if kept[1] is not None:
                rows.append((kept[2], kept[1]))
        return rows


def _row(ticket_id: str, value: bytes) -> tuple[TicketRow | None, int]:
    """The row and its deadline."""
    kept = ticket.decode(value)
    found = pressing(ticket_id, kept)
    if found is None or kept.state is None:
        return None, 0
    state, taken = kept.state, found.taken
    row = TicketRow(
        ticket_id, state.team or "", state.priority or "", state.channel or "", state.agent_id,
        found.target, format_instant(found.deadline), found.overdue, found.alert_id,
        None if taken is None else format_instant(taken.at), None if taken is None else taken.by,
    )  # fmt: skip
    return row, found.deadline
