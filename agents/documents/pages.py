"""The parts of docs/events.md and docs/metrics.md that follow from the code; the words around them are written by hand.

A part stands between `<!-- NAME: written by make docs -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from agents.board.meters import BoardMetrics
from agents.documents.figures import figure_rows
from agents.documents.schemas import ALERT, CAUSES, DEAD_LETTER, DELIVERY, LEDGER, SILENCE, nested, schemas
from agents.gauge_rows import FAMILIES
from agents.gauges import ENGINE_FAMILIES
from agents.meters import Meters
from agents.notifier.metrics import NotifierMetrics
from agents.topics import Topics
from agents.tree.metrics import TreeMetrics
from streams.events import TOPIC_OF, TYPES, Event, TicketEvent, tag_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agents.documents.schemas import Schema

_BEGINS = "<!-- {}: written by make docs -->"
_ENDS = "<!-- end of {} -->"


class Declared(NamedTuple):
    """A metric as it is exported."""

    name: str
    kind: str
    labels: Sequence[str]
    meaning: str


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with its parts as they are now; raises ValueError where its places are not those of the parts."""
    places = re.findall(_BEGINS.format("(.+)"), page)
    if sorted(places) != sorted(parts):
        raise ValueError(f"the page has places for {sorted(places)}, the parts are {sorted(parts)}")
    for name in places:
        before, begins, rest = page.partition(_BEGINS.format(name))
        _, ends, after = rest.partition(_ENDS.format(name))
        if not ends:
            raise ValueError(f"the place of {name} has no end")
        page = f"{before}{begins}\n\n{parts[name]}\n\n{ends}{after}"
    return page


def events_parts() -> dict[str, str]:
    """The parts of docs/events.md."""
    every = schemas()
    return {
        "topics": _topics(),
        "common fields": _fields(every["ticket_created"], set(Event.__struct_fields__) | {"type", "ticket_id"}),
        "event types": "\n\n".join(_event_types(every)),
        "causes": _table(("`cause`", "what was wrong"), ((f"`{name}`", text) for name, text in CAUSES.items())),
        "dead letter headers": _fields(every[DEAD_LETTER]),
        "alert": _record(every[ALERT]),
        "ledger": "\n\n".join([_record(every[LEDGER]), *_nested()]),
        "delivery": _record(every[DELIVERY]),
        "silence": _record(every[SILENCE]),
    }


def quality_parts() -> dict[str, str]:
    """The part of docs/quality.md."""
    return {"figures": _table(("figure", "called", "in, better", "formula", "source"), figure_rows())}


def metrics_parts() -> dict[str, str]:
    """The parts of docs/metrics.md."""
    tickets, engine = [
        [Declared(family.name, "gauge", family.labels, family.meaning) for family in families]
        for families in (FAMILIES, ENGINE_FAMILIES)
    ]
    return {
        "tickets": _metrics(tickets),
        "worker": _metrics([*declared(vars(Meters()).values()), *engine]),
        "notifier": _metrics(declared(vars(NotifierMetrics()).values())),
        "tree": _metrics(declared(vars(TreeMetrics()).values())),
        "board": _metrics(declared(vars(BoardMetrics()).values())),
    }


def declared(values: Iterable[object]) -> Iterator[Declared]:
    """The metrics among these."""
    for value in values:
        if isinstance(value, Counter | Gauge | Histogram):
            (metric,) = value.describe()
            labels = value._labelnames  # prometheus_client has no public word for it
            total = "_total" if metric.type == "counter" else ""
            yield Declared(metric.name + total, metric.type, labels, metric.documentation)


def _topics() -> str:
    topics = Topics()
    kinds = {topics.name(base): kind for kind, base in TOPIC_OF.items()}
    rows = (
        (f"`{topic.name}`", f"`{kinds[topic.name]}`", f"`{topic.key}`") for topic in topics.all if topic.name in kinds
    )
    return _table(("topic", "`type`", "key"), rows)


def _event_types(every: Mapping[str, Schema]) -> Iterator[str]:
    common = {"type", *Event.__struct_fields__}
    for event_type in TYPES:
        tag = tag_of(event_type)
        schema = every[tag]
        own = set(schema["properties"]) - common - ({"ticket_id"} if issubclass(event_type, TicketEvent) else set())
        yield f"### `{tag}` on `{TOPIC_OF[tag]}`"
        yield schema["description"]
        yield _fields(schema, own) if own else "No further fields."
        yield _example(schema)


def _record(schema: Schema) -> str:
    return f"{_fields(schema)}\n\n{_example(schema)}"


def _nested() -> Iterator[str]:
    for name, schema in nested().items():
        yield f"`{name}`:"
        yield _fields(schema)


def _example(schema: Schema) -> str:
    (example,) = schema["examples"]
    compact = json.dumps(example, ensure_ascii=False)
    return f"```json\n{compact if len(compact) <= 110 else _unfolded(example)}\n```"


def _unfolded(example: Any) -> str:
    """A field a line; what is within a field stays on it, but for lists of objects."""
    lines = []
    for name, value in example.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and len(text) > 100:
            items = ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value)
            text = f"[\n{items}\n  ]"
        lines.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _fields(schema: Schema, only: set[str] | None = None) -> str:
    """The required fields in bold, and first."""
    required = schema.get("required", [])
    names = [name for name in schema["properties"] if only is None or name in only]
    ordered = sorted(names, key=lambda name: name not in required)
    rows = (
        (
            f"**`{name}`**" if name in required else f"`{name}`",
            _kind(schema["properties"][name]),
            schema["properties"][name].get("description", "Which type of event it is."),
        )
        for name in ordered
    )
    return _table(("field", "type", "meaning"), rows)


def _kind(schema: Schema) -> str:
    """A property's type in words."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "const" in schema:
        return "the type's name"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"] if part != {"type": "null"})
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    (kind,) = [kind for kind in kinds if kind != "null"]
    nullable = " or null" if "null" in kinds and schema.get("format") else ""
    if schema.get("format") == "date-time":
        return f"instant{nullable}"
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    if kind == "object":
        return f"object of {_kind(schema['additionalProperties'])}"
    if kind == "integer" and "maximum" in schema and schema["maximum"] < 10:
        return f"{schema['minimum']} to {schema['maximum']}"
    if "maxLength" in schema:
        return f"text, at most {schema['maxLength']}"
    return {"string": "text", "boolean": "true or false", "number": "number", "integer": "whole number"}[kind]


def _metrics(metrics: Iterable[Declared]) -> str:
    rows = (
        (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.meaning)
        for metric in metrics
    )
    return _table(("name", "type", "labels", "meaning"), rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
