"""JSON Schemas of what is on the topics: from the types that read and write it, and the words for it."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from agents.dead_letters import Cause
from agents.documents import examples
from agents.notifier.message import Delivery
from agents.notifier.silences import Silence
from streams.alert_record import Alert, Subject
from streams.events import TYPES, tag_of
from streams.ledger_record import LedgerRecord
from streams.policies import STATUSES, TARGETS

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
INSTANT = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"
ALERT, LEDGER, DELIVERY, DEAD_LETTER = "sla_alert", "ticket_ledger", "sla_delivery", "dead_letter_headers"
SILENCE = "sla_silence"

_INSTANT: Schema = {"format": "date-time", "pattern": INSTANT}
_BY_NAME: dict[str, Schema] = {
    "target": {"enum": [*TARGETS, *get_args(Subject)]},  # the latter in alerts alone
    **dict.fromkeys(("at", "since", "until"), _INSTANT),
    "deadline": _INSTANT,
    **{
        f"{what}_at": _INSTANT
        for what in (*("occurred", "created", "done", "started", "stopped", "breached", "decided", "ended"),)
    },
}
"""What a property's name says beyond its type; `status` and `score` mean different things in events."""

MEANINGS: dict[str, dict[str, str]] = {
    "Alert": {
        "alert_id": "The same breach always has the same id: a hash of ticket, target, cycle, level and threshold or "
        "step.",
        "kind": "`raised`; then of the same alert `corrected`: it proved wrong; `acknowledged`: somebody took the "
        "breach; `recovered`: it was answered, or what `operations` tells of is over.",
        "level": "`warning` before the deadline, `breach`, `escalation` after it; `operations`: the monitor itself.",
        "threshold": "Of a warning: which one, as the policy writes it (`50%`, `5m`).",
        "step": "Of an escalation: which one.",
        "ticket_id": "The ticket, and the record's key.",
        "target": "Which kind of clock; of `operations`: what is wrong: `input`, `retention`, "
        "`clock`, `partitions`, `changelog`, `workers`, `delivery`, `config` or `calendar`.",
        "cycle": "Which clock of that kind, from 0.",
        "policy": "The policy that promised it.",
        "priority": "The ticket's, now.",
        "team": "The ticket's, now.",
        "channel": "The ticket's, now.",
        "started_at": "When the clock started.",
        "deadline": "When its limit is or was reached.",
        "limit_seconds": "The promise, in open time.",
        "elapsed_seconds": "Open time that has passed, up to what was known to be read.",
        "decided_at": "The worker's clock when it decided.",
        "late": "Decided long (60 s) after deadline and grace.",
        "message": "Of `operations`: what is wrong with the monitor itself; such a record belongs to no ticket.",
        "acknowledged_by": "Of `acknowledged` and `recovered`: who took the breach first, where somebody had.",
        "acknowledged_at": "When.",
        "destination": "Of `operations` and `delivery`: which destination fails.",
    },
    "LedgerRecord": {
        "ticket_id": "The ticket, and the record's key.",
        "created_at": "When it was created.",
        "created_by": "`customer` or `agent`.",
        "status": "Its status now.",
        "reason": "The reason that came with the status.",
        "done_at": "Since when it is resolved, closed or cancelled.",
        "reopenings": "How often it was reopened.",
        **dict.fromkeys(("priority", "channel", "team", "category", "kind", "tags"), "Its value now."),
        "agent_id": "The agent it is assigned to now.",
        "customer_id": "Who asks.",
        "clocks": "Every clock that a policy promises, or that breached while one did; the newest 64 of a target.",
        "totals": "By target: its clocks older than those.",
        "reply_count": "All public replies by people.",
        "replies": "The newest 64 of them.",
        "ratings": "The newest 64; as the lists below.",
        "reviews": "Quality reviews.",
        "complaints": "Complaints, valid or not.",
        "callbacks": "Calls back to the customer.",
    },
    "LedgerClock": {
        "target": "Which kind of clock.",
        "cycle": "Which clock of that kind, from 0.",
        "policy": "The policy that promises it: at its stop, or now; null where none does any more.",
        "limit_seconds": "The promise, in open time.",
        "started_at": "When it started.",
        "stopped_at": "When it stopped; null while it is open.",
        "elapsed_seconds": "Open, unpaused time up to the stop; null while it is open.",
        "breached_at": "When it was breached; null where it was not.",
        "verdict": "Compliance is met / (met + breached).",
    },
    "LedgerTotals": {
        "met": "How many were met.",
        "breached": "How many were breached.",
        "void": "How many are void.",
        "elapsed_count": "How many of them have an elapsed time.",
        "elapsed_seconds": "Its sum.",
    },
    "LedgerReply": {
        "at": "When it was written.",
        "agent_id": "Who wrote.",
        "team": "For which team.",
        "handle_seconds": "Time worked on it.",
    },
    "LedgerRating": {"at": "When it was given.", "score": "1 to 5.", "comment": "The customer's words."},
    "LedgerReview": {
        "at": "When it was made.",
        "scores": "1 to 5 by criterion.",
        "reviewer_id": "Who reviewed.",
        "agent_id": "Whose work was reviewed.",
        "deductions": "What points were taken off for.",
        "labels": "What else was found.",
    },
    "LedgerComplaint": {"at": "When it was filed.", "valid": "Whether it is justified.", "category": "About what."},
    "LedgerCallback": {
        "at": "When it was made.",
        "reached": "Whether the customer answered.",
        "agent_id": "Who called.",
        "score": "The customer's score in the call, 1 to 5.",
    },
    "Delivery": {
        "alert_id": "The alert's id.",
        "kind": "The alert's kind.",
        "destination": "Where it was to go, as the routing file names it. The key is `alert_id|kind|destination`.",
        "state": "What became of it.",
        "at": "When.",
        "attempts": "How often this notifier tried.",
        "repeat": "Whether it may have come twice, and said so.",
        "error": "What went wrong last.",
        "holder": "Of a message that is being sent: which sender holds it.",
        "digest": "Of a message that was summed up: the id of the digest, whose own record says what came of it.",
        "members": "Of a digest: the keys of the messages that it sums up.",
        "members_holder": "Of a digest: what holds those messages meanwhile.",
        "reference": "The service's own id of a message that it took, by which it can be changed.",
        "named": "Of a digest that has a reference: the keys of the messages that it tells of one by one.",
    },
    "Silence": {
        "id": "The silence's id, and the record's key. A later record takes the place of an earlier one.",
        "when": "Which alerts: all fields must fit, each by any of its values. Empty: every alert of a ticket.",
        "since": "From when on.",
        "until": "Its end, which it has in any case; that instant is not silent any more.",
        "reason": "Why.",
        "by": "Who wrote it, as user@host.",
        "at": "When.",
        "ended_at": "When it was ended before its time.",
        "ended_by": "By whom.",
    },
}
"""By type and field, for the types that we write; the events' types say it themselves."""

