"""The generated documents: current, in agreement with what reads and writes the records, and without gaps."""

import gzip
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator
from shared import shared_dir

from agents.dead_letters import Cause
from agents.documents import documents, examples
from agents.documents.asyncapi import document
from agents.documents.pages import filled
from agents.documents.schemas import ALERT, CAUSES, DEAD_LETTER, DELIVERY, LEDGER, MEANINGS, SILENCE, files
from agents.notifier.message import Delivery, read_alert
from agents.topics import Topics
from config.settings import Settings
from streams import ledger_record
from streams.events import TOPIC_OF, TYPES, BadEvent, Reader, tag_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SCHEMAS = {name.removesuffix(".json"): schema for name, schema in files().items()}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
EVENTS = examples.events()
READERS = {tag_of(event_type): Reader(event_type) for event_type in TYPES}
SAMPLE = 4_000  # events of each shared file

# Whether a field takes each of these must be the same for schema and reader.
VALUES: list[Any] = [
    *(None, "", "x", "x" * 256, "x" * 257, "open", "online", "agent", "2026-03-02T09:00:00+08:00"),
    *(0, 1, 5, 6, -1, 2.5, -0.5, 2**63 - 1, 2**63, True, False),
    *([], ["x"], [1], [None], {}, {"x": 1}, {"x": 6}, {"x": "y"}, {"x": None}),
]


