"""The quality file: what is scored and how, what is drawn for checking, and with whom people are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from config.calendars import parse_date, parse_times, parse_zone
from config.errors import ConfigError, shown
from config.figures import FIGURES, OF_PROMISES, parse_number, parse_share, parse_value
from config.matching import Rule, When, never_reached, read_when
from config.source import Node, read_file, read_name, read_text, read_version
from config.staffing import default_staffing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar

    from streams.demand import Staffing

    T = TypeVar("T")

LANGUAGES: Final = ("en", "zh")
HIGHEST: Final = 5
"""A criterion is scored 1 to 5."""

FILE_KEYS = (
    "version", "timezone", "maximum", "flag_below", "weak", "least_tickets", "criteria", "problems", "goals",
    "sampling", "process_checks", "not_effective", "shifts", "complexity", "daily_volume", "seasons",
)  # fmt: skip
CRITERION_KEYS = ("label", "weight", "anchors", "problem", "suggestion")
PROBLEM_KEYS = ("label", "suggestion")
PROBLEMS: Final = ("response_overdue", "resolution_overdue", "first_contact")
"""The classes of problems that follow from clocks and contacts; the others follow from criteria."""
CHECK_KEYS = ("label", "passed", "failed")
SAMPLING_KEYS = ("share", "daily")
COMPLEXITY_KEYS = ("name", "when")
COMPLEXITY_ATTRIBUTES = ("priority", "channel", "team", "category", "kind")
VOLUME_KEYS = ("name", "tickets", "agents")
SEASON_KEYS = ("name", "first", "last", "factor")
DAILY_PATTERN = r"[1-9]\d{0,3}(-[1-9]\d{0,3})?"

_DAY = 86_400

Words = dict[str, str]
"""A text by language."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is scored 1 to 5. `weight` is in thousandths; `anchors`: what a score looks like, by score."""

    name: str
    label: Words
    weight: int
    anchors: Mapping[int, Words]
    problem: Words
    suggestion: Words


@dataclass(frozen=True, slots=True)
class ProblemClass:
    """A class of problems that follows from clocks or contacts: its name, and what to do about it."""

    name: str
    label: Words
    suggestion: Words


@dataclass(frozen=True, slots=True)
class ProcessCheck:
    """A step that reviewers look at: the labels that say it was taken, and those that say it was not."""

    name: str
    label: Words
    passed: frozenset[str]
    failed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shift:
    """Hours of the day, in seconds since midnight by the file's zone; past midnight where `end` <= `start`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Complexity:
    """A class of tickets; the first that fits a ticket is its own."""

    name: str
    when: When


@dataclass(frozen=True, slots=True)
class Level:
    """How many tickets a day are expected of some agents; `agents` is None for all others."""

    name: str
    least: int
    most: int | None
    agents: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Season:
    """Days, both included, in which expectations of daily volume are multiplied; `factor` is in thousandths."""

    name: str
    first: date
    last: date
    factor: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How quality is measured: a total is `maximum` where every score is 5, and flagged under `flag_below`.

    `weak`: a score up to this one is a problem. `least_tickets`: on fewer nobody is judged. Shares are 0 to 1.
    `goals` are by figure; those of promises come from the staffing file, by which metrics and the board go too.
    """

    timezone: str
    maximum: int
    flag_below: int
    weak: int
    least_tickets: int
    criteria: tuple[Criterion, ...]
    problems: tuple[ProblemClass, ...]
    goals: dict[str, float]
    sample_share: float
    sample_daily: float
    process_checks: tuple[ProcessCheck, ...]
    not_effective: frozenset[str]
    shifts: tuple[Shift, ...]
    complexity: tuple[Complexity, ...]
    levels: tuple[Level, ...]
    seasons: tuple[Season, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The criteria's names, in the order of the file."""
        return tuple(criterion.name for criterion in self.criteria)


def load_quality(path: Path | None, staffing: Staffing | None = None) -> Quality:
    """The quality file at a path, or the shipped one; raises ConfigError with everything that is wrong with it.

    `staffing`: whose goals of promises hold, where it is not the shipped one.
    """
    quality = _quality(read_file(path) if path is not None else _shipped())
    promised = (staffing or default_staffing()).goals
    goals = quality.goals | {figure: promised[target] for target, figure in OF_PROMISES.items()}
    return replace(quality, goals={figure: goals[figure] for figure in FIGURES if figure in goals})


def default_quality() -> Quality:
    """The shipped quality file."""
    return load_quality(None)


def _shipped() -> Node:
    content = resources.files("config").joinpath("defaults/quality.yaml").read_bytes()
    return read_text(content, "defaults/quality.yaml")


def _quality(root: Node) -> Quality:
    found = root.entries(FILE_KEYS, required=("version", "criteria"))
    read_version(found.get("version"))
    criteria = _each(found.get("criteria"), _criterion)
    if "criteria" in found and found["criteria"].is_mapping() and not criteria:
        found["criteria"].bad("nothing is scored (name a criterion)")
    maximum = _read(found, "maximum", _whole(1, 1000), HIGHEST * max(len(criteria), 1))
    flag_below = _read(found, "flag_below", _whole(0, 1000), 0)
    if flag_below > maximum:
        found["flag_below"].bad(f"every review would be flagged: over the maximum of {maximum}")
    sampling = found["sampling"].entries(SAMPLING_KEYS) if "sampling" in found else {}
    quality = Quality(
        timezone=_read(found, "timezone", parse_zone, "UTC"),
        maximum=maximum,
        flag_below=flag_below,
        weak=_read(found, "weak", _whole(1, HIGHEST - 1), 3),
        least_tickets=_read(found, "least_tickets", _whole(2, 1000), 5),
        criteria=criteria,
        problems=_problems(found.get("problems")),
        goals=_goals(found.get("goals")),
        sample_share=_read(sampling, "share", parse_share, 0.1),
        sample_daily=_read(sampling, "daily", parse_share, 0.2),
        process_checks=_each(found.get("process_checks"), _check),
        not_effective=_labels(found.get("not_effective")),
        shifts=_shifts(found.get("shifts")),
        complexity=_complexity(found.get("complexity")),
        levels=_levels(found.get("daily_volume")),
        seasons=_seasons(found.get("seasons")),
    )
    if root.problems:
        raise ConfigError(sorted(root.problems, key=lambda problem: problem.line or 0))
    return quality


def _read(found: Mapping[str, Node], key: str, parse: Callable[[str], T], default: T) -> T:
    value = found[key].read(parse) if key in found else None
    return default if value is None else value


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,6}", text) or not least <= int(text) <= most:
            raise ValueError(f"not a whole number from {least} to {most}: {shown(text)}")
        return int(text)

    return parse


