"""Calibration: how far reviewers who scored the same ticket agree, by criterion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.measures.things import score_column

if TYPE_CHECKING:
    from reports.measures.ground import Ground


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two reviewers on a criterion, over the tickets that both scored.

    `difference`: the mean of |a - b|; `bias`: the mean of a - b; `kappa`: None where neither ever varied.
    """

    criterion: str
    reviewers: tuple[str, str]
    tickets: int
    difference: float
    bias: float
    kappa: float | None


def agreement(ground: Ground) -> list[Agreement]:
    """Each pair of reviewers and criterion, the pairs with the most tickets in common first.

    Of a reviewer's reviews of a ticket the newest counts. Weighted kappa (Cohen 1968) with quadratic weights,

        kappa = 1 - sum(w_ij O_ij) / sum(w_ij E_ij),  w_ij = (i - j)^2,

    which is, E being the product of the margins, 1 - mean((a - b)^2) / (var(a) + var(b) + (mean(a) - mean(b))^2) with
    population variances (Fleiss and Cohen 1973). 1: the same scores; 0: as by chance.
    """
    found = []
    for name in ground.quality.names:
        rows = ground.rows(f"""
            WITH given AS (
                SELECT ticket_id, reviewer_id, {score_column(name)} AS score FROM {ground.table("reviews")}
                WHERE reviewer_id IS NOT NULL AND {score_column(name)} IS NOT NULL
            ), pairs AS (
                SELECT one.reviewer_id AS first, other.reviewer_id AS second, one.score AS a, other.score AS b
                FROM given AS one JOIN given AS other
                ON one.ticket_id = other.ticket_id AND one.reviewer_id < other.reviewer_id
            )
            SELECT first, second, count(*), avg(abs(a - b)), avg(a - b), 1 - avg((a - b) * (a - b))
                / nullif(var_pop(a) + var_pop(b) + (avg(a) - avg(b)) * (avg(a) - avg(b)), 0)
            FROM pairs GROUP BY first, second
        """)
        found += [Agreement(name, (first, second), *rest) for first, second, *rest in rows]
    order = {name: place for place, name in enumerate(ground.quality.names)}
    return sorted(found, key=lambda each: (-each.tickets, each.reviewers, order[each.criterion]))