def section(tag: str) -> str:
    """What docs/events.md says of a type."""
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    _, _, rest = page.partition(f"### `{tag}` on `{TOPIC_OF[tag]}`\n")
    return re.split(r"^(?:###|<!--) ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def reads(tag: str, event: Any) -> bool:
    try:
        READERS[tag].read(msgspec.json.encode(event))
    except BadEvent:
        return False
    return True


def test_the_documents_are_current() -> None:
    stale = [name for name, text in documents(DOCS).items() if (DOCS / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run: make docs"


def test_pages_name_the_addresses_that_processes_listen_on() -> None:
    pages = "\n".join(path.read_text() for path in DOCS.glob("*.md"))
    named = re.findall(r"SLAWATCH_(\w+_LISTEN)`? \(([\d.]+:\d+)\)", pages)
    assert len({name for name, _ in named}) >= 4
    assert [one for one in named if Settings.model_fields[one[0].lower()].default != one[1]] == []


def test_no_schema_is_left_of_a_type_that_is_no_more() -> None:
    assert {path.name for path in (DOCS / "schemas").iterdir()} == set(files())


def test_a_page_whose_places_are_not_those_of_the_parts_is_refused() -> None:
    page = "<!-- a: written by make docs -->\nold\n<!-- end of a -->\nwords\n"
    assert filled(page, {"a": "new"}) == "<!-- a: written by make docs -->\n\nnew\n\n<!-- end of a -->\nwords\n"
    with pytest.raises(ValueError, match="places"):
        filled(page, {"b": "new"})
    with pytest.raises(ValueError, match="no end"):
        filled("<!-- a: written by make docs -->", {"a": "new"})


@pytest.mark.parametrize("tag", TOPIC_OF)
def test_the_example_of_a_type_on_the_page_is_read_and_has_no_unknown_field(tag: str) -> None:
    (text,) = re.findall(r"```json\n(.+?)\n```", section(tag), re.DOTALL)
    event = READERS[tag].read(text.encode())
    assert not event.has_unknown_fields
    assert tag_of(type(event).__bases__[0]) == tag
    assert VALIDATORS[tag].is_valid(json.loads(text))


@pytest.mark.parametrize("tag", TOPIC_OF)
def test_the_page_sets_the_required_fields_of_a_type_in_bold(tag: str) -> None:
    common = {"type", "event_id", "occurred_at", "ticket_id"}
    assert set(re.findall(r"\*\*`(\w+)`\*\*", section(tag))) == set(SCHEMAS[tag]["required"]) - common


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_accepts_its_example(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    for example in SCHEMAS[name]["examples"]:
        VALIDATORS[name].validate(example)


def test_the_examples_of_what_we_write_are_read_by_those_who_read_it() -> None:
    assert ledger_record.decode(msgspec.json.encode(SCHEMAS[LEDGER]["examples"][0])).ticket_id == "T-1042"
    assert read_alert(msgspec.json.encode(SCHEMAS[ALERT]["examples"][0])).level == "breach"
    assert msgspec.convert(SCHEMAS[DELIVERY]["examples"][0], Delivery).state == "sent"
    (acknowledgement,) = SCHEMAS["alert_acknowledged"]["examples"]
    assert acknowledgement["alert_id"] == SCHEMAS[ALERT]["examples"][0]["alert_id"]


@pytest.mark.parametrize("data", ["helpdesk", "fuzz"])
def test_the_schemas_accept_the_shared_events(data: str) -> None:
    with gzip.open(shared_dir() / "data" / data / "events.jsonl.gz") as lines:
        for line in itertools.islice(lines, SAMPLE):
            event = json.loads(line)
            VALIDATORS[event["type"]].validate(event)


def altered() -> Iterator[tuple[str, str, Any]]:
    for tag, schema in SCHEMAS.items():
        if tag in TOPIC_OF:
            for field in schema["properties"]:
                yield from ((tag, field, value) for value in VALUES)


def test_a_schema_takes_a_value_of_a_field_where_the_reader_does() -> None:
    """All but lenience of the reader: an instant not written as RFC 3339 has it, and a type that the topic tells."""
    differ = []
    for tag, field, value in altered():
        if field == "type":
            continue
        event = {**EVENTS[tag], field: value}
        if VALIDATORS[tag].is_valid(event) != reads(tag, event):
            differ.append((tag, field, value))
    assert differ == []


@pytest.mark.parametrize("tag", TOPIC_OF)
def test_a_schema_and_the_reader_want_every_required_field(tag: str) -> None:
    event = EVENTS[tag]
    for field in set(SCHEMAS[tag]["required"]) - {"type"}:
        lacking = {name: value for name, value in event.items() if name != field}
        assert not VALIDATORS[tag].is_valid(lacking)
        assert not reads(tag, lacking)
    assert VALIDATORS[tag].is_valid({**event, "nobody_knows": 1})
    assert reads(tag, {**event, "nobody_knows": 1})
    assert not VALIDATORS[tag].is_valid({**event, "type": "nothing"})
    assert not reads(tag, {**event, "type": "nothing"})


@pytest.mark.parametrize(
    "instant",
    [
        "2026-03-02",
        "2026-03-02T09:00:00",
        "2026-03-02T09:00Z",
        "02.03.2026 09:00",
        "1772413200",
        "2026-03-02T09:00:00 CET",
    ],
)
def test_what_is_no_instant_with_an_offset_is_refused(instant: str) -> None:
    event = {**EVENTS["customer_replied"], "occurred_at": instant}
    assert not VALIDATORS["customer_replied"].is_valid(event)
    assert not reads("customer_replied", event)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_property_says_what_it_means(name: str) -> None:
    described = [SCHEMAS[name], *SCHEMAS[name].get("$defs", {}).values()]
    silent = [
        (schema["title"], field)
        for schema in described
        for field, said in schema["properties"].items()
        if not said.get("description") and field != "type"
    ]
    assert silent == []


def test_no_meaning_is_left_of_a_field_that_is_no_more() -> None:
    own = {"Alert": ALERT, "LedgerRecord": LEDGER, "Delivery": DELIVERY, "Silence": SILENCE}
    for name, meanings in MEANINGS.items():
        schema = SCHEMAS[own[name]] if name in own else SCHEMAS[LEDGER]["$defs"][name]
        assert set(meanings) == set(schema["properties"]), name
    assert tuple(CAUSES) == get_args(Cause)


class TestAsyncApi:
    """The file follows AsyncAPI 3.0: its references resolve, and it names every topic that others meet."""

    document = document()

    def resolved(self, reference: str) -> Any:
        found = self.document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found

    def references(self, part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for inner in part.values():
                yield from self.references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from self.references(inner)

    def test_the_file_is_the_document(self) -> None:
        assert yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8")) == self.document

    def test_every_reference_resolves(self) -> None:
        found = list(self.references(self.document))
        assert len(found) > len(SCHEMAS)
        for reference in found:
            assert self.resolved(reference)

    def test_the_channels_are_the_topics_but_for_the_workers_own(self) -> None:
        topics = Topics()
        ours = {topics.changelog, topics.heartbeats, topics.policies}
        assert set(self.document["channels"]) == {topic.name for topic in topics.all} - ours
        for topic in topics.all:
            if topic.name not in ours:
                kafka = self.document["channels"][topic.name]["bindings"]["kafka"]
                assert kafka["topicConfiguration"]["cleanup.policy"] == topic.cleanup.split(",")

    def test_events_are_received_and_all_else_is_sent(self) -> None:
        actions = {
            op["channel"]["$ref"].rpartition("/")[2]: op["action"] for op in self.document["operations"].values()
        }
        inputs = set(Topics().inputs)
        assert actions == {name: "receive" if name in inputs else "send" for name in self.document["channels"]}

    def test_every_message_has_a_key_and_an_example_that_its_schema_accepts(self) -> None:
        for name, message in self.document["components"]["messages"].items():
            assert message["bindings"]["kafka"]["key"]["description"]
            place = "headers" if name == DEAD_LETTER else "payload"
            assert message[place] == {"$ref": f"#/components/schemas/{name}"}
            for example in message["examples"]:
                VALIDATORS[name].validate(example[place])