def _thousandths(text: str) -> int:
    value = round(parse_number(text) * 1000)
    if not 0 < value <= 1_000_000:
        raise ValueError(f"not over 0 and up to 1000: {shown(text)} (leave out what does not count)")
    return value


def _each(node: Node | None, read: Callable[[str, Node], T]) -> tuple[T, ...]:
    """What a mapping's names stand for, in the order of the file."""
    found = []
    for name, item in (node.mapping() if node is not None else {}).items():
        try:
            read_name(name)
        except ValueError as error:
            item.bad(str(error))
        found.append(read(name, item))
    return tuple(found)


def _words(node: Node | None, default: str) -> Words:
    """A text for both languages, or one for each."""
    if node is None:
        return dict.fromkeys(LANGUAGES, default)
    if node.is_mapping():
        given = node.entries(LANGUAGES, required=LANGUAGES)
        return {language: given[language].text() or default for language in LANGUAGES if language in given}
    return dict.fromkeys(LANGUAGES, node.text() or default)


def _criterion(name: str, node: Node) -> Criterion:
    found = node.entries(CRITERION_KEYS)
    anchors: dict[int, Words] = {}
    for text, anchor in (found["anchors"].mapping() if "anchors" in found else {}).items():
        try:
            anchors[_whole(1, HIGHEST)(text)] = _words(anchor, "")
        except ValueError as error:
            anchor.bad(str(error))
    spoken = name.replace("_", " ")
    return Criterion(
        name,
        label=_words(found.get("label"), spoken),
        weight=_read(found, "weight", _thousandths, 1000),
        anchors=anchors,
        problem=_words(found.get("problem"), f"weak {spoken}"),
        suggestion=_words(found.get("suggestion"), f"coach {spoken}"),
    )


def _problems(node: Node | None) -> tuple[ProblemClass, ...]:
    given = node.entries(PROBLEMS) if node is not None else {}
    classes = []
    for name in PROBLEMS:
        found = given[name].entries(PROBLEM_KEYS) if name in given else {}
        spoken = name.replace("_", " ")
        classes.append(ProblemClass(name, _words(found.get("label"), spoken), _words(found.get("suggestion"), spoken)))
    return tuple(classes)


def _goals(node: Node | None) -> dict[str, float]:
    goals = {}
    promised = {figure: target for target, figure in OF_PROMISES.items()}
    for name, item in (node.entries(tuple(FIGURES)) if node is not None else {}).items():
        if name in promised:
            item.bad(
                f"belongs into the staffing file (goals: {promised[name]}), for metrics and the board go by it too"
            )
            continue
        value = item.read(lambda text, name=name: parse_value(name, text))  # type: ignore[misc]  # no type is inferred for its default
        if value is not None:
            goals[name] = value
    return goals


