"""The goals file: who is to bring which figure from where to where, and by when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.calendars import parse_date
from config.errors import ConfigError
from config.figures import FIGURES, parse_value
from config.source import Node, read_file, read_name, read_version

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

FILE_KEYS = ("version", "goals")
GOAL_KEYS = ("who", "what", "from", "to", "since", "by", "owner")
WHO_KEYS = ("agent", "team")


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure (`what`) of an agent, of a team or of everybody, from one value to another by the end of a day.

    `before` and `to` are in the figure's unit; progress is measured on the days `since` to `by`, both included.
    """

    agent: str | None
    team: str | None
    what: str
    before: float
    to: float
    since: date
    by: date
    owner: str | None
    line: int


def load_goals(path: Path) -> tuple[Goal, ...]:
    """The goals of a file, in its order; raises ConfigError with everything that is wrong with it."""
    root = read_file(path)
    found = root.entries(FILE_KEYS, required=("version", "goals"))
    read_version(found.get("version"))
    goals = [_goal(item) for item in (found["goals"].items() if "goals" in found else [])]
    if root.problems:
        raise ConfigError(sorted(root.problems, key=lambda problem: problem.line or 0))
    return tuple(goal for goal in goals if goal is not None)


def _goal(node: Node) -> Goal | None:
    problems_before = len(node.problems)
    found = node.entries(GOAL_KEYS, required=("what", "from", "to", "since", "by"))
    who = found["who"].entries(WHO_KEYS) if "who" in found else {}
    if len(who) > 1:
        found["who"].bad("an agent and a team (name one; write two goals for two)")
    agent, team = (who[key].read(read_name) if key in who else None for key in WHO_KEYS)
    what = found["what"].choice(FIGURES, "figure") if "what" in found else None
    values = [
        found[key].read(lambda text: parse_value(what or "", text)) if key in found and what in FIGURES else None
        for key in ("from", "to")
    ]
    since, by = (found[key].read(parse_date) if key in found else None for key in ("since", "by"))
    owner = found["owner"].read(read_name) if "owner" in found else None
    before, to = values
    if what is not None and before is not None and to is not None:
        figure = FIGURES[what]
        if to == before or (to > before) != figure.more_is_better:
            better = "more" if figure.more_is_better else "less"
            found["to"].bad(f"no better than before: {better} is better of {figure.en} (swap from and to)")
    if since is not None and by is not None and by <= since:
        found["by"].bad(f"not after {since}, when it begins (write a later day)")
    if len(node.problems) > problems_before or what is None or before is None or to is None:
        return None
    assert since is not None
    assert by is not None
    return Goal(agent, team, what, before, to, since, by, owner, node.line)
