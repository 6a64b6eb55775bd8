"""The things that measures count, as queries over the ledger's views: each with its instant and its ticket's classes.

Every query reads `t`, the tickets with their classes, and holds `/* scope */` where a condition on them is put.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from config.quality import HIGHEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from config.quality import Quality, Shift

_CLASSES: Final = "t.ticket_id, t.team, t.type, t.kind, t.category, t.priority, t.channel, t.shift, t.complexity"
_HELD: Final = "t.status <> 'cancelled' AND /* scope */"

REPEAT_WITHIN: Final = "INTERVAL 7 DAYS"
"""A ticket of the same customer and category so soon is a repeat."""


LAST_REPLIES: Final = """
    SELECT ticket_id, max({'at': replies.at, 'agent_id': agent_id}).agent_id AS agent_id FROM replies
    WHERE agent_id IS NOT NULL AND ticket_id IN (SELECT ticket_id FROM tickets WHERE agent_id IS NULL)
    GROUP BY ticket_id
"""
"""Who replied last, of the tickets that are assigned to nobody."""


def ticket_query(quality: Quality, last_replies: str) -> str:
    """The tickets, each with its handler, type, shift, complexity and whether it is effective service.

    `last_replies`: the table of LAST_REPLIES.
    """
    without = ", ".join(_text(label) for label in sorted(quality.not_effective))
    return f"""
        SELECT tickets.* EXCLUDE (agent_id), coalesce(tickets.agent_id, last.agent_id) AS agent,
            coalesce(kind, category) AS type,
            {_shift(quality)} AS shift,
            {_complexity(quality)} AS complexity,
            NOT (coalesce(reason IN ({without or "NULL"}), false)
                OR coalesce(list_has_any(tags, [{without}]::VARCHAR[]), false)) AS effective
        FROM tickets LEFT JOIN {last_replies} AS last USING (ticket_id)
    """


def _created(_: Quality) -> str:
    """Tickets created, cancelled ones too; `due`: its promised resolution has been judged; `repeated`: its customer
    had one of the category in the days before.
    """
    return f"""
        SELECT {_CLASSES}, t.agent, t.created_at AS happened_at, t.status, t.effective,
            t.status <> 'cancelled' AND t.ticket_id IN (
                SELECT ticket_id FROM clocks WHERE target = 'resolution' AND verdict IN ('met', 'breached')
            ) AS due,
            coalesce(before.created_at >= t.created_at - {REPEAT_WITHIN}, false) AS repeated
        FROM t ASOF LEFT JOIN (
            SELECT customer_id, coalesce(category, '') AS subject, created_at FROM tickets
            WHERE customer_id IS NOT NULL AND status <> 'cancelled'
        ) AS before
        ON t.customer_id = before.customer_id AND coalesce(t.category, '') = before.subject
            AND t.created_at > before.created_at
        WHERE /* scope */
    """


def _resolved(_: Quality) -> str:
    """Tickets that are resolved or closed, at that instant; `first_contact`: by one public reply, and for good."""
    return f"""
        SELECT {_CLASSES}, t.agent, t.done_at AS happened_at, epoch_us(t.done_at) - epoch_us(t.created_at) AS open_for,
            t.reply_count = 1 AND t.reopenings = 0
                AND coalesce(after.created_at > t.done_at + {REPEAT_WITHIN}, true) AS first_contact,
            rated.score AS score, t.effective
        FROM t ASOF LEFT JOIN (
            SELECT customer_id, coalesce(category, '') AS subject, created_at FROM tickets
            WHERE customer_id IS NOT NULL AND status <> 'cancelled'
        ) AS after
        ON t.customer_id = after.customer_id AND coalesce(t.category, '') = after.subject
            AND t.created_at < after.created_at
        LEFT JOIN (
            SELECT ticket_id, max({{'at': "at", 'score': score}}).score AS score FROM ratings GROUP BY ticket_id
        ) AS rated ON t.ticket_id = rated.ticket_id
        WHERE t.status IN ('resolved', 'closed') AND /* scope */
    """


def _clocks(_: Quality) -> str:
    """Judged clocks, when they were judged; those older than a target's newest 64, in one row, at the creation."""
    return f"""
        SELECT {_CLASSES}, t.agent, one.target, one.cycle,
            CASE one.verdict WHEN 'met' THEN one.stopped_at ELSE one.breached_at END AS happened_at,
            one.started_at, one.stopped_at, one.limit_seconds, t.created_at,
            (one.verdict = 'met')::INTEGER AS met, (one.verdict = 'breached')::INTEGER AS breached,
            (one.elapsed_seconds IS NOT NULL)::INTEGER AS timed, one.elapsed_seconds AS seconds, true AS single
        FROM clocks AS one JOIN t ON one.ticket_id = t.ticket_id
        WHERE one.verdict IN ('met', 'breached') AND {_HELD}
        UNION ALL
        SELECT {_CLASSES}, t.agent, one.target, NULL, t.created_at, t.created_at, NULL, NULL, t.created_at,
            one.met, one.breached, one.elapsed_count, one.elapsed_seconds, false
        FROM totals AS one JOIN t ON one.ticket_id = t.ticket_id
        WHERE one.met + one.breached > 0 AND {_HELD}
    """


