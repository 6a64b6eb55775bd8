"""Which tickets are drawn for checking, and why each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reports.measures.response import OVERDUE
from reports.measures.satisfaction import POOR

if TYPE_CHECKING:
    from collections.abc import Collection

    from reports.measures.ground import Ground

_WHOLE: Final = 100_000  # shares have up to three decimals of a percent: so they divide it evenly


@dataclass(frozen=True, slots=True)
class Drawn:
    """A ticket to check. `overdue`: its targets that were breached; `rating`: where the customer was dissatisfied.

    With neither it was drawn by lot.
    """

    ticket_id: str
    resolved_at: int
    agent: str | None
    type: str | None
    channel: str | None
    overdue: tuple[str, ...]
    rating: int | None


@dataclass(frozen=True, slots=True)
class Draw:
    """What was drawn, in the order of the sheet, from how many `tickets`, of which `taken` were not to be drawn."""

    tickets: int
    taken: int
    drawn: tuple[Drawn, ...]


def draw(ground: Ground, share: float, seed: int, *, daily: bool, without: Collection[str] = ()) -> Draw:
    """A share of the effective tickets that were resolved in the ground's period; `daily`: of those of each day.

    Rounded up, and less those that have been reviewed or are `without`, which are never drawn (again). The overdue and
    those that their customers rated low come first, above all those that are both; others by lot. Lots are the
    MD5 of seed and ticket: the same seed draws the same, and what is added to the ledger moves nobody's lot.
    """
    resolved = ground.table("resolved")
    ground.connection.execute("CREATE OR REPLACE TEMP TABLE drawn_before (ticket_id VARCHAR)")
    if without:
        ground.connection.execute("INSERT INTO drawn_before SELECT unnest($ids)", {"ids": list(without)})
    rows = ground.rows(
        f"""
        WITH population AS (
            SELECT one.*, coalesce(late.targets, []) AS overdue, one.score <= {POOR} AS low,
                one.ticket_id IN (SELECT ticket_id FROM reviews)
                    OR one.ticket_id IN (SELECT ticket_id FROM drawn_before) AS taken
            FROM {resolved} AS one LEFT JOIN (
                SELECT ticket_id, list_sort(list(DISTINCT target)) AS targets FROM clocks
                WHERE verdict = 'breached' AND target IN ({", ".join(map(repr, OVERDUE))}) GROUP BY ticket_id
            ) AS late USING (ticket_id)
            WHERE one.effective
        ), quotas AS (
            SELECT {"day" if daily else "''"} AS batch, count(*) AS tickets, count(*) FILTER (taken) AS taken,
                (count(*) * $share + {_WHOLE - 1}) // {_WHOLE} - count(*) FILTER (taken) AS quota
            FROM population GROUP BY batch
        ), placed AS (
            SELECT *, {"day" if daily else "''"} AS batch, row_number() OVER (
                PARTITION BY batch
                ORDER BY (len(overdue) > 0)::INTEGER + coalesce(low, false)::INTEGER DESC,
                    md5($seed || ':' || ticket_id), ticket_id
            ) AS place
            FROM population WHERE NOT taken
        )
        SELECT (SELECT sum(tickets) FROM quotas)::BIGINT, (SELECT sum(taken) FROM quotas)::BIGINT, placed.ticket_id,
            epoch_us(happened_at), agent, type, channel, overdue, CASE WHEN low THEN score END
        FROM (SELECT 1) LEFT JOIN (placed JOIN quotas USING (batch)) ON place <= quota ORDER BY batch, place
        """,
        {"share": round(share * _WHOLE), "seed": str(seed)},
    )
    drawn = tuple(
        Drawn(ticket_id, at, agent, kind, channel, tuple(overdue), rating)
        for _, _, ticket_id, at, agent, kind, channel, overdue, rating in rows
        if ticket_id is not None
    )
    return Draw(rows[0][0] or 0, rows[0][1] or 0, drawn)
