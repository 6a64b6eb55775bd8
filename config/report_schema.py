"""JSON Schemas of the quality and the goals file, for editors: what a schema can express of their rules."""

from __future__ import annotations

from config.calendars import DATE_PATTERN, HOURS_PATTERN
from config.figures import FIGURES, OF_PROMISES
from config.quality import (
    COMPLEXITY_ATTRIBUTES,
    DAILY_PATTERN,
    HIGHEST,
    LANGUAGES,
    PROBLEMS,
)
from config.schema import DRAFT, VERSION, WORD, Schema, object_of, one_or_many, text

_SHARE = text(r"(100(\.0{1,3})?|\d{1,2}(\.\d{1,3})?)%", "a share, such as 90%")
_NUMBER: Schema = {
    "type": ["number", "string"],
    "pattern": r"^\d{1,6}(\.\d{1,3})?$",
    "minimum": 0,
    "maximum": 999_999.999,
}
_DAYS = text(r"(?=.*[1-9])(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d{1,6})?s)?", "15m, 24h, 3d")
_VALUES = {"share": _SHARE, "score": _NUMBER, "seconds": _DAYS, "per_thousand": _NUMBER, "per_day": _NUMBER}
_NAME = WORD | {"maxLength": 80}
_WORDS: Schema = {
    "anyOf": [WORD, object_of(dict.fromkeys(LANGUAGES, WORD), required=LANGUAGES)],
    "description": "one text for both languages, or one for each",
}


def quality_json_schema() -> Schema:
    """The schema of a quality file."""
    sampling = {"share": _SHARE | {"description": "of a period"}, "daily": _SHARE | {"description": "of each day"}}
    problem = object_of({"label": _WORDS, "suggestion": _WORDS})
    return {
        "$schema": DRAFT,
        "title": "slawatch quality",
        "description": "How service quality is measured: what is scored, drawn for checking, and compared with what.",
        **object_of(
            {
                "version": VERSION,
                "timezone": {"type": "string", "minLength": 1, "description": "by whose clock days and shifts begin"},
                "maximum": _whole(1, 1000, "a review's total where every score is 5"),
                "flag_below": _whole(0, 1000, "a lower total goes onto the coaching list"),
                "weak": _whole(1, HIGHEST - 1, "a score up to this one is a problem of its criterion"),
                "least_tickets": _whole(2, 1000, "on fewer tickets nobody is judged"),
                "criteria": {"minProperties": 1} | _named(_criterion()),
                "problems": object_of(dict.fromkeys(PROBLEMS, problem)),
                "goals": object_of(
                    {name: _VALUES[figure.unit] for name, figure in FIGURES.items() if name not in OF_PROMISES.values()}
                ),
                "sampling": object_of(sampling),
                "process_checks": _named(_check()),
                "not_effective": one_or_many(_NAME, description="reasons or tags of tickets that are no service"),
                "shifts": _named(text(HOURS_PATTERN, "22:00-06:00 goes past midnight")),
                "complexity": {"type": "array", "items": _complexity()},
                "daily_volume": {"type": "array", "items": _level()},
                "seasons": {"type": "array", "items": _season()},
            },
            required=("version", "criteria"),
        ),
    }


def goals_json_schema() -> Schema:
    """The schema of a goals file."""
    date = text(DATE_PATTERN)
    who = object_of({"agent": _NAME, "team": _NAME}, description="an agent or a team; left out: everybody")
    value: Schema = {"type": ["number", "string"], "description": "as the figure is written: 90%, 4.2, 15m"}
    goal = object_of(
        {
            "who": {"maxProperties": 1} | who,
            "what": {"enum": list(FIGURES), "description": "the figure"},
            "from": value,
            "to": value,
            "since": date | {"description": "the first day that counts"},
            "by": date | {"description": "the last day that counts"},
            "owner": _NAME | {"description": "who looks after it"},
        },
        required=("what", "from", "to", "since", "by"),
    )
    return {
        "$schema": DRAFT,
        "title": "slawatch goals",
        "description": "Who is to bring which figure from where to where, and by when.",
        **object_of({"version": VERSION, "goals": {"type": "array", "items": goal}}, required=("version", "goals")),
    }


def _whole(least: int, most: int, description: str) -> Schema:
    return {
        "type": ["integer", "string"],
        "pattern": r"^\d{1,6}$",
        "minimum": least,
        "maximum": most,
        "description": description,
    }


def _named(item: Schema) -> Schema:
    """Keys of the user's choosing."""
    return {"type": "object", "propertyNames": {"maxLength": 80}, "additionalProperties": item}


def _criterion() -> Schema:
    scores = {str(score): _WORDS for score in range(1, HIGHEST + 1)}
    weight: Schema = _NUMBER | {"exclusiveMinimum": 0, "maximum": 1000, "description": "in the total; 1 if left out"}
    return object_of(
        {
            "label": _WORDS,
            "weight": weight,
            "anchors": object_of(scores, description="the scoring manual: what a score looks like"),
            "problem": _WORDS,
            "suggestion": _WORDS,
        }
    )


def _check() -> Schema:
    labels = one_or_many(_NAME, description="labels that reviewers leave on a review")
    return object_of({"label": _WORDS, "passed": labels, "failed": labels}, required=("passed", "failed"))


def _complexity() -> Schema:
    when = object_of(dict.fromkeys(COMPLEXITY_ATTRIBUTES, one_or_many(WORD, 1)), description="all must fit")
    return object_of({"name": _NAME, "when": when}, required=("name",))


def _level() -> Schema:
    tickets: Schema = {"type": ["integer", "string"], "pattern": f"^{DAILY_PATTERN}$", "description": "50, or 80-100"}
    agents = one_or_many(_NAME, description="left out: all others")
    return object_of({"name": _NAME, "tickets": tickets, "agents": agents}, required=("name", "tickets"))


def _season() -> Schema:
    date = text(DATE_PATTERN)
    factor: Schema = _NUMBER | {"exclusiveMinimum": 0, "maximum": 1000, "description": "times the daily volume"}
    properties = {"name": _NAME, "first": date, "last": date | {"description": "included"}, "factor": factor}
    return object_of(properties, required=("name", "first", "last", "factor"))