def _labels(node: Node | None) -> frozenset[str]:
    labels = [item.read(read_name) for item in node.many()] if node is not None else []
    return frozenset(label for label in labels if label is not None)


def _check(name: str, node: Node) -> ProcessCheck:
    found = node.entries(CHECK_KEYS, required=("passed", "failed"))
    passed, failed = _labels(found.get("passed")), _labels(found.get("failed"))
    for label in sorted(passed & failed):
        found["failed"].bad(f"{shown(label)} would say both that it was done and that it was not (keep it in one)")
    return ProcessCheck(name, _words(found.get("label"), name.replace("_", " ")), passed, failed)


def _shifts(node: Node | None) -> tuple[Shift, ...]:
    def read(name: str, item: Node) -> Shift:
        start, end = item.read(parse_times) or (0, _DAY)
        if start % _DAY == end % _DAY and (start, end) != (0, _DAY):
            item.bad("never or always (write two different times, such as 22:00-06:00)")
        return Shift(name, start, end)

    problems_before = len(node.problems) if node is not None else 0
    shifts = _each(node, read)
    if node is None or len(node.problems) > problems_before:
        return shifts
    spans = sorted(
        (start, end, shift.name)
        for shift in shifts
        for start, end in (
            [(shift.start, shift.end)] if shift.start < shift.end else [(shift.start, _DAY), (0, shift.end)]
        )
        if start < end
    )
    nodes = node.mapping()
    for (_, end, first), (start, _, second) in pairwise(spans):
        if start < end:
            nodes[second].bad(f"overlaps {first!r} (a ticket belongs to one shift)")
    return shifts


def _complexity(node: Node | None) -> tuple[Complexity, ...]:
    classes: list[Complexity] = []
    rules: list[Rule] = []
    for item in node.items() if node is not None else []:
        problems_before = len(item.problems)
        found = item.entries(COMPLEXITY_KEYS, required=("name",))
        name = _read(found, "name", read_name, "")
        when = read_when(found.get("when"), COMPLEXITY_ATTRIBUTES)
        if name in [each.name for each in classes]:
            found["name"].bad(f"used twice: {shown(name)} (rename one; a when takes several values)")
        rule = Rule(when)
        if len(item.problems) == problems_before and never_reached(rule, rules):
            item.bad("can never match: the classes before it take all that it describes (put it first, or remove it)")
        rules.append(rule)
        classes.append(Complexity(name, when))
    return tuple(classes)


def _daily(text: str) -> tuple[int, int | None]:
    if not re.fullmatch(DAILY_PATTERN, text):
        raise ValueError(f"not tickets a day: {shown(text)} (write 50, or 80-100)")
    least, _, most = text.partition("-")
    if most and int(most) < int(least):
        raise ValueError(f"the wrong way round: {shown(text)} (write {most}-{least})")
    return int(least), int(most) if most else None


def _levels(node: Node | None) -> tuple[Level, ...]:
    levels: list[Level] = []
    for item in node.items() if node is not None else []:
        found = item.entries(VOLUME_KEYS, required=("name", "tickets"))
        default: tuple[int, int | None] = (1, None)
        least, most = _read(found, "tickets", _daily, default)
        agents = _labels(found["agents"]) if "agents" in found else None
        for other in levels:
            if twice := sorted((agents or frozenset()) & (other.agents or frozenset())):
                found["agents"].bad(f"{shown(twice[0])} is in {shown(other.name)} too (keep one)")
            if agents is None and other.agents is None:
                item.bad(f"for all others, as {shown(other.name)} is (name its agents, or remove it)")
        levels.append(Level(_read(found, "name", read_name, ""), least, most, agents))
    return tuple(levels)


def _seasons(node: Node | None) -> tuple[Season, ...]:
    seasons: list[Season] = []
    for item in node.items() if node is not None else []:
        found = item.entries(SEASON_KEYS, required=("name", "first", "last", "factor"))
        first = _read(found, "first", parse_date, date.min)
        last = _read(found, "last", parse_date, date.max)
        if last < first:
            found["last"].bad(f"before its first day, {first} (swap them)")
        seasons.append(
            Season(_read(found, "name", read_name, ""), first, last, _read(found, "factor", _thousandths, 1000))
        )
    return tuple(seasons)


def factor_on(seasons: Sequence[Season], day: date) -> float:
    """By how much expectations of daily volume are multiplied on a day: the first season that holds it."""
    return next((each.factor / 1000 for each in seasons if each.first <= day <= each.last), 1.0)
