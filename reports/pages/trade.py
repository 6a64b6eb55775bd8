"""The trade's own tables: response times of tickets, quality scores, classes of problems, agents by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.measures.problems import problems
from reports.measures.response import response_rows
from reports.measures.scores import score_rows
from reports.measures.volume import agent_days
from reports.pages.document import Section, Table, hours, minutes, percent, rounded
from reports.pages.view import as_day, titled

if TYPE_CHECKING:
    from reports.measures.scores import ScoreRow
    from reports.pages.document import Cell
    from reports.pages.view import View


def tables(view: View) -> Section:
    """All four, the last only for those who may see figures of agents."""
    found = [responses(view), scores(view), problem_classes(view)]
    if view.audience.sees_agents:
        found.append(daily_agents(view))
    return Section(view.say("tables"), tuple(found))


def responses(view: View) -> Table:
    """工单响应时间统计表: a row a judged first response; late ones are flagged."""
    say = view.say
    handler = view.audience.sees_handlers
    found = response_rows(view.now, limit=view.rows + 1)
    shown = found[: view.rows]
    columns = ("ticket", "submitted", "first_response_at", "response_minutes", "in_time", "handler", "kind")
    rows = [
        (
            row.ticket_id,
            view.local(row.created_at),
            view.local(row.answered_at),
            minutes(row.seconds),
            view.yes(row.met),
            *((row.agent,) if handler else ()),
            say.word(row.priority or row.type),
        )
        for row in shown
    ]
    flagged = frozenset(index for index, row in enumerate(shown) if not row.met)
    headings = tuple(say(column) for column in columns if handler or column != "handler")
    note = " ".join(filter(None, (say("responses_note"), cut(view, len(found)))))
    return Table("response-times", say("responses"), headings, tuple(rows), flagged, note=note)


def scores(view: View) -> Table:
    """服务质量评分表: a row a review."""
    note = view.say("scores_note", flag=view.quality.flag_below, maximum=view.quality.maximum)
    return score_table(view, "quality-scores", view.say("scores"), score_rows(view.now, limit=view.rows + 1), note)


def score_table(view: View, name: str, title: str, found: list[ScoreRow], note: str = "") -> Table:
    """Reviews as the trade's table has them; totals under the threshold are flagged."""
    say, language = view.say, view.say.language
    handler, words = view.audience.sees_handlers, view.audience.sees_deductions
    shown = found[: view.rows]
    criteria = tuple(titled(criterion.label[language]) for criterion in view.quality.criteria)
    columns = (
        say("ticket"),
        *((say("handler"),) if handler else ()),
        *criteria,
        say("total"),
        *((say("deductions"),) if words else ()),
        say("flagged"),
    )
    rows = [
        (
            row.ticket_id,
            *((row.agent,) if handler else ()),
            *(row.scores[criterion] for criterion in view.quality.names),
            _total(row.total),
            *((" / ".join(row.deductions),) if words else ()),
            view.yes(row.flagged),
        )
        for row in shown
    ]
    flagged = frozenset(index for index, row in enumerate(shown) if row.flagged)
    return Table(name, title, columns, tuple(rows), flagged, note=" ".join(filter(None, (note, cut(view, len(found))))))


def problem_classes(view: View) -> Table:
    """问题分类汇总表: a row a class, the most frequent first."""
    say, language = view.say, view.say.language
    who = view.audience.sees_agents
    columns = ("problem", "times", "share_of_all", "mainly", "suggestion")
    rows: list[tuple[Cell, ...]] = [
        (
            titled(each.label[language]),
            each.tickets,
            rounded(each.share * 100, 0),
            *((view.agents(each.agents),) if who else ()),
            titled(each.suggestion[language]),
        )
        for each in problems(view.now)
    ]
    headings = tuple(say(column) for column in columns if who or column != "mainly")
    return Table("problem-classes", say("problems"), headings, tuple(rows), note=say("problems_note"))


def daily_agents(view: View) -> Table:
    """客服响应时效监控表: a row an agent's day."""
    say = view.say
    columns = (
        "day", "agent", "tickets", "mean_response", "mean_resolution", "response_compliance", "resolution_compliance",
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (
            as_day(each.day),
            each.agent,
            each.tickets,
            minutes(each.first.mean) if each.first is not None else None,
            hours(each.resolution.mean) if each.resolution is not None else None,
            percent(each.first.compliance) if each.first is not None else None,
            percent(each.resolution.compliance) if each.resolution is not None else None,
        )
        for each in agent_days(view.now)
    ]
    return Table("agents-by-day", say("daily_agents"), tuple(map(say, columns)), tuple(rows))


def cut(view: View, found: int) -> str:
    """Says so where a table of tickets has more rows than are given."""
    return view.say("rows_cut", shown=view.rows) if found > view.rows else ""


def _total(total: float) -> Cell:
    """Without a fraction where it has none, as with equal weights."""
    return int(total) if total == int(total) else rounded(total, 1)
