"""Reviews: average scores, score rates of single criteria, what was flagged, and whether steps were followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.quality import HIGHEST
from reports.measures.things import score_column

if TYPE_CHECKING:
    from reports.measures.ground import By, Ground, Key


@dataclass(frozen=True, slots=True)
class Item:
    """The scores of a criterion."""

    name: str
    scored: int
    sum: int

    @property
    def rate(self) -> float | None:
        """The item score rate (单项得分率): sum / (5 x scored)."""
        return self.sum / (HIGHEST * self.scored) if self.scored else None


@dataclass(frozen=True, slots=True)
class Scores:
    """The reviews of a period; `mean` is of `maximum`, `flagged` those with a total under the threshold."""

    tickets: int
    reviews: int
    mean: float | None
    maximum: int
    flagged: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A review: its scores by criterion, None where it was not scored, and its total."""

    ticket_id: str
    at: int
    agent: str | None
    reviewer: str | None
    scores: dict[str, int | None]
    total: float
    flagged: bool
    deductions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A process check: on how many tickets a reviewer said that the step was taken, or that it was not."""

    name: str
    tickets: int
    passed: int
    failed: int

    @property
    def share(self) -> float | None:
        """passed / (passed + failed)."""
        return self.passed / (self.passed + self.failed) if self.passed + self.failed else None


def scores(ground: Ground, by: By = ()) -> dict[Key, Scores]:
    """The average score (平均服务评分) = sum of totals / reviews, and each item's score rate (单项得分率).

    A total is maximum x sum(weight x score) / (5 x sum(weight)) over the criteria that were scored: with the shipped
    file, the sum of four scores, of 20.
    """
    names = ground.quality.names
    items = ", ".join(f"count({column}), coalesce(sum({column}), 0)::BIGINT" for column in map(score_column, names))
    sums = f"count(DISTINCT ticket_id), count(*), fsum(points / scale) / count(*), count(*) FILTER (flagged), {items}"
    found = {}
    for key, (tickets, reviews, mean, flagged, *rest) in ground.grouped("reviews", sums, by).items():
        each = tuple(Item(name, rest[2 * i], rest[2 * i + 1]) for i, name in enumerate(names))
        found[key] = Scores(tickets, reviews, mean, ground.quality.maximum, flagged, each)
    return found


def score_rows(ground: Ground, *, flagged_only: bool = False, limit: int | None = None) -> list[ScoreRow]:
    """Table 2, a row a review, in order of time; `flagged_only`: the coaching list, the lowest totals first."""
    names = ground.quality.names
    columns = "".join(f"{score_column(name)}, " for name in names)
    order = f"happened_at, ticket_id, reviewer_id, {columns} deductions"  # total: the same ledger, the same rows
    if flagged_only:
        order = f"points / scale, {order}"
    rows = ground.rows(f"""
        SELECT ticket_id, epoch_us(happened_at), agent, reviewer_id, {columns} points / scale, flagged, deductions
        FROM {ground.table("reviews")} {"WHERE flagged" if flagged_only else ""}
        ORDER BY {order} LIMIT {"ALL" if limit is None else limit}
    """)
    return [
        ScoreRow(
            ticket_id, at, agent, reviewer, dict(zip(names, given, strict=True)), total, flagged, tuple(deductions)
        )
        for ticket_id, at, agent, reviewer, *given, total, flagged, deductions in rows
    ]


def checks(ground: Ground, by: By = ()) -> dict[Key, tuple[Checked, ...]]:
    """Process checks: share = passed / (passed + failed) of the reviews whose labels say one of the two.

    A review with a label of both counts as failed.
    """
    if not ground.quality.process_checks:
        return {}
    sums = []
    for check in ground.quality.process_checks:
        failed, passed = (
            f"list_has_any(labels, [{', '.join(_text(label) for label in sorted(labels))}]::VARCHAR[])"
            for labels in (check.failed, check.passed)
        )
        sums.append(
            f"count(DISTINCT ticket_id) FILTER ({passed} OR {failed}), count(*) FILTER ({passed} AND NOT {failed}), "
            f"count(*) FILTER ({failed})"
        )
    rows = ground.grouped("reviews", ", ".join(sums), by)
    return {
        key: tuple(
            Checked(check.name, *row[3 * i : 3 * i + 3]) for i, check in enumerate(ground.quality.process_checks)
        )
        for key, row in rows.items()
    }


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