CAUSES: dict[str, str] = {
    "unreadable": "no JSON in UTF-8, a required field missing, a known field ill-typed, too long, or no value at all",
    "key": "no key, or not the ticket's (for an agent's status: the agent's) id",
    "ahead": "stamped further ahead of the clock than SLAWATCH_MAX_AHEAD allows",
    "too_old": "new, but older than what is kept in full of its ticket",
    "orphaned_too_many": "its ticket was never created, and as many events as are kept wait for that already",
    "forgotten": "its ticket was done, and is past the retention",
    "error": "a fault of the program; the log has the details",
}


def schemas(reference: str = "#/$defs/{name}") -> dict[str, Schema]:
    """The schema of each record by its name, each with an example; `reference` is where nested types are found."""
    found = {tag: _events_schema(event_type) for event_type in TYPES for tag in [tag_of(event_type)]}
    examples_of = examples.events()
    for tag, schema in found.items():
        schema["examples"] = [examples_of[tag]]
    written: dict[str, tuple[type[msgspec.Struct], msgspec.Struct]] = {
        ALERT: (Alert, examples.alert()),
        LEDGER: (LedgerRecord, examples.ledger_record()),
        DELIVERY: (Delivery, examples.delivery()),
        SILENCE: (Silence, examples.silence()),
    }
    for name, (record_type, example) in written.items():
        found[name] = {
            **_types(record_type, reference)[record_type.__name__],
            "title": name,
            "examples": [msgspec.to_builtins(example)],
        }
    found[DEAD_LETTER] = _dead_letter_headers()
    return found


def nested(reference: str = "#/$defs/{name}") -> dict[str, Schema]:
    """The types that records are made of, by name."""
    return {name: schema for name, schema in _types(LedgerRecord, reference).items() if name != "LedgerRecord"}


def files() -> dict[str, Schema]:
    """The files of docs/schemas: each schema whole, by the file's name."""
    defined = {LEDGER: {"$defs": nested()}}
    return {f"{name}.json": {"$schema": DRAFT, **schema, **defined.get(name, {})} for name, schema in schemas().items()}


def _events_schema(event_type: type[msgspec.Struct]) -> Schema:
    schema = _types(event_type, "")[event_type.__name__]
    tag = tag_of(event_type)
    schema["title"] = tag
    schema["properties"]["type"] = {"const": tag}
    return schema


def _types(record_type: type[msgspec.Struct], reference: str) -> dict[str, Schema]:
    """The schemas of a type and of those it is made of, by their names."""
    _, found = msgspec.json.schema_components([record_type], ref_template=reference)
    for name, schema in found.items():
        meanings = MEANINGS.get(name, {})
        for field, said in schema["properties"].items():
            if field in meanings:
                said["description"] = meanings[field]
            if said.get("default", ...) is None:
                del said["default"]  # an absence, and no value of the field
            _allow_null(said)
            if "string" in said.get("type", ()):
                said.update(_BY_NAME.get(field, {}))
        if name == "LedgerRecord":
            schema["properties"]["status"] |= {"enum": list(STATUSES)}
    return found


def _allow_null(schema: Schema) -> None:
    """Writes "this or null" as two types of one schema."""
    this, *others = schema.get("anyOf", ({},))
    if others == [{"type": "null"}] and "type" in this:
        del schema["anyOf"]
        schema |= {**this, "type": [this["type"], "null"]}


def _dead_letter_headers() -> Schema:
    number = {"type": "string", "pattern": r"^\d+$"}
    properties: Schema = {
        "topic": {"type": "string", "description": "The topic that the record came on."},
        "partition": {**number, "description": "Its partition there."},
        "offset": {**number, "description": "Its offset there."},
        "cause": {"enum": list(get_args(Cause)), "description": "Why, in a word."},
        "reason": {"type": "string", "description": "Why, for people."},
        "field": {"type": "string", "description": "The field to blame, or nothing."},
        "at": {"type": "string", **_INSTANT, "description": "When it was put there."},
        "cut_from_bytes": {**number, "description": "Only where the value was cut: its length before."},
    }
    return {
        "title": DEAD_LETTER,
        "description": "The headers of a record of topic `dead-letters`, as texts in UTF-8; key and value are as they "
        "came.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "cut_from_bytes"],
        "examples": [examples.dead_letter_headers()],
    }
