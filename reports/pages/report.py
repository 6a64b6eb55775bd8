"""A report put together: its periods measured, its parts in their order, for one audience and in one language."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from reports.measures import contacts
from reports.measures.ground import Ground, Period
from reports.measures.standing import day_begins
from reports.pages.advice import suggestions
from reports.pages.comparisons import comparisons
from reports.pages.core import core, trend
from reports.pages.document import Document
from reports.pages.goals import goals
from reports.pages.labels import Labels
from reports.pages.lists import lists
from reports.pages.people import people
from reports.pages.periods import before, trend_days, two_months
from reports.pages.trade import tables
from reports.pages.view import View
from streams.instants import to_datetime

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from config.goals import Goal
    from config.quality import Quality
    from reports.measures.ground import Scope
    from reports.pages.audience import Audience
    from reports.pages.periods import Days, Kind

_AROUND = timedelta(days=9)
"""A customer who comes back within seven days tells of the ticket before."""


@dataclass(frozen=True)
class Order:
    """What is asked for. `made_at`: microseconds since the epoch; `rows`: the most in a table of tickets."""

    kind: Kind
    days: Days
    language: str
    scope: Scope
    audience: Audience
    made_at: int
    rows: int


def report(
    connection: duckdb.DuckDBPyConnection, order: Order, quality: Quality, given_goals: tuple[Goal, ...] = ()
) -> Document:
    """The report over the ledger's views. The same ledger, order and files give the same document."""
    with ExitStack() as stack:
        grounds = {  # of a monthly report the two months are this period and the one before
            days: stack.enter_context(Ground(connection, _period(days, quality), order.scope, quality))
            for days in dict.fromkeys(_asked(order))
        }
        now, earlier, month, first, second = (grounds[days] for days in _asked(order))
        view = View(now, earlier, month, (first, second), Labels(order.language), order.audience, order.rows)
        sections = [
            core(view),
            trend(view, trend_days(order.days)),
            suggestions(view),
            *([goals(view, given_goals)] if given_goals else []),
            tables(view),
            lists(view),
            comparisons(view),
            *([people(view)] if order.audience.compares_agents else []),
        ]
        made_at = view.local(order.made_at)
        assert made_at is not None
        return Document(
            language=order.language,
            title=view.say("title"),
            subtitle=f"{view.say(order.kind)} {_spoken(view, order.days)}",
            facts=_facts(view, order),
            reach=_reach(view),
            made_at=made_at,
            sections=tuple(sections),
        )


def read_range(order: Order, quality: Quality, given_goals: tuple[Goal, ...]) -> tuple[datetime, datetime]:
    """The time of which a report needs the tickets: every period it measures, and who came back around them."""
    firsts = [days.first for days in _asked(order)] + [goal.since for goal in given_goals]
    since = day_begins(min(firsts) - _AROUND, quality)
    return to_datetime(since), to_datetime(day_begins(order.days.last + _AROUND, quality))


def _asked(order: Order) -> tuple[Days, ...]:
    """This period, the one before, the days of the trend, and two months."""
    days = order.days
    return (days, before(order.kind, days), trend_days(days), *two_months(days))


def _period(days: Days, quality: Quality) -> Period:
    return Period(day_begins(days.first, quality), day_begins(days.last + timedelta(days=1), quality))


def _spoken(view: View, days: Days) -> str:
    if days.first == days.last:
        return str(days.first)
    return view.say("until_inclusive", first=days.first, last=days.last)


def _facts(view: View, order: Order) -> tuple[tuple[str, str], ...]:
    say, zone = view.say, view.quality.timezone
    created = contacts.created(view.now)[()]
    whose = order.scope.team or say("all_teams")
    running = f", {say('not_over')}" if order.made_at < view.now.period.until else ""
    return (
        (say("period"), f"{_spoken(view, order.days)} ({zone}){running}"),
        (say("before"), _spoken(view, before(order.kind, order.days))),
        (say("team"), whose),
        *(((say("agent"), order.scope.agent),) if order.scope.agent is not None else ()),
        (say("stands_on"), say("stands_on_tickets", tickets=created.everything)),
        (say("made_at"), f"{view.local(order.made_at):%Y-%m-%d %H:%M}"),
    )


def _reach(view: View) -> str:
    audience = view.audience
    return view.say("reach_pseudonyms" if audience.pseudonyms and audience.sees_agents else f"reach_{audience.role}")
