"""Cross-analysis: speed against quality, and compliance against satisfaction, by agent or type; and who is best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reports.measures.response import FIRST, kept
from reports.measures.satisfaction import satisfaction
from reports.measures.scores import scores

if TYPE_CHECKING:
    from reports.measures.ground import Ground

Quadrant = Literal["fast_and_good", "fast_but_poor", "good_but_slow", "slow_and_poor"]


@dataclass(frozen=True, slots=True)
class Crossed:
    """An agent or a type: three figures, each with the tickets that it stands on.

    `quadrant` is None where there are too few tickets to judge; `kept_but_dissatisfied`: compliance reaches its goal
    and the average rating is under the benchmark.
    """

    name: str
    compliance: float | None
    judged: int
    score: float | None
    reviewed: int
    rating: float | None
    rated: int
    quadrant: Quadrant | None
    kept_but_dissatisfied: bool | None


@dataclass(frozen=True, slots=True)
class Best:
    """The best agents by a figure, equal ones together; on how many tickets each stands."""

    agents: tuple[str, ...]
    value: float
    tickets: tuple[int, ...]


def crossed(ground: Ground, by: str) -> list[Crossed]:
    """交叉分析: fast is a first-response compliance of the goal or more, good an average score of the flag threshold or
    more (响应快但质量差: fast but poor; 质量好但响应慢: good but slow). By name.

    A figure that stands on fewer than `least_tickets` tickets judges nobody.
    """
    quality = ground.quality
    speed, reviews, ratings = kept(ground, FIRST, (by,)), scores(ground, (by,)), satisfaction(ground, (by,))
    goal = quality.goals.get("first_response_compliance")
    benchmark = quality.goals.get("average_rating")
    found = []
    for name in sorted(key[0] for key in {*speed, *reviews, *ratings} if key[0] is not None):
        fast, good, rated = speed.get((name,)), reviews.get((name,)), ratings.get((name,))
        compliance, judged = (fast.compliance, fast.tickets) if fast is not None else (None, 0)
        score, reviewed = (good.mean, good.tickets) if good is not None else (None, 0)
        rating, heard = (rated.mean, rated.rated) if rated is not None else (None, 0)
        quadrant: Quadrant | None = None
        dissatisfied = None
        if goal is not None and compliance is not None and judged >= quality.least_tickets:
            if score is not None and reviewed >= quality.least_tickets:
                quadrant = _quadrant(compliance >= goal, score >= quality.flag_below)
            if benchmark is not None and rating is not None and heard >= quality.least_tickets:
                dissatisfied = compliance >= goal and rating < benchmark
        found.append(Crossed(name, compliance, judged, score, reviewed, rating, heard, quadrant, dissatisfied))
    return found


def fastest(ground: Ground) -> Best | None:
    """响应速度之星: the highest first-response compliance, and of as high the shortest mean response time."""
    ranked = {
        name: ((-each.compliance, each.mean), each.compliance, each.tickets)
        for (name,), each in kept(ground, FIRST, ("agent",)).items()
        if name is not None and each.compliance is not None and each.mean is not None
        and each.tickets >= ground.quality.least_tickets
    }  # fmt: skip
    return _best(ranked)


def best_scored(ground: Ground) -> Best | None:
    """服务质量标兵: the highest average score."""
    ranked = {
        name: ((-each.mean, 0.0), each.mean, each.tickets)
        for (name,), each in scores(ground, ("agent",)).items()
        if name is not None and each.mean is not None and each.tickets >= ground.quality.least_tickets
    }
    return _best(ranked)


def _quadrant(fast: bool, good: bool) -> Quadrant:
    if fast:
        return "fast_and_good" if good else "fast_but_poor"
    return "good_but_slow" if good else "slow_and_poor"


def _best(ranked: dict[str, tuple[tuple[float, float], float, int]]) -> Best | None:
    if not ranked:
        return None
    top = min(rank for rank, _, _ in ranked.values())
    agents = sorted(name for name, (rank, _, _) in ranked.items() if rank == top)
    return Best(tuple(agents), ranked[agents[0]][1], tuple(ranked[name][2] for name in agents))
