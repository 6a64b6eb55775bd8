"""How the demo looks: the queue by team, the promises and the chat, fitted to the terminal's size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.layout import Layout
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from agents.demo.figures import AT_RISK
from agents.notifier.words import ENGLISH
from agents.simulator.profile import UTC_OFFSET
from streams.instants import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from rich.console import RenderableType

    from agents.demo.chat import Card
    from agents.demo.figures import Figures, Kept, Row

WIDE = 116
"""From so many columns on the chat stands beside the tables, otherwise below them."""
_TABLES = 62
_GAP = 2
_LINES_A_CARD = 3
_BAR = 12

TONES = {"breach": "red", "escalation": "red", "warning": "yellow", "corrected": "green", "recovered": "green"}
GOALS = {"first_response": 0.9, "resolution": 0.95}
"""Shares to be kept, from the trade; other targets are held against the first's."""
_NEAR = 0.05


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is shown. `now` in microseconds since the epoch; `rate` in events a second of ours."""

    now: int
    figures: Figures
    cards: Sequence[Card]
    counts: Counter[str]
    sent: int
    rate: float
    url: str
    """Where the worker serves; empty until it does."""
    state: str
    """What it is waiting for; empty when all of it runs."""
    trouble: str
    """The newest warning of the log; usually empty."""


def draw(view: View, width: int, height: int) -> RenderableType:
    """The whole screen."""
    head, foot = _head(view, width), _foot(view, width)
    frame = Layout()
    frame.split_column(Layout(Group(*head), size=len(head)), Layout(name="body"), Layout(Group(*foot), size=len(foot)))
    room = height - len(head) - len(foot)
    queue, promises = _queue(view, width), _promises(view)
    if width >= WIDE:
        tables = Group(
            _heading("queue"), queue, "", _heading("promises kept"), promises, "", _heading("what next"), _next(view)
        )
        chat = _chat(view, width - _TABLES - _GAP, room)
        frame["body"].split_row(Layout(Padding(tables, (0, _GAP, 0, 0)), size=_TABLES + _GAP), Layout(chat))
    else:
        rows = len(view.figures.teams) + 4
        frame["body"].split_column(
            Layout(_side_by_side(queue, _promises_short(view)), size=rows),
            Layout(_chat(view, width, room - rows)),
        )
    return frame


def time_of_day(instant: int) -> str:
    """The hour and minute on the centre's wall."""
    minutes = (instant + UTC_OFFSET) % DAY // MINUTE
    return f"{minutes // 60:02}:{minutes % 60:02}"


def share(kept: Kept) -> str:
    """A compliance as people read it, cut and not rounded: 89.97 % is not 90 %."""
    return "–" if not kept.judged else f"{kept.met * 1000 // kept.judged / 10:.1f}%"


def wait(since: int | None, now: int) -> str:
    """How long somebody has waited: `45m`, `3h05`."""
    if since is None:
        return "–"
    waited = max(0, now - since)
    return f"{waited // MINUTE}m" if waited < HOUR else f"{waited // HOUR}h{waited % HOUR // MINUTE:02}"


def _heading(title: str | Text) -> Rule:
    return Rule(title, align="left", style="dim")


def _table(*, expand: bool) -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False, expand=expand)


def _head(view: View, width: int) -> list[RenderableType]:
    wall = datetime.fromtimestamp(view.now // SECOND, UTC) + timedelta(microseconds=UTC_OFFSET)
    title = Text.assemble(
        (" slawatch demo ", "bold white on blue"),
        "  ",
        (f"{wall:%a} {wall.day} {wall:%b} {wall:%H:%M}", "bold"),
        ("  a minute a second", "dim"),
    )
    flow = Text.assemble((f"{view.rate:.0f}", "bold"), " events/s", ("  of ", "dim"), f"{view.sent:,}")
    place = Text(f"{view.url}/metrics" if view.url else "", "cyan")
    if width >= WIDE:
        line = Table.grid(expand=True)
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True, justify="center")
        line.add_column(no_wrap=True, justify="right")
        line.add_row(title, flow, place)
        return [line, Text()]
    second = Table.grid(expand=True)
    second.add_column(no_wrap=True)
    second.add_column(no_wrap=True, justify="right")
    second.add_row(flow, place)
    title.no_wrap = True
    return [title, second]


def _foot(view: View, width: int) -> list[RenderableType]:
    if view.trouble:
        return [Text(view.trouble, "yellow", no_wrap=True, overflow="ellipsis")]
    ending = Text.assemble(("Ctrl-C", "bold"), " ends it", no_wrap=True, overflow="ellipsis")
    if width < WIDE and view.url:
        ending.append(f"   why a card? curl {_about_a_ticket(view)}", "dim")
    return [ending]


