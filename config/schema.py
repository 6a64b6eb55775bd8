"""JSON Schemas of the policy, the routing and the staffing file, for editors: what a schema can express of their rules.

`python -m config.schema policy`, and `routing`, `staffing`, `quality`, `goals` (config/report_schema.py), print what
docs/ holds.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from config.calendars import DATE_PATTERN, HOURS_PATTERN, WEEKDAYS
from config.destination_values import CARDS_PATTERN, RATE_PATTERN
from config.destinations import KINDS, LANGUAGES, NAME_PATTERN, SECURITY, SHOWN
from config.people import ID_PATTERN, SERVICES
from config.policies import AFTER_REOPEN, ANSWERED
from config.rota_file import EDGE_PATTERN, HAND_OVER_PATTERN
from config.routes import HOURS
from config.routing import ALERT_KEYS, ALERT_VALUES
from config.staffing import GOAL_PATTERN
from streams.policies import MATCHED, MET_BY, STATUSES, TARGETS

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DURATION = r"(?=.*[1-9])(\d+h)?(\d+m)?(\d+(\.\d{1,6})?s)?"
_PERCENT = r"(?=.*[1-9])\d{1,2}(\.\d{1,3})?%"
_INSTANT = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"


def policy_json_schema() -> Schema:
    """The schema of a policy file."""
    return {
        "$schema": DRAFT,
        "title": "slawatch policies",
        "description": "What is promised to customers; the first policy that fits a ticket holds.",
        **object_of(
            {
                "version": VERSION,
                "calendars": _calendars(),
                "policies": {"type": "array", "minItems": 1, "items": _policy()},
            },
            required=("version", "policies"),
        ),
    }


def routing_json_schema() -> Schema:
    """The schema of a routing file."""
    return {
        "$schema": DRAFT,
        "title": "slawatch routing",
        "description": "Which alert goes where; the first route that fits an alert is taken.",
        **object_of(
            {
                "version": VERSION,
                "calendars": _calendars(),
                "people": {"type": "object", "additionalProperties": _person()},
                "rotas": {"type": "object", "additionalProperties": _rota()},
                "quiet": {"type": "object", "additionalProperties": _quiet()},
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


def staffing_json_schema() -> Schema:
    """The schema of a staffing file."""
    share = text(rf"(?=.*[1-9]){GOAL_PATTERN}", "the share of its clocks that is to be met: 90%")
    channel = object_of(
        {
            "live": {"enum": [True, False, "true", "false"], "description": "the customer waits while connected"},
            "handle": text(_DURATION, "how long the work on a ticket takes, where replies do not say"),
        }
    )
    return {
        "$schema": DRAFT,
        "title": "slawatch staffing",
        "description": "What a centre aims at and how long its work takes; what is left out is as shipped.",
        **object_of(
            {
                "version": VERSION,
                "goals": object_of(dict.fromkeys(TARGETS, share)),
                "channels": {"type": "object", "additionalProperties": channel},
            },
            required=("version",),
        ),
    }


def written(schema: Schema) -> str:
    """A schema as its file in docs/ holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def object_of(properties: Schema, required: tuple[str, ...] = (), description: str | None = None) -> Schema:
    """An object with these keys and no others."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return schema | ({"description": description} if description else {})


def text(pattern: str, description: str | None = None) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$"} | ({"description": description} if description else {})


def one_or_many(item: Schema, least: int = 0, description: str | None = None) -> Schema:
    many = {"type": "array", "items": item} | ({"minItems": least} if least else {})
    return {"anyOf": [item, many]} | ({"description": description} if description else {})


VERSION: Schema = {"enum": [1, "1"], "description": "The format of this file: 1."}
# The program takes every single value as its text; an editor sees 007 as a number.
WORD: Schema = {"type": ["string", "number", "boolean"], "minLength": 1}
_HOURS = one_or_many(text(HOURS_PATTERN), description="09:00-12:00 and 13:00-18:00; an empty list is closed")


def _calendars() -> Schema:
    date = text(DATE_PATTERN)
    country = object_of(
        {
            "country": text("[A-Z]{2}", "ISO 3166 code; CN knows make-up working days"),
            "subdiv": WORD | {"description": "a part of the country, such as BY in DE"},
            "makeup": _HOURS | {"description": "hours of make-up working days; else those of the first open day"},
        },
        required=("country",),
    )
    calendar = object_of(
        {
            "timezone": {"type": "string", "minLength": 1, "description": "IANA name, such as Asia/Shanghai"},
            "weekly": {"minProperties": 1} | object_of(dict.fromkeys(WEEKDAYS, _HOURS)),
            "holidays": one_or_many({"anyOf": [date, country]}, description="closed dates, countries, or both"),
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
    edge = {"anyOf": [text(_INSTANT), {"type": "null"}]}
    effective = object_of(
        {"from": edge, "until": edge}, description="half-open; by the instant at which a clock starts"
    )
    name = WORD | {"maxLength": 80, "description": "unique in the file; stands in alerts and reports"}
    targets = object_of({target: _promise(target) for target in TARGETS})
    when = object_of(dict.fromkeys(MATCHED, one_or_many(WORD, 1)), description="all must fit, each by any value")
    properties = {"name": name, "when": when, "effective": effective, "targets": targets}
    return object_of(properties, required=("name", "targets"))


def _promise(target: str) -> Schema:
    threshold = {"anyOf": [text(_PERCENT), text(_DURATION)]}
    properties: Schema = {
        "limit": text(_DURATION, "15m, 1h30m, 24h; never days"),
        "calendar": WORD | {"description": "in whose hours time counts; else day and night"},
        "warn": one_or_many(threshold, description="50% of the limit has passed, or 5m are left"),
        "escalate": one_or_many(text(_DURATION), description="so long after a breach the next people are told"),
        "pause_on": one_or_many({"enum": list(STATUSES)}, description="statuses in which the clock rests"),
    }
    if target in ANSWERED:
        met_by = {"enum": sorted(MET_BY)}
        properties["met_by"] = one_or_many(met_by, 1, "what counts as an answer; both by default")
    if target == "resolution":
        way = "total: a reopening resumes the clock; first: the first resolution is final"
        properties["after_reopen"] = {"enum": list(AFTER_REOPEN), "description": way}
    return object_of(properties, required=("limit",))


def _destination(kind: str) -> Schema:
    url = text(r"(\$\{|https?://)\S*", "http or https; ${NAME} comes from the environment")
    mailbox = text(r"[^@\s]+@[^@\s]+")
    own: Schema = {
        "url": url if kind != "apprise" else text(r"(\$\{|[a-z0-9]+://)\S*", "as Apprise writes it"),
        "headers": {"type": "object", "additionalProperties": WORD},
        "secret": WORD | {"description": "signs what is sent; ${NAME} comes from the environment"},
        "token": text(r"(\$\{|xoxb-)\S*", "of the Slack app's bot; ${NAME} comes from the environment"),
        "channel": text("[CDG][A-Z0-9]{2,20}", "the channel's id"),
        "host": WORD,
        "port": {"type": ["integer", "string"], "pattern": r"^[1-9]\d{0,4}$", "minimum": 1, "maximum": 65535},
        "security": {"enum": list(SECURITY)},
        "username": WORD,
        "password": WORD,
        "from": mailbox,
        "to": one_or_many(mailbox, 1),
    }
    zone: Schema = {"type": "string", "minLength": 1, "description": "IANA name, such as Asia/Shanghai"}
    common: Schema = {
        "kind": {"const": kind},
        "rate_limit": text(RATE_PATTERN, "at most so many messages: 20/m"),
        "timeout": text(_DURATION, "at most 2m"),
        "language": {"enum": list(LANGUAGES)},
        "timezone": zone,
        "team_timezones": {"type": "object", "additionalProperties": zone},
        "ticket_url": text(r"https?://.*\{ticket_id\}.*", "where a ticket is: https://desk.example.com/t/{ticket_id}"),
        "show": one_or_many({"enum": list(SHOWN)}, description="of people, what is left out otherwise"),
        "cards": {
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": 999_999}, text(f"({CARDS_PATTERN}|all)")],
            "description": "more than so many messages in a minute are summed up; all: never",
        },
    }
    return object_of(common | {key: own[key] for key in KINDS[kind].keys}, required=("kind", *KINDS[kind].required))


def _person() -> Schema:
    ids = {service: text(ID_PATTERN, f"the id by which {service} knows them") for service in SERVICES}
    return object_of({"name": WORD | {"maxLength": 80, "description": "as cards name them; else the key"}, **ids})


def _rota() -> Schema:
    edge = text(EDGE_PATTERN, "an instant, or a date and time by the clock of the rota's zone")
    override = object_of({"from": edge, "until": edge, "person": WORD}, required=("from", "until", "person"))
    properties: Schema = {
        "timezone": {"type": "string", "minLength": 1, "description": "IANA name, such as Asia/Shanghai"},
        "hand_over": text(HAND_OVER_PATTERN, "mon 09:00; of a calendar the hour at which its whole days begin"),
        "starts": text(DATE_PATTERN, "when the first one's turn began"),
        "ends": text(DATE_PATTERN, "the hand-over at which the rota is over"),
        "weekly": one_or_many(WORD, 1, "people of this file who take turns, a week each"),
        "calendar": text(r"(\$\{|(https?|webcals?)://)\S*", "URL of an iCalendar; ${NAME} comes from the environment"),
        "overrides": {"type": "array", "items": override, "description": "they win; they do not overlap"},
    }
    either = {"oneOf": [{"required": ["weekly", "hand_over", "starts"]}, {"required": ["calendar"]}]}
    return object_of(properties, required=("timezone",)) | either


def _quiet() -> Schema:
    passing = one_or_many(object_of(_asked()) | {"minProperties": 1}, 1, "what goes at once all the same")
    to = one_or_many(WORD, description="destinations that are always held; else those of routes that name it")
    return object_of({"hours": one_or_many(WORD, 1, _HOURS_OF_DAY), "to": to, "pass": passing}, required=("hours",))


_HOURS_OF_DAY = "calendars of this file, of which any is open, or 22:00-07:00 Asia/Shanghai"


def _asked() -> Schema:
    words = {key: {"enum": list(ALERT_VALUES[key])} if key in ALERT_VALUES else WORD for key in ALERT_KEYS}
    return {key: one_or_many(word, 1) for key, word in words.items()}


def _route() -> Schema:
    asked = _asked() | {HOURS: one_or_many(WORD, 1, _HOURS_OF_DAY)}
    to = one_or_many(WORD, description="names of destinations; an empty list tells nobody")
    on_call = one_or_many(WORD, description="rotas, primary first; a message names who is on call")
    quiet = one_or_many(WORD, description="quiet hours of this route")
    return object_of({"when": object_of(asked), "to": to, "on_call": on_call, "quiet": quiet}, required=("to",))


if __name__ == "__main__":
    from config.report_schema import goals_json_schema, quality_json_schema  # it is made of the parts above

    schemas = {
        "policy": policy_json_schema,
        "routing": routing_json_schema,
        "staffing": staffing_json_schema,
        "quality": quality_json_schema,
        "goals": goals_json_schema,
    }
    sys.stdout.write(written(schemas[sys.argv[1]]()))
