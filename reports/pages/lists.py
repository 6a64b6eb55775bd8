"""Lists of single tickets: overdue ones, low-scored ones, those that customers rated low or complained of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.measures.satisfaction import poor_ratings
from reports.measures.scores import score_rows
from reports.pages.document import Section, Table, minutes
from reports.pages.trade import cut, score_table

if TYPE_CHECKING:
    from reports.pages.document import Cell
    from reports.pages.view import View


def lists(view: View) -> Section:
    """What went wrong, ticket by ticket."""
    say = view.say
    low = score_rows(view.now, flagged_only=True, limit=view.rows + 1)
    found = (
        _overdue(view),
        score_table(view, "low-scored", say("low_scored", flag=view.quality.flag_below), low),
        _low_rated(view),
        _complaints(view),
    )
    return Section(say("lists"), found)


def _overdue(view: View) -> Table:
    """Promises that were broken in the period: those still unkept first, then by how much they were overdue."""
    say = view.say
    handler = view.audience.sees_handlers
    found = view.now.rows(f"""
        SELECT ticket_id, target, epoch_us(started_at), epoch_us(happened_at), limit_seconds, seconds, agent, priority
        FROM {view.now.table("clocks")}
        WHERE breached > 0 AND single
        ORDER BY seconds IS NOT NULL, seconds - limit_seconds DESC, happened_at, ticket_id, target, cycle
        LIMIT {view.rows + 1}
    """)
    rows: list[tuple[Cell, ...]] = [
        (
            ticket_id,
            say.word(target),
            view.local(started_at),
            view.local(overdue_at),
            minutes(limit),
            minutes(seconds),
            *((agent,) if handler else ()),
            say.word(priority),
        )
        for ticket_id, target, started_at, overdue_at, limit, seconds, agent, priority in found[: view.rows]
    ]
    columns = ("ticket", "promise", "begun", "overdue_at", "limit", "took", "handler", "kind")
    headings = tuple(say(column) for column in columns if handler or column != "handler")
    return Table("overdue", say("overdue"), headings, tuple(rows), note=cut(view, len(found)))


def _low_rated(view: View) -> Table:
    say = view.say
    handler = view.audience.sees_handlers
    found = poor_ratings(view.now, limit=view.rows + 1)
    rows: list[tuple[Cell, ...]] = [
        (row.ticket_id, view.local(row.at), row.score, *((row.agent, row.comment) if handler else ()))
        for row in found[: view.rows]
    ]
    columns = ("ticket", "rated_at", "rating", *(("handler", "comment") if handler else ()))
    return Table("low-rated", say("low_rated"), tuple(map(say, columns)), tuple(rows), note=cut(view, len(found)))


def _complaints(view: View) -> Table:
    say = view.say
    handler = view.audience.sees_handlers
    found = view.now.rows(f"""
        SELECT ticket_id, epoch_us(happened_at), valid, about, agent FROM {view.now.table("complaints")}
        ORDER BY happened_at, ticket_id, about, valid LIMIT {view.rows + 1}
    """)
    rows: list[tuple[Cell, ...]] = [
        (ticket_id, view.local(at), view.yes(valid), say.word(about), *((agent,) if handler else ()))
        for ticket_id, at, valid, about, agent in found[: view.rows]
    ]
    columns = ("ticket", "complained_at", "valid", "about", *(("handler",) if handler else ()))
    return Table("complaints", say("complaints"), tuple(map(say, columns)), tuple(rows), note=cut(view, len(found)))