def _next(view: View) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, style="cyan")
    if view.url:
        grid.add_row("all figures", f"curl -s {view.url}/metrics | grep sla_")
        grid.add_row("why a card?", f"curl -s {_about_a_ticket(view)}")
    grid.add_row("your Kafka", "slawatch check-config, topics create, worker")
    return grid


def _about_a_ticket(view: View) -> str:
    return f"{view.url}/tickets/{view.cards[-1].ticket if view.cards else 'ID'}"


def _queue(view: View, width: int) -> Table:
    table = _table(expand=width >= WIDE)
    table.add_column("team", no_wrap=True, min_width=10)
    for title in ("open", "unanswered", "waiting", f"due {AT_RISK}", "overdue", "oldest"):
        table.add_column(title, justify="right", no_wrap=True)
    for team, row in view.figures.teams.items():
        table.add_row(team or "no team", *_cells(row, view.now))
    total = view.figures.total
    table.add_row("all", *_cells(total, view.now), style="bold")
    return table


def _cells(row: Row, now: int) -> list[Text]:
    return [
        Text(str(row.open)),
        Text(str(row.unanswered)),
        Text(str(row.waiting)),
        Text(str(row.at_risk), "yellow" if row.at_risk else "dim"),
        Text(str(row.overdue), "red" if row.overdue else "dim"),
        Text(wait(row.since, now)),
    ]


def _promises(view: View) -> Table:
    table = _table(expand=True)
    table.add_column("promise", no_wrap=True, min_width=20)
    table.add_column("last hour", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("met", justify="right", no_wrap=True)
    table.add_column("24 hours", justify="right", no_wrap=True)
    for target, promise in view.figures.promises.items():
        recent, day = promise.hour, promise.day
        style = _judge(target, recent)
        table.add_row(
            ENGLISH[target],
            Text(share(recent), style),
            _bar(recent, style),
            f"{recent.met}/{recent.judged}",
            Text(share(day), _judge(target, day)),
        )
    return table


def _promises_short(view: View) -> Table:
    table = _table(expand=False)
    table.add_column("kept, last", no_wrap=True, overflow="ellipsis", max_width=14)
    table.add_column("hour", justify="right", no_wrap=True, min_width=6)
    for target, promise in list(view.figures.promises.items())[: len(view.figures.teams) + 1]:
        recent = promise.hour
        table.add_row(ENGLISH[target], Text(share(recent), _judge(target, recent)))
    return table


def _judge(target: str, kept: Kept) -> str:
    compliance, goal = kept.compliance, GOALS.get(target, GOALS["first_response"])
    if compliance is None:
        return "dim"
    return "green" if compliance >= goal else "yellow" if compliance >= goal - _NEAR else "red"


def _bar(kept: Kept, style: str) -> Text:
    full = _BAR * kept.met // kept.judged if kept.judged else 0
    return Text.assemble(("━" * full, style), ("━" * (_BAR - full), "bright_black"))


def _side_by_side(left: RenderableType, right: RenderableType) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_row(left, right)
    return grid


def _chat(view: View, width: int, room: int) -> RenderableType:
    title = Text("# support-sla", "bold")
    for tone, color in TONES.items():
        if view.counts[tone]:
            title.append(f"  {view.counts[tone]} {ENGLISH[tone].lower()}", color)
    lines: list[RenderableType] = [_heading(title)]
    fitting = max(0, (room - 1) // _LINES_A_CARD)
    for card in list(view.cards)[-fitting:] if fitting else ():
        lines += _card(card, width)
    if not view.cards:
        lines.append(Text(view.state or "nobody is overdue yet", "dim"))
    return Group(*lines)


def _card(card: Card, width: int) -> list[RenderableType]:
    color = TONES[card.tone]
    level, _, what = card.opening.partition(" ")
    first = Table.grid(expand=True)
    first.add_column(no_wrap=True, overflow="ellipsis")
    first.add_column(no_wrap=True, justify="right")
    first.add_row(
        Text.assemble(("▌ ", color), (level, f"bold {color}"), " ", (what, "bold")),
        Text(time_of_day(card.arrived), "dim"),
    )
    second = Text.assemble(("▌ ", color), card.about, no_wrap=True, overflow="ellipsis")
    if second.cell_len + len(card.details) + 2 <= width:
        second.append(f"  {card.details}", "dim")
    return [first, second, Text()]
