"""What other limits would have meant: the clocks of a period judged by other promises, beside how they were judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from streams.instants import SECOND, to_datetime
from streams.policies import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import duckdb

    from streams.policies import Policies, Policy


COUNTS: Final = ("judged", "met", "judged_then", "met_then", "now_breached", "now_met", "undecided")


@dataclass(frozen=True, slots=True)
class Shift:
    """The clocks of a target, team and priority under both promises.

    `now_breached`: met before, breached under the others; `now_met` the reverse. `undecided`: what the others would
    say of it is not known.
    """

    target: str
    team: str | None
    priority: str | None
    judged: int
    met: int
    judged_then: int
    met_then: int
    now_breached: int
    now_met: int
    undecided: int = 0

    @property
    def compliance(self) -> float | None:
        """Met / judged as it was; None where none was judged."""
        return self.met / self.judged if self.judged else None

    @property
    def compliance_then(self) -> float | None:
        """Met / judged under the other promises."""
        return self.met_then / self.judged_then if self.judged_then else None

    @property
    def differs(self) -> bool:
        """Whether anything is judged otherwise."""
        return (self.judged, self.met) != (self.judged_then, self.met_then) or bool(self.now_breached or self.now_met)


def total(target: str, of: Sequence[Shift]) -> Shift:
    """All of a target together."""
    sums = (sum(getattr(shift, name) for shift in of) for name in COUNTS)
    return Shift(target, None, None, *sums)


Verdicts = tuple[str | None, str | None]
"""Of one clock: under the one and under the other promises; None where they do not list it."""


def shifts(clocks: Iterable[tuple[str, str | None, str | None, Verdicts]]) -> list[Shift]:
    """Of (target, team, priority, verdicts) of every clock, by target, team and priority."""
    counts: dict[tuple[str, str | None, str | None], list[int]] = {}
    for target, team, priority, (was, then) in clocks:
        count = counts.setdefault((target, team, priority), [0] * 6)
        judged = was in ("met", "breached"), then in ("met", "breached")
        found = (
            *judged,
            was == "met",
            then == "met",
            (was, then) == ("met", "breached"),
            (was, then) == ("breached", "met"),
        )
        for place, holds in enumerate(found):
            count[place] += holds
    listed = (
        Shift(*key, judged, met, judged_then, met_then, worse, better)
        for key, (judged, judged_then, met, met_then, worse, better) in counts.items()
        if judged or judged_then
    )
    return sorted(listed, key=_order)


def _order(shift: Shift) -> tuple[int, str, str]:
    return TARGETS.index(shift.target), shift.team or "", shift.priority or ""


_QUERY = """
    WITH clock AS (
        SELECT c.target, t.team, t.priority, c.verdict, c.elapsed_seconds AS took, c.limit_seconds AS promised,
            list_extract(getvariable('limits')[c.target], {policy}) AS then_promised
        FROM clocks c JOIN tickets t USING (ticket_id)
        WHERE c.started_at >= ? AND c.started_at < ? AND c.verdict <> 'void' AND ({only})
    ), judged AS (
        SELECT *, CASE
            WHEN then_promised IS NULL THEN NULL
            WHEN verdict <> 'pending' AND (took <= promised) = (verdict = 'met')
                THEN if(took <= then_promised, 'met', 'breached')
            WHEN verdict = 'breached' AND took IS NULL AND then_promised <= promised THEN 'breached'
            ELSE 'undecided'
        END AS then_verdict
        FROM clock
    )
    SELECT target, team, priority,
        count(*) FILTER (verdict <> 'pending'),
        count(*) FILTER (verdict = 'met'),
        count(*) FILTER (then_verdict IN ('met', 'breached')),
        count(*) FILTER (then_verdict = 'met'),
        count(*) FILTER (verdict = 'met' AND then_verdict = 'breached'),
        count(*) FILTER (verdict = 'breached' AND then_verdict = 'met'),
        count(*) FILTER (then_verdict = 'undecided')
    FROM judged GROUP BY ALL
"""


def shifts_of(
    connection: duckdb.DuckDBPyConnection, policies: Policies, since: datetime, until: datetime, team: str | None = None
) -> list[Shift]:
    """The ledger's clocks that started in [since, until), beside what the limits of other policies make of them.

    A clock that stopped is judged by the open time that the ledger has of it, so this is exact where the policies
    differ in limits alone, and not in calendars or in what pauses a clock. Policies are matched with the attributes
    that a ticket had last. Undecided: clocks that still run, or that were breached under a longer limit and have not
    stopped since, or whose verdict was not their open time's alone.
    """
    limits = {target: [_seconds(policy, target) for policy in policies] for target in TARGETS}
    connection.execute("SET VARIABLE limits = ?::MAP(VARCHAR, DOUBLE[])", [limits])
    cases, values = _cases(policies)
    only = "t.team = ?" if team is not None else "true"
    query = _QUERY.format(policy=cases, only=only)
    teams = [team] if team is not None else []
    rows = connection.execute(query, [*values, since, until, *teams]).fetchall()
    return sorted((Shift(*row) for row in rows), key=_order)


def _seconds(policy: Policy, target: str) -> float | None:
    promise = policy.promises.get(target)
    return promise.limit / SECOND if promise is not None else None


def _cases(policies: Iterable[Policy]) -> tuple[str, list[Any]]:
    """SQL for the place (from 1) of the policy that holds for clock `c` of ticket `t`, and its parameters."""
    cases, values = ["WHEN false THEN 0"], list[Any]()
    for place, policy in enumerate(policies, start=1):
        conditions = ["true"]
        for name, wanted in policy.when.items():
            conditions.append(
                "coalesce(list_has_any(t.tags, ?), false)"
                if name == "tags"
                else f"coalesce(list_contains(?, t.{name}), false)"
            )
            values.append(sorted(wanted))
        for instant, sign in ((policy.effective_from, ">="), (policy.effective_until, "<")):
            if instant is not None:
                conditions.append(f"c.started_at {sign} ?")
                values.append(to_datetime(instant))
        cases.append(f"WHEN {' AND '.join(conditions)} THEN {place}")
    return f"CASE {' '.join(cases)} END", values
