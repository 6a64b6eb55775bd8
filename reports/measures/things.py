"""The things that measures count, as queries over the ledger's views: when each happened, and its ticket's classes.

A query takes the columns that measures read and no others, and a ticket's classes are worked out of them where somebody
groups by them: of millions of tickets it is the columns that take the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from config.quality import HIGHEST, Quality
from reports.measures.local_time import local_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from config.quality import Shift

REPEAT_WITHIN: Final = "INTERVAL 7 DAYS"
"""A ticket of the same customer and category so soon is a repeat."""

_CONTACT: Final = "customer_id, coalesce(category, '') AS subject, created_at"
_CONTACTED: Final = "customer_id IS NOT NULL AND status <> 'cancelled'"
_HELD: Final = "tickets.status <> 'cancelled'"
_HANDLER: Final = "coalesce(things.agent_id, last.agent_id)"
_NAMED: Final = "coalesce(named, things.agent_id, last.agent_id)"


class Asked(NamedTuple):
    """What is asked for: the period's edges as SQL writes them, and a condition on tickets."""

    quality: Quality
    since: str
    until: str
    scope: str

    def within(self, instant: str) -> str:
        """Whether an instant lies in the period."""
        return f"{instant} >= {self.since} AND {instant} < {self.until}"


class Thing(NamedTuple):
    """A query that gives tickets' columns, `happened_at`, perhaps whom the thing names, and `columns` of its own."""

    query: Callable[[Asked], str]
    agent: str
    columns: Callable[[Quality], str]


def thing_query(thing: str, asked: Asked) -> str:
    """The things of a period and scope, each with whom it counts for, and what `classes` needs of its ticket."""
    query, agent, columns = THINGS[thing]
    return f"""
        WITH things AS MATERIALIZED ({query(asked)}), last AS (
            SELECT ticket_id, max({{'at': replies.at, 'agent_id': agent_id}}).agent_id AS agent_id FROM replies
            WHERE agent_id IS NOT NULL AND ticket_id IN (SELECT ticket_id FROM things WHERE agent_id IS NULL)
            GROUP BY ticket_id
        )
        SELECT ticket_id, created_at, team, kind, category, priority, channel, {agent} AS agent, happened_at,
            {columns(asked.quality)}
        FROM things LEFT JOIN last USING (ticket_id)
    """


def classes(quality: Quality, since: int, until: int) -> str:
    """The columns that follow from those of a thing of this time: `type`, `shift`, `complexity`, `day`."""
    begun, happened = (local_time(name, quality.timezone, since, until) for name in ("created_at", "happened_at"))
    return f"""
        coalesce(kind, category) AS type, {_shift(quality, begun)} AS shift, {_complexity(quality)} AS complexity,
        strftime({happened}, '%Y-%m-%d') AS day
    """


def _created(asked: Asked) -> str:
    """Tickets created, cancelled ones too; `due`: its promised resolution has been judged; `repeated`: its customer
    had one of the category in the days before.
    """
    return f"""
        WITH new AS MATERIALIZED (SELECT * FROM tickets WHERE {asked.within("created_at")} AND {asked.scope}),
        again AS (
            SELECT ticket_id FROM (SELECT ticket_id, {_CONTACT} FROM new) AS one ASOF JOIN (
                SELECT {_CONTACT} FROM tickets
                WHERE {_CONTACTED} AND created_at >= {asked.since} - {REPEAT_WITHIN} AND created_at < {asked.until}
            ) AS before
            ON one.customer_id = before.customer_id AND one.subject = before.subject
                AND one.created_at > before.created_at
            WHERE before.created_at >= one.created_at - {REPEAT_WITHIN}
        )
        SELECT *, created_at AS happened_at, ticket_id IN (FROM again) AS repeated,
            status <> 'cancelled' AND ticket_id IN (
                SELECT ticket_id FROM clocks WHERE target = 'resolution' AND verdict IN ('met', 'breached')
            ) AS due
        FROM new
    """


def _resolved(asked: Asked) -> str:
    """Tickets that are resolved or closed, at that instant; `first_contact`: by one public reply, and for good;
    `score`: of its ratings the newest.
    """
    return f"""
        WITH done AS MATERIALIZED (
            SELECT * FROM tickets
            WHERE status IN ('resolved', 'closed') AND {asked.within("done_at")} AND {asked.scope}
        ), again AS (
            SELECT ticket_id FROM (
                SELECT ticket_id, {_CONTACT}, done_at FROM done WHERE reply_count = 1 AND reopenings = 0
            ) AS one ASOF JOIN (
                SELECT {_CONTACT} FROM tickets
                WHERE {_CONTACTED} AND customer_id IN (SELECT customer_id FROM done)
            ) AS after
            ON one.customer_id = after.customer_id AND one.subject = after.subject
                AND one.created_at < after.created_at
            WHERE after.created_at <= one.done_at + {REPEAT_WITHIN}
        ), rated AS (
            SELECT ticket_id, max({{'at': ratings.at, 'score': score}}).score AS score FROM ratings
            WHERE ticket_id IN (SELECT ticket_id FROM done) GROUP BY ticket_id
        )
        SELECT done.*, done_at AS happened_at, epoch_us(done_at) - epoch_us(created_at) AS open_for,
            reply_count = 1 AND reopenings = 0 AND ticket_id NOT IN (FROM again) AS first_contact, score
        FROM done LEFT JOIN rated USING (ticket_id)
    """


