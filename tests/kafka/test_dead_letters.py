"""`slawatch dead-letters`: what was refused can be counted, read without harm, and put back where it came from."""

import asyncio
from collections.abc import Callable

import pytest
from command_line import slawatch
from topic_records import Record, create_topics, read_records, write_records

from agents.dead_letters import printable
from streams.events import TOPIC_OF

BAD = b'{"type":"ticket_rated","ticket_id":"T-2","score":9}'


class Desk:
    """The topics of one test, and the command on them."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.inputs = [prefix + topic for topic in TOPIC_OF.values()]
        asyncio.run(create_topics(bootstrap, [*self.inputs, f"{prefix}dead-letters"]))

    def letter(self, topic: str, key: bytes | None, value: bytes | None, cause: str, **more: str) -> Record:
        """A dead letter as the worker writes it."""
        headers = {"partition": "1", "offset": "17", "reason": f"reason of {cause}", "field": "", "cause": cause}
        headers |= {"topic": self.prefix + topic, "at": "2026-03-02T09:00:00Z", **more}
        encoded = [(name, text.encode()) for name, text in headers.items()]
        return f"{self.prefix}dead-letters", key, value, encoded

    def put(self, *letters: Record) -> list[str]:
        """Their names on the command line."""
        return [f"{p}:{o}" for p, o in write_records(self.bootstrap, letters)]

    def run(self, *arguments: str, expected: int = 0) -> str:
        """What `slawatch dead-letters` prints, which must end with the exit code expected."""
        done = slawatch("dead-letters", *arguments, kafka=self.bootstrap, topic_prefix=self.prefix)
        assert done.returncode == expected, done.stderr
        return done.stdout + done.stderr

    def arrived(self) -> list[tuple[str, bytes | None, bytes | None]]:
        """(topic without prefix, key, value) of all that lies on the event topics."""
        records = asyncio.run(read_records(self.bootstrap, self.inputs))
        return [(record.topic.removeprefix(self.prefix), record.key, record.value) for record in records]


@pytest.fixture
def desk(kafka: str, unique: str) -> Desk:
    return Desk(kafka, f"{unique}.")


def test_an_empty_topic_is_said_to_be_empty(desk: Desk) -> None:
    assert desk.run("list") == "no dead letters\n"
    assert desk.run("requeue", "--all") == "no dead letters\n"


def test_the_list_counts_causes_and_shows_the_newest(desk: Desk) -> None:
    desk.put(
        *(desk.letter("ticket-rated", b"T-2", BAD, "unreadable", field="score") for _ in range(3)),
        desk.letter("agent-replied", b"T-\x1b[31m3", b"x", "ahead", at="2026-03-02T10:00:00Z"),
    )
    lines = desk.run("list", "--limit", "2").splitlines()
    assert lines[1].split() == ["3", "unreadable", "score"]
    assert lines[2].split() == ["1", "ahead"]
    assert len(lines) == 7  # counts, a blank line, and the two newest under their title
    assert "2026-03-02T10:00:00Z" in lines[5]
    assert f"{desk.prefix}agent-replied 1:17" in lines[5]
    assert "T-\\x1b[31m3" in lines[5]
    assert "score: reason of unreadable" in lines[6]
    only = desk.run("list", "--reason", "ahead").splitlines()
    assert len(only) == 5


def test_one_is_shown_as_it_came_and_harms_no_terminal(desk: Desk) -> None:
    (name,) = desk.put(
        desk.letter("ticket-rated", None, b"\xff\x1b]0;gotcha\x07 {\n", "unreadable", cut_from_bytes="70000")
    )
    shown = desk.run("show", name)
    assert "cause:    unreadable" in shown
    assert "cut from: 70000 bytes" in shown
    assert "key:      null" in shown
    assert shown.endswith("\\xff\\x1b]0;gotcha\\x07 {\\n\n")
    assert "\x1b" not in shown


@pytest.mark.parametrize("place", ["0:99", "7:0"])
def test_a_place_without_a_letter_is_a_usage_error(desk: Desk, place: str) -> None:
    assert f"no dead letter {place}" in desk.run("show", place, expected=2)
    assert f"no dead letter {place}" in desk.run("requeue", place, expected=2)


def test_one_is_put_back_with_its_key(desk: Desk) -> None:
    names = desk.put(
        desk.letter("ticket-rated", b"T-2", BAD, "error"), desk.letter("ticket-rated", b"T-3", BAD, "error")
    )
    assert "1  put back" in desk.run("requeue", names[0])
    assert desk.arrived() == [("ticket-rated", b"T-2", BAD)]


@pytest.mark.parametrize("reason", ["ahead", "reason of ahe"], ids=["the cause", "part of the reason"])
def test_a_reason_selects_what_is_put_back(desk: Desk, reason: str) -> None:
    desk.put(
        desk.letter("ticket-rated", b"T-2", BAD, "ahead"),
        desk.letter("agent-replied", b"T-3", b"{}", "unreadable"),
    )
    desk.run("requeue", "--reason", reason)
    assert desk.arrived() == [("ticket-rated", b"T-2", BAD)]


def test_equal_letters_are_put_back_once_so_that_they_cannot_multiply(desk: Desk) -> None:
    again = desk.letter("ticket-rated", b"T-2", BAD, "unreadable")
    desk.put(again, again, desk.letter("agent-replied", b"T-2", BAD, "unreadable"))
    told = desk.run("requeue", "--all")
    assert "2  put back" in told
    assert "1  the same record as another one" in told
    assert sorted(desk.arrived(), key=repr) == [("agent-replied", b"T-2", BAD), ("ticket-rated", b"T-2", BAD)]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda desk: desk.letter("ticket-rated", b"k", BAD, "unreadable", cut_from_bytes="70000"), "too long"),
        (lambda desk: desk.letter("elsewhere", b"k", BAD, "unreadable"), "not from one of the event topics"),
        (lambda desk: desk.letter("ticket-rated", None, None, "unreadable"), "neither key nor value"),
        (lambda desk: (f"{desk.prefix}dead-letters", b"k", b"no headers", []), "not from one of the event topics"),
    ],
    ids=["cut", "foreign topic", "empty", "no headers"],
)
def test_what_cannot_be_put_back_is_told_and_the_rest_is(desk: Desk, spoil: Callable[[Desk], Record], why: str) -> None:
    desk.put(spoil(desk), desk.letter("ticket-rated", None, b"{", "unreadable"))
    told = desk.run("requeue", "--all", expected=1)
    assert f"1  {why}" in told
    assert desk.arrived() == [("ticket-rated", None, b"{")]


def test_many_are_put_back_in_one_go(desk: Desk) -> None:
    letters = [desk.letter("ticket-rated", b"T-%d" % n, BAD, "unreadable") for n in range(300)]
    desk.put(*letters)
    assert "300  put back" in desk.run("requeue", "--reason", "unreadable")
    assert len(desk.arrived()) == 300


@pytest.mark.parametrize("arguments", [(), ("--all", "0:1"), ("--all", "--reason", "x"), ("1",), ("a:b",), ("-1:0",)])
def test_what_to_put_back_must_be_said_once(desk: Desk, arguments: tuple[str, ...]) -> None:
    desk.run("requeue", *arguments, expected=2)
    assert desk.arrived() == []


def test_missing_topics_are_refused(kafka: str, unique: str) -> None:
    for arguments in (["list"], ["show", "0:0"], ["requeue", "--all"]):
        done = slawatch("dead-letters", *arguments, kafka=kafka, topic_prefix=f"{unique}.")
        assert done.returncode == 3, done.stderr


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, "null"),
        (b"plain {}", "plain {}"),
        ("工单".encode(), "工单"),
        (b"\xc3\x28\x00", "\\xc3(\\x00"),
        ("a\u202eb\u2028", "a\\u202eb\\u2028"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_what_others_wrote_is_printed_safely(data: bytes | str | None, expected: str) -> None:
    assert printable(data) == expected
