"""JSON Schemas of the policy and the routing file, for editors: what a schema can express of their rules.

`python -m config.schema policy` and `python -m config.schema routing` print them, as docs/ holds them.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from config.calendars import DATE_PATTERN, HOURS_PATTERN, WEEKDAYS
from config.destinations import CARDS_PATTERN, KINDS, NAME_PATTERN, RATE_PATTERN
from config.policies import AFTER_REOPEN, ANSWERED
from config.routing import ALERT_KEYS, ALERT_VALUES, HOURS
from streams.policies import MATCHED, MET_BY, STATUSES, TARGETS

Schema = dict[str, Any]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DURATION = r"(?=.*[1-9])(\d+h)?(\d+m)?(\d+(\.\d{1,6})?s)?"
_PERCENT = r"(?=.*[1-9])\d{1,2}(\.\d{1,3})?%"
_INSTANT = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"


def policy_json_schema() -> Schema:
    """The schema of a policy file."""
    return {
        "$schema": _DRAFT,
        "title": "slawatch policies",
        "description": "What is promised to customers; the first policy that fits a ticket holds.",
        **_keys(
            {
                "version": _VERSION,
                "calendars": _calendars(),
                "policies": {"type": "array", "minItems": 1, "items": _policy()},
            },
            required=("version", "policies"),
        ),
    }


def routing_json_schema() -> Schema:
    """The schema of a routing file."""
    return {
        "$schema": _DRAFT,
        "title": "slawatch routing",
        "description": "Which alert goes where; the first route that fits an alert is taken.",
        **_keys(
            {
                "version": _VERSION,
                "calendars": _calendars(),
                "destinations": {
                    "type": "object",
                    "propertyNames": {"pattern": f"^{NAME_PATTERN}$"},
                    "additionalProperties": {"oneOf": [_destination(kind) for kind in KINDS]},
                },
                "routes": {"type": "array", "minItems": 1, "items": _route()},
            },
            required=("version", "destinations", "routes"),
        ),
    }


def written(schema: Schema) -> str:
    """A schema as its file in docs/ holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _keys(properties: Schema, required: tuple[str, ...] = (), description: str | None = None) -> Schema:
    """An object with these keys and no others."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return schema | ({"description": description} if description else {})


def _text(pattern: str, description: str | None = None) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$"} | ({"description": description} if description else {})


def _one_or_many(item: Schema, least: int = 0, description: str | None = None) -> Schema:
    many = {"type": "array", "items": item} | ({"minItems": least} if least else {})
    return {"anyOf": [item, many]} | ({"description": description} if description else {})


_VERSION: Schema = {"enum": [1, "1"], "description": "The format of this file: 1."}
# The program takes every single value as its text; an editor sees 007 as a number.
_WORD: Schema = {"type": ["string", "number", "boolean"], "minLength": 1}
_HOURS = _one_or_many(_text(HOURS_PATTERN), description="09:00-12:00 and 13:00-18:00; an empty list is closed")


def _calendars() -> Schema:
    date = _text(DATE_PATTERN)
    country = _keys(
        {
            "country": _text("[A-Z]{2}", "ISO 3166 code; CN knows make-up working days"),
            "subdiv": _WORD | {"description": "a part of the country, such as BY in DE"},
            "makeup": _HOURS | {"description": "hours of make-up working days; else those of the first open day"},
        },
        required=("country",),
    )
    calendar = _keys(
        {
            "timezone": {"type": "string", "minLength": 1, "description": "IANA name, such as Asia/Shanghai"},
            "weekly": {"minProperties": 1} | _keys(dict.fromkeys(WEEKDAYS, _HOURS)),
            "holidays": _one_or_many({"anyOf": [date, country]}, description="closed dates, countries, or both"),
            "overrides": {
                "type": "object",
                "propertyNames": {"pattern": f"^{DATE_PATTERN}$"},
                "additionalProperties": _HOURS,
                "description": "hours of single dates; they win over holidays",
            },
        },
        required=("timezone", "weekly"),
    )
    return {"type": "object", "properties": {"24x7": False}, "additionalProperties": calendar}


def _policy() -> Schema:
    edge = {"anyOf": [_text(_INSTANT), {"type": "null"}]}
    effective = _keys({"from": edge, "until": edge}, description="half-open; by the instant at which a clock starts")
    name = _WORD | {"maxLength": 80, "description": "unique in the file; stands in alerts and reports"}
    targets = _keys({target: _promise(target) for target in TARGETS})
    when = _keys(dict.fromkeys(MATCHED, _one_or_many(_WORD, 1)), description="all must fit, each by any value")
    properties = {"name": name, "when": when, "effective": effective, "targets": targets}
    return _keys(properties, required=("name", "targets"))


def _promise(target: str) -> Schema:
    threshold = {"anyOf": [_text(_PERCENT), _text(_DURATION)]}
    properties: Schema = {
        "limit": _text(_DURATION, "15m, 1h30m, 24h; never days"),
        "calendar": _WORD | {"description": "in whose hours time counts; else day and night"},
        "warn": _one_or_many(threshold, description="50% of the limit has passed, or 5m are left"),
        "pause_on": _one_or_many({"enum": list(STATUSES)}, description="statuses in which the clock rests"),
    }
    if target in ANSWERED:
        met_by = {"enum": sorted(MET_BY)}
        properties["met_by"] = _one_or_many(met_by, 1, "what counts as an answer; both by default")
    if target == "resolution":
        way = "total: a reopening resumes the clock; first: the first resolution is final"
        properties["after_reopen"] = {"enum": list(AFTER_REOPEN), "description": way}
    return _keys(properties, required=("limit",))


def _destination(kind: str) -> Schema:
    url = _text(r"(\$\{|https?://)\S*", "http or https; ${NAME} comes from the environment")
    headers = {"type": "object", "additionalProperties": _WORD}
    own: Schema = {"url": url, "headers": headers}
    common: Schema = {
        "kind": {"const": kind},
        "rate_limit": _text(RATE_PATTERN, "at most so many messages: 20/m"),
        "timeout": _text(_DURATION, "at most 2m"),
        "cards": {
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": 999_999}, _text(f"({CARDS_PATTERN}|all)")],
            "description": "more than so many messages in a minute are summed up; all: never",
        },
    }
    return _keys(common | {key: own[key] for key in KINDS[kind].keys}, required=("kind", *KINDS[kind].required))


def _route() -> Schema:
    words = {key: {"enum": list(ALERT_VALUES[key])} if key in ALERT_VALUES else _WORD for key in ALERT_KEYS}
    asked = {key: _one_or_many(word, 1) for key, word in words.items()}
    asked[HOURS] = _one_or_many(_WORD, 1, "calendars of this file, of which any is open")
    to = _one_or_many(_WORD, description="names of destinations; an empty list tells nobody")
    return _keys({"when": _keys(asked), "to": to}, required=("to",))


if __name__ == "__main__":
    schemas = {"policy": policy_json_schema, "routing": routing_json_schema}
    sys.stdout.write(written(schemas[sys.argv[1]]()))