def _clocks(asked: Asked) -> str:
    """Judged clocks, when they were judged; those older than a target's newest 64, in one row, at the creation."""
    judged = "CASE one.verdict WHEN 'met' THEN one.stopped_at ELSE one.breached_at END"
    return f"""
        SELECT tickets.*, {judged} AS happened_at, one.target, one.cycle, one.started_at,
            one.stopped_at, one.limit_seconds, (one.verdict = 'met')::INTEGER AS met,
            (one.verdict = 'breached')::INTEGER AS breached,
            (one.elapsed_seconds IS NOT NULL)::INTEGER AS timed, one.elapsed_seconds AS seconds, true AS single
        FROM clocks AS one JOIN tickets ON one.ticket_id = tickets.ticket_id
        WHERE one.verdict IN ('met', 'breached') AND {asked.within(judged)} AND {_HELD} AND {asked.scope}
        UNION ALL
        SELECT tickets.*, tickets.created_at, one.target, NULL, tickets.created_at, NULL, NULL,
            one.met, one.breached, one.elapsed_count, one.elapsed_seconds, false
        FROM totals AS one JOIN tickets ON one.ticket_id = tickets.ticket_id
        WHERE one.met + one.breached > 0 AND {asked.within("tickets.created_at")} AND {_HELD} AND {asked.scope}
    """


def _reviews(asked: Asked) -> str:
    """Reviews with a known criterion; of a reviewer's reviews of a ticket the newest, which corrects the others.

    `points` / `scale` is the total, in whole numbers so that it compares exactly:
    total = maximum x sum(weight x score) / (5 x sum(weight)), over the criteria that were scored: with equal weights
    and all of four criteria, the sum of the scores, of 20.
    """
    scores = [(each, f"one.scores[{_text(each.name)}]") for each in asked.quality.criteria]
    columns = "".join(f"{score} AS {score_column(each.name)}, " for each, score in scores)
    points = " + ".join(f"coalesce({each.weight} * {score}, 0)" for each, score in scores)
    scale = " + ".join(f"CASE WHEN {score} IS NULL THEN 0 ELSE {each.weight} END" for each, score in scores)
    return f"""
        SELECT tickets.*, one.* EXCLUDE (ticket_id), points < {asked.quality.flag_below} * scale AS flagged
        FROM (
            SELECT one.ticket_id, one."at" AS happened_at, one.agent_id AS named, one.reviewer_id, {columns}
                one.deductions, one.labels,
                {asked.quality.maximum}::BIGINT * ({points}) AS points, {HIGHEST} * ({scale}) AS scale
            FROM reviews AS one
            QUALIFY one.reviewer_id IS NULL
                OR row_number() OVER (PARTITION BY one.ticket_id, one.reviewer_id ORDER BY one."at" DESC) = 1
        ) AS one JOIN tickets ON one.ticket_id = tickets.ticket_id
        WHERE scale > 0 AND {asked.within("happened_at")} AND {_HELD} AND {asked.scope}
    """


def _each(view: str, columns: str) -> Callable[[Asked], str]:
    """The rows of a view that has an instant of its own."""

    def query(asked: Asked) -> str:
        return f"""
            SELECT tickets.*, one."at" AS happened_at, {columns}
            FROM {view} AS one JOIN tickets ON one.ticket_id = tickets.ticket_id
            WHERE {asked.within('one."at"')} AND {_HELD} AND {asked.scope}
        """

    return query


def _effective(quality: Quality) -> str:
    without = ", ".join(map(_text, sorted(quality.not_effective))) or "NULL"
    return f"""
        NOT (coalesce(reason IN ({without}), false) OR coalesce(list_has_any(tags, [{without}]::VARCHAR[]), false))
            AS effective
    """


def _score_columns(quality: Quality) -> str:
    scores = "".join(f"{score_column(name)}, " for name in quality.names)
    return f"reviewer_id, {scores} deductions, labels, points, scale, flagged"


THINGS: Final[Mapping[str, Thing]] = {
    "created": Thing(_created, _HANDLER, lambda quality: f"status, due, repeated, {_effective(quality)}"),
    "resolved": Thing(_resolved, _HANDLER, lambda quality: f"open_for, first_contact, score, {_effective(quality)}"),
    "clocks": Thing(
        _clocks,
        _HANDLER,
        lambda _: "target, cycle, started_at, stopped_at, limit_seconds, met, breached, timed, seconds, single",
    ),
    "replies": Thing(_each("replies", "one.agent_id AS named"), "named", lambda _: "reply_count"),
    "ratings": Thing(_each("ratings", "one.score, one.comment"), _HANDLER, lambda _: "score, comment"),
    "reviews": Thing(_reviews, _NAMED, _score_columns),
    "complaints": Thing(_each("complaints", "one.valid, one.category AS about"), _HANDLER, lambda _: "valid, about"),
    "callbacks": Thing(
        _each("callbacks", "one.reached, one.score, one.agent_id AS named"), _NAMED, lambda _: "reached, score"
    ),
}


def score_column(criterion: str) -> str:
    """The column of the reviews that holds the score of a criterion, whatever that is called."""
    return f"score_{criterion.encode().hex()}"


def _text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _shift(quality: Quality, begun: str) -> str:
    second = f"epoch(CAST({begun} AS TIME))"
    return _case((f"{_within(second, shift)}", shift.name) for shift in quality.shifts)


def _within(second: str, shift: Shift) -> str:
    joined = "AND" if shift.start < shift.end else "OR"
    return f"{second} >= {shift.start} {joined} {second} < {shift.end}"


def _complexity(quality: Quality) -> str:
    return _case(
        (
            " AND ".join(
                [
                    "true",
                    *(f"{name} IN ({', '.join(map(_text, sorted(wanted)))})" for name, wanted in each.when.items()),
                ]
            ),
            each.name,
        )
        for each in quality.complexity
    )


def _case(cases: Iterable[tuple[str, str]]) -> str:
    written = " ".join(f"WHEN {condition} THEN {_text(name)}" for condition, name in cases)
    return f"CASE {written} END" if written else "NULL::VARCHAR"