def _replies(_: Quality) -> str:
    return f"""
        SELECT {_CLASSES}, one.agent_id AS agent, one."at" AS happened_at, one.handle_seconds
        FROM replies AS one JOIN t ON one.ticket_id = t.ticket_id WHERE {_HELD}
    """


def _ratings(_: Quality) -> str:
    return f"""
        SELECT {_CLASSES}, t.agent, one."at" AS happened_at, one.score, one.comment
        FROM ratings AS one JOIN t ON one.ticket_id = t.ticket_id WHERE {_HELD}
    """


def _reviews(quality: Quality) -> str:
    """Reviews with a known criterion; of a reviewer's reviews of a ticket the newest, which corrects the others.

    `points` / `scale` is the total, in whole numbers so that it compares exactly:
    total = maximum x sum(weight x score) / (5 x sum(weight)), over the criteria that were scored: with equal weights
    and all of four criteria, the sum of the scores, of 20.
    """
    scores = {name: f"one.scores[{_text(name)}]" for name in quality.names}
    columns = ", ".join(f"{score} AS {score_column(name)}" for name, score in scores.items())
    weights = {criterion.name: criterion.weight for criterion in quality.criteria}
    points = " + ".join(f"coalesce({weights[name]} * {score}, 0)" for name, score in scores.items())
    scale = " + ".join(f"CASE WHEN {score} IS NULL THEN 0 ELSE {weights[name]} END" for name, score in scores.items())
    return f"""
        SELECT *, points < {quality.flag_below} * scale AS flagged FROM (
            SELECT {_CLASSES}, coalesce(one.agent_id, t.agent) AS agent, one."at" AS happened_at, one.reviewer_id,
                {columns}, one.deductions, one.labels,
                {quality.maximum}::BIGINT * ({points}) AS points, {HIGHEST} * ({scale}) AS scale
            FROM reviews AS one JOIN t ON one.ticket_id = t.ticket_id WHERE {_HELD}
            QUALIFY one.reviewer_id IS NULL
                OR row_number() OVER (PARTITION BY one.ticket_id, one.reviewer_id ORDER BY one."at" DESC) = 1
        ) WHERE scale > 0
    """


def _complaints(_: Quality) -> str:
    return f"""
        SELECT {_CLASSES}, t.agent, one."at" AS happened_at, one.valid, one.category AS about
        FROM complaints AS one JOIN t ON one.ticket_id = t.ticket_id WHERE {_HELD}
    """


def _callbacks(_: Quality) -> str:
    return f"""
        SELECT {_CLASSES}, coalesce(one.agent_id, t.agent) AS agent, one."at" AS happened_at, one.reached, one.score
        FROM callbacks AS one JOIN t ON one.ticket_id = t.ticket_id WHERE {_HELD}
    """


THINGS: Final[Mapping[str, Callable[[Quality], str]]] = {
    "created": _created,
    "resolved": _resolved,
    "clocks": _clocks,
    "replies": _replies,
    "ratings": _ratings,
    "reviews": _reviews,
    "complaints": _complaints,
    "callbacks": _callbacks,
}


def score_column(criterion: str) -> str:
    """The column of the reviews that holds the score of a criterion, whatever that is called."""
    return f"score_{criterion.encode().hex()}"


def _text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _shift(quality: Quality) -> str:
    second = f"epoch(CAST(timezone({_text(quality.timezone)}, created_at) AS TIME))"
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
