"""The AsyncAPI 3.0 description of the topics: channels, messages, keys, and how Kafka keeps them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from agents.documents.schemas import ALERT, DEAD_LETTER, DELIVERY, LEDGER, SILENCE, nested, schemas
from agents.topics import Topics
from config.settings import Settings
from streams.events import TOPIC_OF

if TYPE_CHECKING:
    from agents.topics import Topic

Json = dict[str, Any]

VERSION = "1.0.0"
"""Of the records, not of the program: its first number rises when a consumer or a producer must change."""

_COMPONENT = "#/components/schemas/{name}"
_BINDING = {"bindingVersion": "0.5.0"}
_KEYS = {
    "ticket_id": "The ticket's id in UTF-8.",
    "agent_id": "The agent's id in UTF-8.",
    "as it came": "The key of the record that could not be used.",
    "id": "The silence's id.",
    "alert_id|kind|destination": "Alert, kind and destination, joined by `|`.",
}


def document() -> Json:
    """The whole file."""
    topics = Topics()
    ours = {
        topics.alerts: ALERT,
        topics.ledger: LEDGER,
        topics.dead_letters: DEAD_LETTER,
        topics.deliveries: DELIVERY,
        topics.silences: SILENCE,
    }
    message_of = {topics.name(base): tag for tag, base in TOPIC_OF.items()} | ours
    shown = [topic for topic in topics.all if topic.name in message_of]
    partitions = Settings.model_fields["partitions"].default
    found: Json = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "slawatch",
            "version": VERSION,
            "description": "Ticket events in; alerts, the ledger and what could not be read out. docs/events.md says "
            "how to send them. Names are without SLAWATCH_TOPIC_PREFIX. The worker's own topics - its changelog, "
            "its heartbeats, the policies that were applied - are nobody else's and not described here.",
        },
        "servers": {
            "kafka": {"host": "localhost:9092", "protocol": "kafka", "description": "Where SLAWATCH_KAFKA points."}
        },
        "defaultContentType": "application/json",
        "channels": {
            topic.name: {
                "address": topic.name,
                "description": topic.meaning,
                "messages": {message_of[topic.name]: {"$ref": f"#/components/messages/{message_of[topic.name]}"}},
                "bindings": {
                    "kafka": {
                        "topic": topic.name,
                        "partitions": partitions,
                        "topicConfiguration": _configuration(topic),
                        **_BINDING,
                    }
                },
            }
            for topic in shown
        },
        "operations": {
            f"{'send' if topic.name in ours else 'receive'}_{message_of[topic.name]}": {
                "action": "send" if topic.name in ours else "receive",
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "messages": [{"$ref": f"#/channels/{topic.name}/messages/{message_of[topic.name]}"}],
            }
            for topic in shown
        },
        "components": {
            "messages": {message_of[topic.name]: _message(message_of[topic.name], topic.key) for topic in shown},
            "schemas": {**schemas(_COMPONENT), **nested(_COMPONENT)},
        },
    }
    for name, schema in found["components"]["schemas"].items():
        examples = schema.pop("examples", None)  # a message shows its own
        if examples is not None:
            place = "headers" if name == DEAD_LETTER else "payload"
            found["components"]["messages"][name]["examples"] = [{place: example} for example in examples]
    return found


def written() -> str:
    """The document as docs/asyncapi.yaml holds it."""
    plain = json.loads(json.dumps(document()))  # nothing is shared any more, or YAML would point at it
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)


def _configuration(topic: Topic) -> Json:
    kept = {} if topic.retention is None else {"retention.ms": topic.retention // 1000}
    return {"cleanup.policy": topic.cleanup.split(","), **kept}


def _message(name: str, key: str) -> Json:
    schema = {"$ref": _COMPONENT.format(name=name)}
    message: Json = {
        "name": name,
        "bindings": {"kafka": {"key": {"type": "string", "description": _KEYS[key]}, **_BINDING}},
    }
    if name == DEAD_LETTER:
        return {**message, "contentType": "application/octet-stream", "headers": schema}
    return {**message, "payload": schema}
