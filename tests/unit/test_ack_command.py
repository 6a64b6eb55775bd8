"""`slawatch ack`: which alerts it takes, what it writes, and what it refuses before it asks anybody."""

import msgspec
import pytest
from click.testing import CliRunner
from notices import START, alert_record

from agents.ack.events import acknowledged
from agents.ack.open_alerts import Found
from agents.commands.ack import command
from streams.events import AlertAcknowledged, Reader


def values(*records: dict[str, object]) -> list[bytes | None]:
    return [msgspec.json.encode(record) for record in records]


def test_an_alert_is_found_by_its_id_with_its_ticket() -> None:
    found = Found(alert_id=alert_record(2)["alert_id"])
    found.read(values(alert_record(1), alert_record(2), alert_record(2)))
    assert [alert.ticket_id for alert in found.alerts] == ["T-2"]


def test_a_ticket_gives_its_breaches_and_escalations_that_still_hold() -> None:
    found = Found(ticket_id="T-1")
    found.read(
        values(
            alert_record(1, alert_id="a" * 24, level="warning"),
            alert_record(1, alert_id="b" * 24),
            alert_record(1, alert_id="c" * 24, level="escalation", step=1),
            alert_record(1, alert_id="d" * 24),
            alert_record(2),
            alert_record(1, alert_id="d" * 24, kind="corrected"),
            alert_record(1, alert_id="e" * 24),
            alert_record(1, alert_id="e" * 24, kind="recovered"),
            alert_record(1, alert_id="c" * 24, kind="acknowledged", acknowledged_by="a17"),
            alert_record(1, alert_id="e" * 24, kind="acknowledged", acknowledged_by="a17"),
        )
    )
    assert [(alert.alert_id[0], alert.kind) for alert in found.alerts] == [("b", "raised"), ("c", "acknowledged")]


def test_what_is_no_alert_or_of_no_ticket_is_passed_over() -> None:
    found = Found(alert_id="a" * 24)
    found.read([None, b"", b"{}", *values(alert_record(1, alert_id="a" * 24, ticket_id="", level="operations"))])
    assert found.alerts == []


def test_the_event_is_one_that_a_worker_reads_and_is_the_same_each_time() -> None:
    first = acknowledged("a" * 24, "T-1", "Li Wei", None, START)
    again = acknowledged("a" * 24, "T-1", "somebody else", "late", START + 1)
    read = Reader(AlertAcknowledged).read(msgspec.json.encode(first))
    assert msgspec.structs.asdict(read) == msgspec.structs.asdict(first)
    assert (read.key, read.at) == ("T-1", START)
    assert again.event_id == first.event_id


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name an ALERT_ID"),
        (["a", "--ticket", "T-1"], "name an ALERT_ID"),
        (["a", "--by", " "], "--by"),
        (["a", "--by", "x" * 101], "--by"),
        (["a", "--by", "x", "--note", "x" * 501], "--note"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], says: str) -> None:
    answer = CliRunner().invoke(command, arguments)
    assert answer.exit_code == 2
    assert says in answer.output
